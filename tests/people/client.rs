//! A system of an issuer's that manages it by tokens.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::Issuer;
use crate::answer::text;
use crate::{Acme, Answer};

/// An OAuth client.
#[derive(Clone)]
pub struct Client {
    acme: Acme,
    /// `cli_…`
    pub id: String,
    /// `chs_…`
    pub secret: String,
}

impl Client {
    /// A client as it was described when it was admitted.
    pub fn new(acme: &Acme, described: &Value) -> Self {
        let (id, secret) = (text(&described["client_id"]), text(&described["client_secret"]));
        Self { acme: acme.clone(), id, secret }
    }

    /// A token request that names no client yet.
    pub fn request(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.acme.http.post(self.acme.at("/token")).form(form)
    }

    /// Asks for a token with these parameters, authenticated by the header.
    pub async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        form.push(("grant_type", "client_credentials"));
        Answer::to(self.request(&form).basic_auth(&self.id, Some(&self.secret))).await
    }

    /// A token with all that it may.
    pub async fn token(&self) -> String {
        text(&self.ask(&[]).await.granted()["access_token"])
    }

    /// What it is as a manager, with a fresh token.
    pub async fn manager(&self) -> Issuer {
        self.acme.holder_of(&self.token().await)
    }
}

impl Issuer {
    /// Admits a client with these scopes, which may offer everything.
    pub async fn client(&self, scopes: &[&str]) -> Client {
        self.client_that_offers(scopes, Value::Null).await
    }

    /// Admits a client that may offer some credentials only.
    pub async fn client_that_offers(&self, scopes: &[&str], configuration_ids: Value) -> Client {
        let name = crate::unique("client ");
        let body = json!({ "name": name, "scopes": scopes, "configuration_ids": configuration_ids });
        Client::new(self.acme(), &self.post("/clients", &body).await.is(201).json())
    }
}
