//! A wallet that the issuer registered, known by its key: `private_key_jwt` (RFC 7523).

use std::sync::Arc;

use serde_json::{Value, json};

use super::Issuer;
use crate::answer::text;
use crate::jose::{Jwt, Key};
use crate::people::wallet::Asking;
use crate::{Acme, Answer, now, unique};

/// `client_assertion_type`.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A registered wallet.
#[derive(Clone)]
pub struct Registered {
    /// Its `client_id`.
    pub id: String,
    /// What it signs with.
    pub key: Arc<Key>,
    server: String,
}

impl Registered {
    /// Somebody who goes by this name with this key.
    pub fn new(acme: &Acme, id: String, key: Arc<Key>) -> Self {
        Self { id, key, server: acme.identifier.clone() }
    }

    /// A fresh assertion, to be signed.
    pub fn assertion(&self) -> Jwt {
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": self.server, "jti": unique("jti-"),
            "iat": now(), "exp": now() + 60,
        });
        Jwt { header: json!({ "alg": "ES256", "typ": "JWT", "kid": "mine" }), claims }
    }

    /// A fresh assertion.
    pub fn signed(&self) -> String {
        self.assertion().sign(&self.key)
    }

    /// The form with a fresh assertion in it, in place of a bare client id.
    pub fn asserting<'a>(&self, form: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
        let mut all: Vec<_> = form
            .iter()
            .filter(|(name, _)| *name != "client_id")
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.extend([("client_assertion_type", ASSERTION.to_owned()), ("client_assertion", self.signed())]);
        all
    }

    /// This request, asked by this wallet.
    pub fn asking(&self, asking: &Asking) -> Asking {
        asking.clone().with("client_id", &self.id)
    }
}

impl Issuer {
    /// Registers a client with these members.
    pub async fn register(&self, body: &Value) -> Answer {
        let mut all = json!({ "name": unique("wallet "), "scopes": [] });
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        self.post("/clients", &all).await
    }
}

impl Acme {
    /// A wallet that was registered just now.
    pub async fn registered(&self) -> Registered {
        let key = Key::p256();
        let keys = json!({ "jwks": { "keys": [key.jwk()] } });
        let client = self.issuer().register(&keys).await.is(201).json();
        Registered::new(self, text(&client["client_id"]), Arc::new(key))
    }

    /// Changes the tenant's configuration.
    pub async fn choose(&self, chosen: &Value) -> Answer {
        let request = self.issuer().request(reqwest::Method::PATCH, "/configuration");
        Answer::to(request.header("if-match", "*").json(chosen)).await
    }
}

/// The form with an assertion in it.
pub fn with<'a>(form: &[(&'a str, &'a str)], assertion: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = form.to_vec();
    form.extend([("client_assertion_type", ASSERTION), ("client_assertion", assertion)]);
    form
}
