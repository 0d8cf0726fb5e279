//! Lists: one part of one, and how to get the next.

use serde_json::Value;

use crate::arguments::{Output, Part};
use crate::failure::Failure;
use crate::management::Reply;
use crate::output;

/// The query that asks for a part.
pub(super) fn query(part: &Part) -> Vec<(&'static str, String)> {
    let limit = part.limit.map(|limit| ("limit", limit.to_string()));
    let cursor = part.cursor.clone().map(|cursor| ("cursor", cursor));
    limit.into_iter().chain(cursor).collect()
}

/// Prints a part: as it came for programs, as a table for people.
pub(super) fn show(reply: &Reply, columns: &[&str], form: Output) -> Result<(), Failure> {
    if form == Output::Json {
        output::data(&reply.text)?;
        return Ok(());
    }
    let rows = reply.value.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        output::talk("none");
        return Ok(());
    }
    output::data(&output::table(rows, columns))?;
    if let Some(cursor) = reply.value.get("next_cursor").and_then(Value::as_str) {
        output::talk(&format!("there are more: add --cursor {}", output::plain(cursor)));
    }
    Ok(())
}
