//! Results in the form that build servers read.

use std::fmt::Write as _;

use chancery_engine::{Report, SelfTest, Verdict};

/// One suite, a case for each example.
pub(super) fn results(report: &Report, tests: &SelfTest) -> String {
    let suite = report.manifest.as_ref().map_or("plugin", |manifest| manifest.name.as_str());
    let failed = tests.cases.iter().filter(|case| case.verdict != Verdict::Passed).count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">",
        escaped(suite),
        tests.cases.len()
    );
    for case in &tests.cases {
        let seconds = case.usage.time.as_secs_f64();
        let _ = write!(text, "  <testcase name=\"{}\" time=\"{seconds:.6}\"", escaped(&case.claim));
        let _ = if case.verdict == Verdict::Passed {
            writeln!(text, "/>")
        } else {
            let verdict = serde_json::to_string(&case.verdict).unwrap_or_default();
            writeln!(text, "><failure>{}</failure></testcase>", escaped(&verdict))
        };
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_cannot_leave_its_place() {
        assert_eq!(escaped("<a b=\"c\">&\u{1b}"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}");
    }
}
