//! Reasons that a plugin gives: they reach people and logs.

use chancery_domain::template::Issue;

use crate::{bindings::types, log::escaped, manifest::is_name};

const MAX_REASONS: usize = 50;

/// At least one, of the agreed form; the error completes "its answer breaks the contract: …".
pub(crate) fn accept(issues: Vec<types::Issue>) -> Result<Vec<Issue>, String> {
    if issues.is_empty() || issues.len() > MAX_REASONS {
        return Err(format!("it gives no reason, or more than {MAX_REASONS}"));
    }
    let accept = |issue: types::Issue| {
        if !is_name(&issue.code) {
            return Err("the code of a reason is not of the form `[a-z][a-z0-9-]*`".to_owned());
        }
        if !(issue.pointer.is_empty() || issue.pointer.starts_with('/')) {
            return Err("the pointer of a reason is no JSON Pointer".to_owned());
        }
        Ok(Issue {
            pointer: escaped(&issue.pointer, 500),
            code: issue.code,
            message: escaped(&issue.message, 1000),
        })
    };
    issues.into_iter().map(accept).collect()
}
