//! What a request's host and path say of whom it is for, before anything is looked up.

use std::net::IpAddr;

use chancery_domain::slug;
use chancery_protocol::well_known::WellKnown;
use url::Url;

use crate::config::Config;

/// Who a request is for, and its path as the tenant's own routes know it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// The platform itself: its administration, health, metrics.
    Platform,
    /// The one tenant of a self-hosted host.
    Sole(String),
    /// The tenant of that slug, at a host of its own or by the path.
    Slug { slug: String, at_host: Option<String>, path: String },
    /// The tenant whose verified domain that is.
    Domain(String, String),
    /// The platform's own authorization server.
    Application(String),
    /// The tenant that a verified token names, else the platform's own: management on the platform's host.
    Token(String),
    /// This server does not answer for the host that was asked (RFC 9110 §15.5.20).
    Misdirected,
    /// No tenant can have this path.
    Nowhere,
}

/// How this host is addressed.
#[derive(Debug)]
pub(crate) enum Addressing {
    /// One tenant, whatever the host; the path of the public URL is its prefix.
    Sole { prefix: String },
    /// Many tenants.
    Many {
        /// The host of the public URL. On it, and only on it, the path names the tenant.
        base: String,
        /// Tenants are the labels directly below it.
        subdomains_of: Option<String>,
        /// Whether the machine's own names mean the base too, as they do under development.
        loopback: bool,
    },
}

impl Addressing {
    pub(crate) fn of(config: &Config) -> Self {
        match config.saas() {
            None => Self::Sole { prefix: config.public_url.path().trim_end_matches('/').to_owned() },
            Some(saas) => Self::Many {
                base: config.public_url.host_str().unwrap_or_default().to_owned(),
                subdomains_of: saas.platform_base.clone(),
                loopback: config.development,
            },
        }
    }

    /// `host` is the Host header (or the authority of HTTP/2) as it came, `path` the path as it came.
    pub(crate) fn locate(&self, host: Option<&str>, path: &str) -> Address {
        match self {
            Self::Sole { prefix } => sole(prefix, path),
            // Whoever looks after the process knows it by an address, not by a name.
            Self::Many { .. } if OPERATIONS.contains(&path) => Address::Platform,
            Self::Many { base, subdomains_of, loopback } => {
                let Some(host) = host.and_then(canonical) else { return Address::Misdirected };
                if host == *base || (*loopback && is_loopback(&host)) {
                    return on_the_base(path);
                }
                let below =
                    |base: &String| Some(host.strip_suffix(base.as_str())?.strip_suffix('.')?.to_owned());
                match subdomains_of.as_ref().and_then(below) {
                    Some(slug) if is_tenants(&slug) => {
                        Address::Slug { slug, at_host: Some(host), path: path.to_owned() }
                    }
                    // Two labels below the base are nobody's.
                    Some(_) => Address::Misdirected,
                    None => Address::Domain(host, path.to_owned()),
                }
            }
        }
    }
}

/// Where the platform's own authorization server is, for those who administer the deployment.
const PLATFORMS_OWN: [&str; 3] = ["/.well-known/oauth-authorization-server", "/token", "/oauth/jwks"];

/// Health and metrics, wherever tenants live.
const OPERATIONS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

fn sole(prefix: &str, path: &str) -> Address {
    if OPERATIONS.contains(&path) {
        return Address::Platform;
    }
    if let Some((name, rest)) = well_known(path)
        && rest == prefix
    {
        return Address::Sole(format!("/.well-known/{name}"));
    }
    match path.strip_prefix(prefix) {
        Some("") => Address::Sole("/".to_owned()),
        // With a prefix, its root documents are not at the host's root.
        Some(rest) if rest.starts_with('/') => Address::Sole(rest.to_owned()),
        _ => Address::Nowhere,
    }
}

/// The path names the tenant: `/acme/token`, `/.well-known/openid-credential-issuer/acme`.
fn on_the_base(path: &str) -> Address {
    if PLATFORMS_OWN.contains(&path) {
        return Address::Application(path.to_owned());
    }
    if let Some((name, rest)) = well_known(path) {
        return match rest.strip_prefix('/') {
            Some(slug) if is_tenants(slug) => by_path(slug, &format!("/.well-known/{name}")),
            _ => Address::Nowhere,
        };
    }
    let Some((first, rest)) = first_segment(path) else { return Address::Nowhere };
    if is_tenants(first) {
        let path = if rest.is_empty() { "/" } else { rest };
        return by_path(first, path);
    }
    match first {
        "api" if !is_below(path, "/api/platform-admin") && !is_below(path, "/api/bootstrap") => {
            Address::Token(path.to_owned())
        }
        _ => Address::Platform,
    }
}

fn by_path(slug: &str, path: &str) -> Address {
    Address::Slug { slug: slug.to_owned(), at_host: None, path: path.to_owned() }
}

fn is_tenants(text: &str) -> bool {
    slug::has_shape(text) && !slug::is_reserved(text)
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `/acme/token` is `acme` and `/token`. Nothing is decoded: a slug has nothing to decode.
fn first_segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    Some(path.find('/').map_or((path, ""), |slash| path.split_at(slash)))
}

/// The name of a well-known document and what follows it.
fn well_known(path: &str) -> Option<(&'static str, &str)> {
    let path = path.strip_prefix("/.well-known/")?;
    [WellKnown::CredentialIssuer, WellKnown::AuthorizationServer, WellKnown::JwtVcIssuer]
        .into_iter()
        .find_map(|document| {
            let rest = path.strip_prefix(document.name())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((document.name(), rest))
        })
}

