//! The binary as shells and scripts see it: exit codes, and which words go to which stream.
#![cfg(test)]

use std::process::{Command, Output};

/// Runs `chancery` in an environment that says nothing.
fn chancery(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(line.split_whitespace())
        .env_clear()
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap()
}

/// Exit code, stdout and stderr.
fn outcome(line: &str) -> (Option<i32>, String, String) {
    let output = chancery(line);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_data_and_no_failure() {
    for line in ["--help", "wallet claim --help", "help offer create", "--version"] {
        let (code, stdout, stderr) = outcome(line);
        assert_eq!(code, Some(0), "{line}: {stderr}");
        assert!(!stdout.is_empty() && stderr.is_empty(), "{line}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_leaves_stdout_empty() {
    for line in [
        "",
        "offer",
        "offer create badge",
        "wallet claim",
        "wallet claim no-link",
        "offer list --url issuer.example --token t",
        "wallet claim x --trust not-there.pem",
    ] {
        let (code, stdout, stderr) = outcome(line);
        assert_eq!(code, Some(2), "{line}: {stderr}");
        assert!(stdout.is_empty() && !stderr.is_empty(), "{line}");
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_3() {
    for line in [
        "offer list --url http://127.0.0.1:9/api --token t",
        "wallet claim http://127.0.0.1:9/offers/secret/page",
    ] {
        let (code, stdout, stderr) = outcome(line);
        assert_eq!((code, stdout.as_str()), (Some(3), ""), "{line}: {stderr}");
        assert!(stderr.contains("fix:"), "{stderr}");
    }
}

#[test]
fn a_missing_configuration_ends_with_4() {
    for line in [
        "serve",
        "migrate",
        "doctor",
        "offer list --data not-there",
        "offer list --url https://issuer.example/api",
        "offer list --log x=y=z",
    ] {
        let (code, stdout, stderr) = outcome(line);
        assert_eq!((code, stdout.as_str()), (Some(4), ""), "{line}: {stderr}");
    }
}

#[test]
fn programs_get_failures_as_one_line_of_json() {
    for line in ["offer list --data not-there", "wallet claim no-link", "serve"] {
        let (_, _, stderr) = outcome(&format!("{line} --output json"));
        let failure: serde_json::Value = serde_json::from_str(&stderr).unwrap();
        assert!(failure["title"].as_str().is_some_and(|title| !title.is_empty()), "{stderr}");
    }
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, stdout, _) = outcome(&format!("completions {shell}"));
        assert_eq!(code, Some(0));
        assert!(stdout.contains("chancery"), "{shell}");
    }
}
