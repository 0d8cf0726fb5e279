//! The W3C forms of a credential type, as an author may declare them.

use chancery_domain::template::{Field, W3cClaim, W3cProjection};

use super::{Findings, MAX_PATH, is_identifier};
use crate::bindings::template as wit;

const MAX_NAMES: usize = 20;

impl Findings {
    pub(super) fn w3c(&mut self, projection: wit::W3cProjection, fields: &[Field]) -> W3cProjection {
        let wit::W3cProjection { types, contexts, claims } = projection;
        self.declared("/w3c/claims", claims.iter().map(|claim| &*claim.field), fields);
        if types.is_empty() {
            self.add("/w3c/types", "required", "must have at least one type beside `VerifiableCredential`");
        }
        if types.len() > MAX_NAMES || contexts.len() > MAX_NAMES {
            self.add("/w3c", "too-many", &format!("more than {MAX_NAMES} types or contexts"));
        }
        for (index, name) in types.iter().enumerate() {
            let pointer = format!("/w3c/types/{index}");
            if !is_identifier(name) || name == "VerifiableCredential" {
                let message =
                    "must be from 1 to 128 visible ASCII characters, and not `VerifiableCredential`";
                self.add(pointer, "not-a-name", message);
            } else if types.iter().take(index).any(|other| other == name) {
                self.add(pointer, "duplicate", "is listed already");
            }
        }
        for (index, context) in contexts.iter().enumerate() {
            let is_url = context.starts_with("https://") && context.len() <= 512;
            // The base contexts are the host's: which of them comes first says which data model it is.
            if !is_url || !context.chars().all(|c| c.is_ascii_graphic()) || is_base(context) {
                let message = "must be an https URL, and none of the base contexts";
                self.add(format!("/w3c/contexts/{index}"), "not-a-context", message);
            }
        }
        for (index, claim) in claims.iter().enumerate() {
            let pointer = format!("/w3c/claims/{index}/path");
            match claim.path.as_slice() {
                [] => self.add(&*pointer, "required", "must have at least one member"),
                path if path.len() > MAX_PATH => {
                    self.add(&*pointer, "too-many", &format!("more than {MAX_PATH} members"));
                }
                [first, ..] if first == "id" => {
                    self.add(&*pointer, "reserved", "`id` is the holder, which the host alone sets");
                }
                path if path.iter().any(|member| !is_identifier(member) || member.starts_with('@')) => {
                    let message =
                        "each member must have 1 to 128 visible ASCII characters and begin without `@`";
                    self.add(&*pointer, "not-a-name", message);
                }
                _ => {}
            }
            let overlaps = |other: &wit::W3cClaim| {
                other.path.starts_with(&claim.path) || claim.path.starts_with(&other.path)
            };
            if claims.iter().take(index).any(overlaps) {
                self.add(pointer, "overlap", "another claim lies at, above or below it");
            }
        }
        let claims =
            claims.into_iter().map(|claim| W3cClaim { field: claim.field, path: claim.path }).collect();
        W3cProjection { types, contexts, claims }
    }
}

fn is_base(context: &str) -> bool {
    ["https://www.w3.org/2018/credentials/v1", "https://www.w3.org/ns/credentials/v2"].contains(&context)
}
