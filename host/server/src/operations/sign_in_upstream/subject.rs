//! What a provider says of a person, as the subjects that templates are given.

use chancery_domain::template::Definition;
use chancery_engine::Authentication;
use chancery_store::HolderProvider;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::issuer::Issuer;
use crate::operations::circumstances::Circumstances;
use crate::operations::create_offer::OfferedCredential;

/// A claim, and the one that says whether it was verified (OpenID Connect Core §5.1).
const VERIFIED: [(&str, &str); 2] = [("email", "email_verified"), ("phone_number", "phone_number_verified")];

/// One credential for each configuration that is asked for.
pub(super) fn credentials(
    issuer: &Issuer,
    asked: &[String],
    provider: &HolderProvider,
    claims: &Map<String, Value>,
) -> Vec<OfferedCredential> {
    let templates = asked.iter().filter_map(|id| Some((id, issuer.template(id)?)));
    let credential = |(id, template): (&String, &chancery_engine::Template)| OfferedCredential {
        configuration_id: id.clone(),
        subject: Some(Value::Object(subject(template.definition(), provider, claims))),
        deferred: false,
    };
    templates.map(credential).collect()
}

/// The members that the template's schema knows, and no other: what is not needed is not kept for a moment.
fn subject(
    definition: &Definition,
    provider: &HolderProvider,
    claims: &Map<String, Value>,
) -> Map<String, Value> {
    let known = definition.subject_schema.get("properties").and_then(Value::as_object);
    let members = known.into_iter().flat_map(Map::keys);
    let value = |member: &String| {
        let claim = provider.claims.get(member).unwrap_or(member);
        let value = said(claims, claim)?;
        Some((member.clone(), value.clone()))
    };
    members.filter_map(value).collect()
}

/// Who vouches for the person, and how they signed in there (OpenID Connect Core §2).
pub(super) fn circumstances(claims: &Map<String, Value>) -> Circumstances {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::to_owned);
    let methods = claims.get("amr").and_then(Value::as_array).into_iter().flatten();
    let time = claims.get("auth_time").and_then(Value::as_i64);
    Circumstances {
        authentication: Some(Authentication {
            level: text("acr"),
            methods: methods.filter_map(|method| method.as_str().map(str::to_owned)).collect(),
            time: time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()),
        }),
        upstream_claims: Some(json!({ "iss": claims.get("iss"), "sub": claims.get("sub") })),
        prior_issuances: 0,
    }
}

/// A claim, by name or by JSON pointer; none that the provider itself does not vouch for.
fn said<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    let (name, rest) = match claim.strip_prefix('/') {
        None => (claim.to_owned(), None),
        Some(path) => {
            let (first, rest) =
                path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
            (first.replace("~1", "/").replace("~0", "~"), rest)
        }
    };
    let is_unverified = VERIFIED.iter().any(|(about, word)| {
        *about == name && claims.get(*word).is_some_and(|word| *word != true && *word != "true")
    });
    let value = claims.get(&name).filter(|value| !value.is_null() && !is_unverified)?;
    match rest {
        None => Some(value),
        Some(rest) => value.pointer(&format!("/{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_found_by_name_or_by_pointer_if_it_is_vouched_for() {
        let claims = json!({
            "given_name": "Ada", "https://op.example/roles": ["staff"], "address": { "country": "GB" },
            "email": "ada@example.com", "email_verified": false, "phone_number": "+44", "nickname": null,
        });
        let claims = claims.as_object().unwrap();
        for (claim, value) in [
            ("given_name", json!("Ada")),
            ("https://op.example/roles", json!(["staff"])),
            ("/https:~1~1op.example~1roles/0", json!("staff")),
            ("/address/country", json!("GB")),
            ("phone_number", json!("+44")),
        ] {
            assert_eq!(said(claims, claim), Some(&value), "{claim}");
        }
        for claim in ["email", "/email", "nickname", "sub", "/address/region", ""] {
            assert_eq!(said(claims, claim), None, "{claim}");
        }
    }
}
