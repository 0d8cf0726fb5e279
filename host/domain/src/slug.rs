//! Slugs: how tenants are named in URLs and host names.

use std::fmt;

/// A slug that a tenant may have: a DNS label that begins with a letter, is not reserved, and can be
/// mistaken neither for an internationalised label nor for a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slug(String);

/// Why a text cannot name a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    /// Not 1 to 63 of `a-z0-9-`, beginning with a letter, ending with a letter or digit, without `--`.
    #[error(
        "a slug has 1 to 63 characters of a-z, 0-9 and single hyphens, begins with a letter and ends with a letter or digit"
    )]
    Shape,
    /// The platform's own, or a name by which people expect somebody with authority.
    #[error("this slug is reserved")]
    Reserved,
}

impl Slug {
    /// Reads a slug that somebody wishes for.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        if !has_shape(text) {
            return Err(SlugError::Shape);
        }
        if is_reserved(text) {
            return Err(SlugError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the text has the shape of a slug; the database checks the same.
pub fn has_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_label = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(is_label)
        && bytes.iter().all(|byte| is_label(byte) || *byte == b'-')
        && !text.contains("--")
}

/// Whether no tenant may have it. Requests below a reserved word never reach a tenant.
pub fn is_reserved(text: &str) -> bool {
    RESERVED.binary_search(&text).is_ok()
}

/// Sorted. First segments of the platform's own URLs, host names that mean something to software
/// (RFC 6761, certificate authorities' mail addresses, service discovery), and mailbox names of RFC 2142.
#[rustfmt::skip]
const RESERVED: [&str; 129] = [
    "abuse", "access", "account", "accounts", "acme-challenge", "admin", "administrator", "api", "app",
    "application", "apps", "assets", "auth", "authorize", "autoconfig", "autodiscover", "billing",
    "blog", "bootstrap", "broadcasthost", "callback", "cdn", "certificate", "certificates", "challenge",
    "chancery", "config", "console", "contact", "credential", "credentials", "css", "deferred",
    "demo-platform", "dev", "developer", "did", "dns", "docs", "domain", "download", "email",
    "endpoint", "errors", "example", "favicon", "federation", "feedback", "files", "forgot", "ftp",
    "graphql", "healthz", "help", "home", "hostmaster", "http", "https", "images", "imap", "img",
    "info", "internal", "invalid", "invitation", "invitations", "isatap", "issuer", "issuers", "js",
    "jwks", "legal", "license", "licenses", "livez", "local", "localdomain", "localhost", "login",
    "logout", "mail", "marketing", "metrics", "mx", "news", "noc", "nonce", "notification", "null",
    "oauth", "offers", "openapi", "openid", "operator", "operators", "page", "par", "password",
    "payment", "platform", "platform-admin", "plugins", "pop", "portal", "postmaster", "privacy",
    "public", "readyz", "register", "root", "sales", "schemas", "security", "settings", "signin",
    "signup", "smtp", "ssl", "ssladmin", "static", "status", "status-lists", "support", "system",
    "tenant", "tenants", "test", "token", "www",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_organisations_are_slugs() {
        let longest = "a".repeat(63);
        for text in ["acme", "a", "ministry-of-magic", "u2", "x-1", longest.as_str()] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_could_be_mistaken_is_no_slug() {
        let too_long = "a".repeat(64);
        for text in [
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "xn--bcher-kva",
            "Acme",
            "ACME",
            "1acme",
            "a.b",
            "a_b",
            "a b",
            "a/b",
            "..",
            "%61cme",
            "аcme",
            "acme\0",
            "acme\n",
            "münchen",
            "a'; drop table tenants;--",
            "../acme",
            &too_long,
        ] {
            assert_eq!(Slug::parse(text), Err(SlugError::Shape), "{text:?}");
        }
    }

    #[test]
    fn reserved_words_stay_with_the_platform() {
        for text in RESERVED {
            assert_eq!(Slug::parse(text), Err(SlugError::Reserved), "{text}");
        }
        assert!(RESERVED.is_sorted());
    }
}
