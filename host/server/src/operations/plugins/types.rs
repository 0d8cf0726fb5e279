//! Under which names a tenant may issue what its own plugins describe.
//!
//! A `vct` or a doctype is a claim to be the authority for a type, and so is a type or a context that is an address. Of
//! its own accord a tenant speaks for its own addresses; every other type it gets from the deployment, whose operator
//! answers for it.

use chancery_domain::template::{Definition, Issue};
use url::Url;

/// Who publishes vocabularies that are there for everybody to use.
const FOR_EVERYBODY: [&str; 2] = ["www.w3.org", "w3id.org"];
/// What the paths of an issuer's own documents and endpoints begin with.
const TAKEN: [&str; 18] = [
    ".well-known",
    "api",
    "authority.crl",
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
    let mut refuse = |pointer: String, message: String| {
        issues.push(Issue { pointer, code: "not-yours".to_owned(), message });
    };
    let own = identifiers.join(" or ");
    let is_own = |name: &str| identifiers.iter().any(|identifier| lies_below(name, identifier));
    // One that begins with a slash lies below whoever issues it.
    let is_own_type = |vct: &str| match vct.strip_prefix('/') {
        Some(path) => identifiers.iter().all(|own| lies_below(&format!("{own}/{path}"), own)),
        None => is_own(vct),
    };
    let not_own =
        |name: &str| format!("{name} does not lie below {own}; an operator can activate it for you");
    if let Some(form) = &definition.sd_jwt
        && !is_own_type(&form.vct)
    {
        refuse("/sd_jwt/vct".to_owned(), not_own(&form.vct));
    }
    // Where a type has its name it has its description, unless something else is there.
    if let Some(form) = &definition.sd_jwt {
        let paths = identifiers.iter().filter_map(|identifier| form.vct.strip_prefix(identifier.as_str()));
        if paths.chain([form.vct.as_str()]).any(is_taken) {
            refuse("/sd_jwt/vct".to_owned(), format!("{} is where something else is found", form.vct));
        }
    }
    if let Some(form) = &definition.mdoc {
        let hosts = identifiers.iter().filter_map(|identifier| reversed_host(identifier));
        if !hosts
            .into_iter()
            .any(|host| form.doctype == host || form.doctype.starts_with(&format!("{host}.")))
        {
            let message = format!("{} does not begin with a host of yours, reversed", form.doctype);
            refuse("/mdoc/doctype".to_owned(), message);
        }
    }
    if let Some(form) = &definition.w3c {
        for (index, name) in form.types.iter().enumerate() {
            // A bare word means what the contexts say; one with a colon is a name in itself, or a prefix of one.
            if name.contains(':') && !is_own(name) {
                refuse(format!("/w3c/types/{index}"), not_own(name));
            }
        }
        for (index, context) in form.contexts.iter().enumerate() {
            if !is_own(context) && !is_for_everybody(context) {
                refuse(format!("/w3c/contexts/{index}"), not_own(context));
            }
        }
    }
    issues
}

/// Whether the address lies below the identifier, however it is read: as it is written, and as a client asks for it.
fn lies_below(address: &str, identifier: &str) -> bool {
    let is_below =
        address.strip_prefix(identifier).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
    is_below && Url::parse(address).is_ok_and(|url| url.as_str() == address && is_plain(url.path()))
}

/// Without what some decode before they look for `..`, and others after.
fn is_plain(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    !["%2e", "%2f", "%5c", "%25"].iter().any(|encoded| path.contains(encoded))
}

fn is_for_everybody(context: &str) -> bool {
    Url::parse(context).is_ok_and(|url| {
        url.as_str() == context && url.domain().is_some_and(|host| FOR_EVERYBODY.contains(&host))
    })
}

/// Whether a path below an issuer identifier is one of the host's own.
fn is_taken(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.split(['/', '?']).next())
        .is_some_and(|first| TAKEN.contains(&first))
}

