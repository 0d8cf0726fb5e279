//! Somebody who issues: the management API from outside.

use reqwest::Method;
use serde_json::{Value, json};

use super::Plugin;
use crate::answer::text;
use crate::{Acme, Answer};

/// The holder of an API key.
#[derive(Clone)]
pub struct Issuer {
    acme: Acme,
    key: String,
}

/// What an issuer asks the host to offer.
#[derive(Debug, Clone)]
pub struct Request(pub Value);

/// An employee's badge for Ada.
pub fn badge() -> Request {
    let subject = json!({
        "given_name": "Ada", "family_name": "Lovelace", "employee_id": "1843-07",
        "department": "Analytical Engines", "job_title": "Programmer", "email": "ada@example.com",
    });
    Request(json!({ "credentials": [{ "configuration_id": "employee-badge", "subject": subject }] }))
}

/// Erika's data as a person, in this configuration.
pub fn person(configuration_id: &str) -> Request {
    let subject = json!({
        "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
        "place_of_birth": { "country": "DE", "locality": "Berlin" }, "nationalities": ["DE"],
        "picture": "data:image/jpeg;base64,/9j/4AAQSkZJRg==", "sex": 2,
    });
    Request(json!({ "credentials": [{ "configuration_id": configuration_id, "subject": subject }] }))
}

/// A diploma for Ada.
pub fn diploma() -> Request {
    let subject = json!({
        "given_name": "Ada", "family_name": "Lovelace", "degree": "Analyst",
        "institution": "University of London", "graduation_date": "1842-10-10",
    });
    Request(json!({ "credentials": [{ "configuration_id": "university-diploma", "subject": subject }] }))
}

impl Request {
    /// With a transaction code.
    #[must_use]
    pub fn tx_code(self) -> Self {
        self.with("tx_code", true)
    }

    /// With the whole offer in the link.
    #[must_use]
    pub fn by_value(self) -> Self {
        self.with("by_value", true)
    }

    /// With another credential in the same offer.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let others = other.0["credentials"].as_array().unwrap().clone();
        self.0["credentials"].as_array_mut().unwrap().extend(others);
        self
    }

    /// With any member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0[member] = value.into();
        self
    }

    /// With another subject member in the first credential.
    #[must_use]
    pub fn subject(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0["credentials"][0]["subject"][member] = value.into();
        self
    }
}

/// A new offer, as the issuer is told of it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// `ofr_…`
    pub id: String,
    /// `openid-credential-offer://…`
    pub link: String,
    /// What the holder must enter.
    pub tx_code: Option<String>,
    /// The holder's page.
    pub page_url: String,
    /// The whole answer.
    pub answer: Value,
}

impl Issuer {
    pub(super) fn new(acme: Acme, key: String) -> Self {
        Self { acme, key }
    }

    /// A request to the management API, to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.acme.http.request(method, self.acme.at(&format!("/api{path}"))).bearer_auth(&self.key)
    }

    /// Offers what was asked for.
    pub async fn offer(&self, request: Request) -> Offer {
        Offer::read(&self.create(&request).await)
    }

    /// Asks for an offer.
    pub async fn create(&self, request: &Request) -> Answer {
        self.post("/offers", &request.0).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Uploads a plugin to the tenant's own shelf.
    pub async fn upload(&self, plugin: &Plugin) -> Answer {
        let request = self.request(Method::POST, "/plugins").header("content-type", "application/wasm");
        Answer::to(request.body(plugin.0.clone())).await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Withdraws.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    /// The state of an offer.
    pub async fn state(&self, offer: &Offer) -> String {
        text(&self.get(&format!("/offers/{}", offer.id)).await.granted()["state"])
    }

    /// The ids of what was issued for an offer.
    pub async fn issued(&self, offer: &Offer) -> Vec<String> {
        let offer = self.get(&format!("/offers/{}", offer.id)).await.granted();
        offer["credentials"].as_array().unwrap().iter().map(|credential| text(&credential["id"])).collect()
    }

    /// `revoke`, `suspend` or `reinstate`.
    pub async fn change(&self, credential: &str, change: &str) -> Answer {
        Answer::to(self.request(Method::POST, &format!("/credentials/{credential}/{change}"))).await
    }

    /// Where it manages.
    pub(super) fn acme(&self) -> &Acme {
        &self.acme
    }

    /// The key itself.
    pub fn secret(&self) -> &str {
        &self.key
    }

    /// Another key, with these scopes only.
    pub async fn key(&self, scopes: &[&str]) -> Self {
        let body = json!({ "name": crate::unique("key "), "scopes": scopes });
        let created = self.post("/api-keys", &body).await.is(201).json();
        Self { acme: self.acme.clone(), key: text(&created["key"]) }
    }
}

impl Offer {
    /// Reads the answer to a request for an offer.
    #[track_caller]
    pub fn read(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{answer}");
        let answer = answer.json();
        Self {
            id: text(&answer["id"]),
            link: text(&answer["offer_uri"]),
            tx_code: answer["tx_code"].as_str().map(str::to_owned),
            page_url: text(&answer["page_url"]),
            answer,
        }
    }

    /// The secret of its URLs.
    pub fn secret(&self) -> String {
        self.page_url.rsplit('/').nth(1).unwrap().to_owned()
    }
}
