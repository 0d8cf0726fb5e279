//! A second opinion: other people's code verifies what the demo issued, and sees it revoked.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{About, client, text};
use crate::announce::Step;
use crate::command;
use crate::workspace::Workspace;

/// Where the wallet keeps what it claimed, for the oracle to read.
pub(super) fn held(workspace: &Workspace) -> PathBuf {
    workspace.target().join("demo-held.json")
}

/// Verifies the held credential, revokes it, and finds it revoked.
pub(super) fn verify(workspace: &Workspace, python: &Path, about: &About, claimed: &Value) -> Result<()> {
    let step = Step::begin("verifying it with other people's code");
    let said = ask(workspace, python, claimed, "valid")?;
    step.done(said.trim());

    let step = Step::begin("revoking it");
    let credentials = client(workspace, Some(about), &["credential", "list"], None)?;
    let id = text(&credentials, "/data/0/id")?;
    client(workspace, Some(about), &["credential", "revoke", id], None)?;
    ask(workspace, python, claimed, "revoked").context("a revoked credential must be found revoked")?;
    step.done("found revoked");
    Ok(())
}

fn ask(workspace: &Workspace, python: &Path, claimed: &Value, status: &str) -> Result<String> {
    let claims = claimed.pointer("/credentials/0/claims").context("find the claims of the credential")?;
    command::output(
        workspace
            .command(python)
            .arg(workspace.root().join("xtask/oracle.py"))
            .arg(held(workspace))
            .arg(claims.to_string())
            .arg(status),
    )
}