/// The host in the one form that names are stored in: lower case, without port and trailing dot,
/// internationalised labels in punycode.
fn canonical(host: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    if !url.username().is_empty() || url.password().is_some() || url.path() != "/" || url.query().is_some() {
        return None;
    }
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty() && !host.ends_with('.')).then(|| host.to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saas() -> Addressing {
        Addressing::Many {
            base: "issue.example".to_owned(),
            subdomains_of: Some("tenants.example".to_owned()),
            loopback: false,
        }
    }

    fn slug(slug: &str, path: &str) -> Address {
        by_path(slug, path)
    }

    #[test]
    fn on_the_base_the_path_names_the_tenant() {
        for (path, address) in [
            ("/acme/token", slug("acme", "/token")),
            ("/acme", slug("acme", "/")),
            ("/acme/", slug("acme", "/")),
            ("/acme/api/offers", slug("acme", "/api/offers")),
            (
                "/.well-known/openid-credential-issuer/acme",
                slug("acme", "/.well-known/openid-credential-issuer"),
            ),
            ("/acme/.well-known/jwt-vc-issuer", slug("acme", "/.well-known/jwt-vc-issuer")),
            ("/api/offers", Address::Token("/api/offers".to_owned())),
            ("/api/platform-admin/tenants", Address::Platform),
            ("/api/platform-administration", Address::Token("/api/platform-administration".to_owned())),
            (
                "/.well-known/oauth-authorization-server",
                Address::Application("/.well-known/oauth-authorization-server".to_owned()),
            ),
            ("/livez", Address::Platform),
            ("/admin/token", Address::Platform),
            ("/token", Address::Application("/token".to_owned())),
            ("/token/", Address::Platform),
            ("/", Address::Platform),
        ] {
            assert_eq!(saas().locate(Some("issue.example"), path), address, "{path}");
        }
    }

    #[test]
    fn a_path_in_another_form_names_nobody() {
        for path in [
            "/.well-known/openid-credential-issuer/acme/x",
            "/.well-known/openid-credential-issuer/acme/",
            "/.well-known/openid-credential-issuer/",
            "/.well-known/openid-credential-issuer//acme",
            "/.well-known/openid-credential-issuer/%61cme",
            "/.well-known/openid-credential-issuer/admin",
            "*",
            "",
        ] {
            assert_eq!(saas().locate(Some("issue.example"), path), Address::Nowhere, "{path}");
        }
        for path in
            ["//acme/token", "/%61cme/token", "/ACME/token", "/acme%2Ftoken", "/acme;x/token", "/xn--a/token"]
        {
            assert_eq!(saas().locate(Some("issue.example"), path), Address::Platform, "{path}");
        }
    }

    #[test]
    fn a_host_is_known_in_every_spelling() {
        for host in
            ["issue.example", "ISSUE.example", "issue.example:8443", "issue.example.", "Issue.Example.:443"]
        {
            assert_eq!(saas().locate(Some(host), "/acme/token"), slug("acme", "/token"), "{host}");
        }
        for host in ["acme.tenants.example", "ACME.tenants.example.", "acme.tenants.example:8443"] {
            let at_host = Some("acme.tenants.example".to_owned());
            let address = Address::Slug { slug: "acme".to_owned(), at_host, path: "/token".to_owned() };
            assert_eq!(saas().locate(Some(host), "/token"), address, "{host}");
        }
        let domain = |host: &str| Address::Domain(host.to_owned(), "/token".to_owned());
        assert_eq!(saas().locate(Some("Bücher.example"), "/token"), domain("xn--bcher-kva.example"));
        assert_eq!(
            saas().locate(Some("XN--BCHER-KVA.example:443"), "/token"),
            domain("xn--bcher-kva.example")
        );
    }

    #[test]
    fn a_host_that_is_nobodys_is_misdirected() {
        for host in [
            "a.acme.tenants.example",
            "admin.tenants.example",
            "-.tenants.example",
            "",
            "issue.example/x",
            "user@issue.example",
            "issue.example..",
            "issue.example?x",
            "a b",
        ] {
            assert_eq!(saas().locate(Some(host), "/token"), Address::Misdirected, "{host}");
        }
        assert_eq!(saas().locate(None, "/acme/token"), Address::Misdirected);
        for path in OPERATIONS {
            assert_eq!(saas().locate(Some("10.0.0.7:8080"), path), Address::Platform, "{path}");
        }
        // Where tenants live below is not the base, and the other way round.
        assert!(matches!(saas().locate(Some("tenants.example"), "/acme/token"), Address::Domain(..)));
    }

    #[test]
    fn a_self_hosted_issuer_answers_to_any_host() {
        let sole = Addressing::Sole { prefix: "/acme".to_owned() };
        let at = |path: &str| Address::Sole(path.to_owned());
        for (path, address) in [
            ("/acme/token", at("/token")),
            ("/acme", at("/")),
            ("/.well-known/openid-credential-issuer/acme", at("/.well-known/openid-credential-issuer")),
            ("/acme/.well-known/openid-credential-issuer", at("/.well-known/openid-credential-issuer")),
            ("/.well-known/openid-credential-issuer", Address::Nowhere),
            ("/acmetoken", Address::Nowhere),
            ("/token", Address::Nowhere),
            ("/livez", Address::Platform),
        ] {
            assert_eq!(sole.locate(None, path), address, "{path}");
        }
        let root = Addressing::Sole { prefix: String::new() };
        assert_eq!(root.locate(Some("anything"), "/token"), at("/token"));
        assert_eq!(root.locate(None, "/.well-known/jwt-vc-issuer"), at("/.well-known/jwt-vc-issuer"));
        assert_eq!(root.locate(None, "/"), at("/"));
    }
}
