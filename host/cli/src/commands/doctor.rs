//! `chancery doctor`: what a start needs, looked at one by one.

use chancery_server::config::{Config, DevOptions};
use chancery_server::{Check, Outcome};
use serde_json::{Value, json};

use crate::arguments::{Doctor, Output};
use crate::data_directory::DataDirectory;
use crate::failure::Failure;
use crate::output::{self, plain};

pub(super) async fn doctor(doctor: Doctor, form: Output) -> Result<(), Failure> {
    let checks = if doctor.dev {
        // It makes keys and a database there, as a start would.
        let _directory = DataDirectory::take(&doctor.data)?;
        let config = Config::development(DevOptions { port: doctor.port, data: doctor.data, saas: false })?;
        chancery_server::doctor(&config).await
    } else {
        chancery_server::doctor(&Config::from_environment()?).await
    };
    let report = match form {
        Output::Text => checks.iter().map(as_text).collect::<Vec<_>>().join("\n"),
        Output::Json => json!({"checks": checks.iter().map(as_json).collect::<Vec<_>>()}).to_string(),
    };
    output::data(&report)?;
    let failed = checks.iter().filter(|check| matches!(check.outcome, Outcome::Fail { .. })).count();
    if failed == 0 { Ok(()) } else { Err(Failure::Unhealthy { failed, all: checks.len() }) }
}

/// Verdict, what was found, and how to mend it.
fn tell(outcome: &Outcome) -> (&'static str, &str, Option<&str>) {
    match outcome {
        Outcome::Ok(found) => ("ok", found, None),
        Outcome::Warn { found, fix } => ("warn", found, Some(fix)),
        Outcome::Fail { found, fix } => ("fail", found, Some(fix)),
    }
}

fn as_text(check: &Check) -> String {
    let (verdict, found, fix) = tell(&check.outcome);
    let line = format!("{verdict:<4}  {:<12}  {}", check.name, plain(found));
    match fix {
        None => line,
        Some(fix) => format!("{line}\n{:20}fix: {}", "", plain(fix)),
    }
}

fn as_json(check: &Check) -> Value {
    let (verdict, found, fix) = tell(&check.outcome);
    json!({"name": check.name, "outcome": verdict, "found": found, "fix": fix})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_tells_what_was_found_and_how_to_mend_it() {
        let fine = Check { name: "port", outcome: Outcome::Ok("free".into()) };
        assert_eq!(as_text(&fine), "ok    port          free");
        let outcome = Outcome::Fail { found: "no component".into(), fix: "build one".into() };
        let broken = Check { name: "plugins", outcome };
        assert!(as_text(&broken).ends_with("\n                    fix: build one"));
        let expected =
            json!({"name": "plugins", "outcome": "fail", "found": "no component", "fix": "build one"});
        assert_eq!(as_json(&broken), expected);
    }
}
