//! What goes to stdout (data) and to stderr (talk).

use std::io::{self, Write};

use serde_json::Value;

/// Writes one line of data to stdout.
pub(crate) fn data(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", line.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
        // Whoever read us has read enough (`chancery offer list | head -1`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a line of talk to stderr. That nobody listens is no failure.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The members of an object, one a line, names aligned.
pub(crate) fn members(object: &Value) -> String {
    let Value::Object(object) = object else { return word(object) };
    let width = object.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    let line = |(name, value): (&String, &Value)| format!("{:<width$}  {}", plain(name), word(value));
    object.iter().filter(|(_, value)| !value.is_null()).map(line).collect::<Vec<_>>().join("\n")
}

/// The rows of a list as a table of the named columns; columns that no row has are left out.
pub(crate) fn table(rows: &[Value], columns: &[&str]) -> String {
    let present: Vec<&str> =
        columns.iter().copied().filter(|column| rows.iter().any(|row| !row[*column].is_null())).collect();
    let heading: Vec<String> = present.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let cells = rows.iter().map(|row| present.iter().map(|column| word(&row[*column])).collect::<Vec<_>>());
    let lines: Vec<Vec<String>> = std::iter::once(heading).chain(cells).collect();
    let widths: Vec<usize> = (0..present.len())
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let join = |line: &Vec<String>| {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(join).collect::<Vec<_>>().join("\n")
}

/// A value on one line: text as it is, everything else as JSON.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => plain(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        other => plain(&other.to_string()),
    }
}

/// Text of others without control characters: a terminal would obey them.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_aligned_and_nulls_left_out() {
        let shown = members(&json!({"id": "ofr_1", "expires_at": "soon", "tx_code": null, "n": 3}));
        assert_eq!(shown, "id          ofr_1\nexpires_at  soon\nn           3");
    }

    #[test]
    fn a_table_leaves_out_columns_that_no_row_has() {
        let rows = [json!({"id": "a", "state": "created"}), json!({"id": "bcd", "scopes": ["x", "y"]})];
        let shown = table(&rows, &["id", "state", "name", "scopes"]);
        assert_eq!(shown, "ID   STATE    SCOPES\na    created  -\nbcd  -        x, y");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