/// `https://id.acme.example` speaks for `example.acme.id`. An address with a path shares its host with others.
fn reversed_host(identifier: &str) -> Option<String> {
    let url = Url::parse(identifier).ok()?;
    let host = url.domain().filter(|_| url.path() == "/")?;
    Some(host.rsplit('.').collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use chancery_domain::template::{MdocProjection, SdJwtProjection, W3cProjection};

    use super::*;

    const OWN: [&str; 2] = ["https://platform.example/acme", "https://id.acme.example"];

    fn presumed_of(definition: &Definition) -> Vec<String> {
        let identifiers = OWN.map(str::to_owned);
        presumptions(definition, &identifiers).into_iter().map(|issue| issue.pointer).collect()
    }

    fn presumed(vct: &str, doctype: &str) -> Vec<String> {
        presumed_of(&Definition {
            sd_jwt: Some(SdJwtProjection { vct: vct.to_owned(), claims: Vec::new() }),
            mdoc: Some(MdocProjection { doctype: doctype.to_owned(), elements: Vec::new() }),
            ..Definition::default()
        })
    }

    fn presumed_w3c(name: &str, context: &str) -> Vec<String> {
        let (types, contexts) = (vec!["Badge".to_owned(), name.to_owned()], vec![context.to_owned()]);
        let w3c = Some(W3cProjection { types, contexts, claims: Vec::new() });
        presumed_of(&Definition { w3c, ..Definition::default() })
    }

    #[test]
    fn a_tenant_speaks_for_its_own_addresses() {
        assert_eq!(presumed("https://id.acme.example/badge/1", "example.acme.id.badge.1"), [""; 0]);
        assert_eq!(presumed("https://platform.example/acme/badge", "example.acme.id"), [""; 0]);
        assert_eq!(presumed("https://platform.example/acme/badge?version=1#a", "example.acme.id"), [""; 0]);
    }

    #[test]
    fn a_type_that_lies_below_whoever_issues_it_is_theirs_unless_something_else_is_there() {
        for (vct, refused) in [
            ("/types/badge/1", false),
            ("/types/../../globex/badge", true),
            ("/jwks", true),
            ("/status-lists/badge", true),
            ("https://id.acme.example/token", true),
            ("https://id.acme.example/tokens", false),
        ] {
            assert_eq!(!presumed(vct, "example.acme.id.badge").is_empty(), refused, "{vct}");
        }
    }

    #[test]
    fn whatever_is_found_below_an_issuer_identifier_is_taken() {
        let routes = include_str!("../../routes.rs").lines().map(str::trim);
        let paths = routes
            .filter(|line| line.contains("wallet::"))
            .filter_map(|line| line.strip_prefix(".route(\"/")?.split(['/', '"']).next());
        let paths: Vec<_> = paths.filter(|path| !path.starts_with('{')).collect();
        assert!(paths.len() > 15, "{paths:?}");
        for path in paths {
            assert!(TAKEN.contains(&path), "{path}");
        }
    }

    #[test]
    fn a_tenant_speaks_for_nobody_else() {
        for (vct, doctype) in [
            ("urn:eudi:pid:1", "org.iso.18013.5.1.mDL"),
            ("https://platform.example/globex/badge", "example.platform.badge"),
            ("https://platform.example/acme", "example.acme.idbadge"),
            ("https://platform.example/acme-two/badge", "example.acme"),
            ("https://id.acme.example.evil.example/x", "example.evil"),
        ] {
            assert_eq!(presumed(vct, doctype), ["/sd_jwt/vct", "/mdoc/doctype"], "{vct} {doctype}");
        }
    }

    #[test]
    fn a_way_up_leads_to_nobody_else() {
        for rest in [
            "../globex/badge",
            "./../globex/badge",
            "badge/../../globex/badge",
            "..\\globex\\badge",
            "%2e%2e/globex/badge",
            "%2E./globex/badge",
            "..%2fglobex/badge",
            "..%5Cglobex/badge",
            "%252e%252e/globex/badge",
            "bad\tge",
        ] {
            let vct = format!("https://platform.example/acme/{rest}");
            assert_eq!(presumed(&vct, "example.acme.id"), ["/sd_jwt/vct"], "{vct}");
        }
    }

    #[test]
    fn a_type_or_context_that_is_an_address_is_the_tenants_own_or_everybodys() {
        let (context, vocabulary) = ("https://id.acme.example/badge/v1", "https://w3id.org/security/v2");
        assert_eq!(presumed_w3c("https://id.acme.example/badge#Badge", context), [""; 0]);
        assert_eq!(presumed_w3c("Degree", vocabulary), [""; 0]);
        for name in ["https://platform.example/globex/Badge", "urn:eudi:pid:1", "schema:Person"] {
            assert_eq!(presumed_w3c(name, context), ["/w3c/types/1"], "{name}");
        }
        for context in [
            "https://platform.example/globex/v1",
            "https://platform.example/acme/../globex/v1",
            "https://w3id.org.evil.example/v1",
            "https://evil.example/www.w3.org/v1",
        ] {
            assert_eq!(presumed_w3c("Badge2", context), ["/w3c/contexts/0"], "{context}");
        }
    }
}
