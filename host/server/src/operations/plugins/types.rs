//! Under which names a tenant may issue what its own plugins describe.
//!
//! A `vct` or a doctype is a claim to be the authority for a type. Of its own accord a tenant speaks for its own
//! addresses; every other type it gets from the deployment, whose operator answers for it.

use chancery_domain::template::{Definition, Issue};
use url::Url;

/// What the paths of an issuer's own documents and endpoints begin with.
const TAKEN: [&str; 17] = [
    ".well-known",
    "api",
    "authority.pem",
    "authorize",
    "challenge",
    "credential",
    "deferred-credential",
    "did.json",
    "jwks",
    "nonce",
    "notification",
    "oauth",
    "offers",
    "par",
    "status-lists",
    "token",
    "",
];

/// What a tenant with these issuer identifiers may not call its types.
pub(crate) fn presumptions(definition: &Definition, identifiers: &[String]) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut refuse = |pointer: &str, message: String| {
        issues.push(Issue { pointer: pointer.to_owned(), code: "not-yours".to_owned(), message });
    };
    if let Some(form) = &definition.sd_jwt
        && !form.vct.starts_with('/')
        && !identifiers.iter().any(|identifier| lies_below(&form.vct, identifier))
    {
        let own = identifiers.join(" or ");
        refuse(
            "/sd_jwt/vct",
            format!("{} does not lie below {own}; an operator can activate it for you", form.vct),
        );
    }
    // Where a type has its name it has its description, unless something else is there.
    if let Some(form) = &definition.sd_jwt {
        let paths = identifiers.iter().filter_map(|identifier| form.vct.strip_prefix(identifier.as_str()));
        if paths.chain([form.vct.as_str()]).any(is_taken) {
            refuse("/sd_jwt/vct", format!("{} is where something else is found", form.vct));
        }
    }
    if let Some(form) = &definition.mdoc {
        let hosts = identifiers.iter().filter_map(|identifier| reversed_host(identifier));
        if !hosts
            .into_iter()
            .any(|host| form.doctype == host || form.doctype.starts_with(&format!("{host}.")))
        {
            let message = format!("{} does not begin with a host of yours, reversed", form.doctype);
            refuse("/mdoc/doctype", message);
        }
    }
    issues
}

/// Whether a path below an issuer identifier is one of the host's own.
fn is_taken(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.split(['/', '?']).next())
        .is_some_and(|first| TAKEN.contains(&first))
}

fn lies_below(vct: &str, identifier: &str) -> bool {
    vct.strip_prefix(identifier).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

/// `https://id.acme.example` speaks for `example.acme.id`. An address with a path shares its host with others.
fn reversed_host(identifier: &str) -> Option<String> {
    let url = Url::parse(identifier).ok()?;
    let host = url.domain().filter(|_| url.path() == "/")?;
    Some(host.rsplit('.').collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use chancery_domain::template::{MdocProjection, SdJwtProjection};

    use super::*;

    fn presumed(vct: &str, doctype: &str, identifiers: &[&str]) -> Vec<String> {
        let definition = Definition {
            sd_jwt: Some(SdJwtProjection { vct: vct.to_owned(), claims: Vec::new() }),
            mdoc: Some(MdocProjection { doctype: doctype.to_owned(), elements: Vec::new() }),
            ..Definition::default()
        };
        let identifiers: Vec<String> = identifiers.iter().map(|text| (*text).to_owned()).collect();
        presumptions(&definition, &identifiers).into_iter().map(|issue| issue.pointer).collect()
    }

    #[test]
    fn a_tenant_speaks_for_its_own_addresses() {
        let own = ["https://platform.example/acme", "https://id.acme.example"];
        assert_eq!(presumed("https://id.acme.example/badge/1", "example.acme.id.badge.1", &own), [""; 0]);
        assert_eq!(presumed("https://platform.example/acme/badge", "example.acme.id", &own), [""; 0]);
    }

    #[test]
    fn a_type_that_lies_below_whoever_issues_it_is_theirs_unless_something_else_is_there() {
        let own = ["https://id.acme.example"];
        for (vct, refused) in [
            ("/types/badge/1", false),
            ("/jwks", true),
            ("/status-lists/badge", true),
            ("https://id.acme.example/token", true),
            ("https://id.acme.example/tokens", false),
        ] {
            assert_eq!(!presumed(vct, "example.acme.id.badge", &own).is_empty(), refused, "{vct}");
        }
    }

    #[test]
    fn a_tenant_speaks_for_nobody_else() {
        let own = ["https://platform.example/acme", "https://id.acme.example"];
        for (vct, doctype) in [
            ("urn:eudi:pid:1", "org.iso.18013.5.1.mDL"),
            ("https://platform.example/globex/badge", "example.platform.badge"),
            ("https://platform.example/acme", "example.acme.idbadge"),
            ("https://platform.example/acme-two/badge", "example.acme"),
            ("https://id.acme.example.evil.example/x", "example.evil"),
        ] {
            assert_eq!(presumed(vct, doctype, &own), ["/sd_jwt/vct", "/mdoc/doctype"], "{vct} {doctype}");
        }
    }
}
