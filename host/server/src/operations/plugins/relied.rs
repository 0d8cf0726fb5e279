//! What credentials that are out rely on, and what a new version would break of it. Whatever became of the version that
//! made them: replaced, rolled back, deactivated, quarantined.

use chancery_domain::template::{Definition, Issue};
use chancery_engine::Engine;
use chancery_store::{Relied, Store, StoreError, When};
use serde_json::Value;

use crate::tenants::templates::Templates;

/// What keeps `next` from answering after what is relied on; nothing if it may.
pub(crate) async fn differences(
    (store, engine, templates): (&Store, &Engine, &Templates),
    relied: &[Relied],
    next: &Definition,
) -> Result<Vec<Issue>, StoreError> {
    let mut issues = Vec::<Issue>::new();
    for one in relied {
        let before = match &one.definition {
            Some(kept) => read(kept)?,
            // It answered last before definitions were kept. What cannot be loaded any more cannot be compared with,
            // and is better replaced.
            None => match templates.load(store, engine, &one.activation).await {
                Ok(template) => template.definition().clone(),
                Err(_) => continue,
            },
        };
        let found = if one.when == When::Earlier {
            before.contradictions(next)
        } else {
            before.incompatibilities(next)
        };
        for issue in found {
            if !issues.iter().any(|other| (&other.pointer, &other.code) == (&issue.pointer, &issue.code)) {
                issues.push(issue);
            }
        }
    }
    Ok(issues)
}

fn read(kept: &Value) -> Result<Definition, StoreError> {
    serde_json::from_value(kept.clone())
        .map_err(|_| StoreError::Corrupt { table: "activations", column: "definition" })
}

/// What is kept of a definition.
pub(crate) fn kept(definition: &Definition) -> Value {
    serde_json::to_value(definition).unwrap_or_default()
}
