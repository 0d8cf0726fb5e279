//! Tenants and platforms, and where their people find them.

use std::time::Duration;

use serde_json::Value;

use crate::answer::text;

/// The one tenant of a house, and where its people find it.
#[derive(Clone)]
pub struct Acme {
    /// The issuer identifier.
    pub identifier: String,
    /// Where requests are sent: the identifier, or another process that serves the same issuer.
    pub base: String,
    /// An API key with every scope.
    pub key: String,
    /// Connections of this test.
    pub http: reqwest::Client,
}

impl Acme {
    pub(crate) fn new(announcement: &Value, port: u16) -> Self {
        let tenant = &announcement["tenants"][0];
        Self {
            identifier: text(&tenant["issuer"]),
            base: format!("http://127.0.0.1:{port}"),
            key: text(&tenant["token"]),
            http: connections(),
        }
    }

    /// The same, where all URLs lie below a path of the host.
    pub fn below(&self, path: &str) -> Self {
        Self { base: format!("{}{path}", self.base), ..self.clone() }
    }

    /// The URL of a path, as this process is asked.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A URL that the issuer advertises, as this process is asked.
    #[track_caller]
    pub fn here(&self, advertised: &str) -> String {
        let path = advertised.strip_prefix(&self.identifier);
        self.at(path.unwrap_or_else(|| panic!("{advertised} does not begin with {}", self.identifier)))
    }
}

/// Connections of one test.
fn connections() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// A deployment with many tenants.
#[derive(Clone)]
pub struct Platform {
    /// The platform's public URL.
    pub base: String,
    /// The key of an operator.
    pub key: String,
    /// Connections of this test.
    pub http: reqwest::Client,
    announcement: Value,
}

impl Platform {
    pub(crate) fn new(announcement: &Value, port: u16) -> Self {
        Self {
            base: format!("http://127.0.0.1:{port}"),
            key: text(&announcement["platform"]["token"]),
            http: connections(),
            announcement: announcement.clone(),
        }
    }

    /// The tenant of that slug that `dev` made.
    pub fn founded(&self, slug: &str) -> Acme {
        let tenants = self.announcement["tenants"].as_array().unwrap();
        self.tenant(tenants.iter().find(|tenant| tenant["slug"] == slug).unwrap())
    }

    /// A tenant as it was described at its registration.
    pub fn tenant(&self, described: &Value) -> Acme {
        let identifier = text(&described["issuer"]);
        let path = identifier.split('/').nth(3).unwrap_or_default();
        let base = format!("{}/{path}", self.base);
        Acme { identifier, base, key: text(&described["token"]), http: self.http.clone() }
    }
}
