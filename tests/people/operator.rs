//! Somebody who administers the deployment: the platform-admin API from outside.

use reqwest::Method;
use serde_json::{Value, json};

use super::Plugin;
use crate::answer::text;
use crate::{Acme, Answer, Platform};

/// The holder of an operator's key.
#[derive(Clone)]
pub struct Operator {
    platform: Platform,
    key: String,
}

impl Operator {
    pub(super) fn new(platform: Platform, key: String) -> Self {
        Self { platform, key }
    }

    /// A request to the platform-admin API, to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/platform-admin{path}", self.platform.base);
        self.platform.http.request(method, url).bearer_auth(&self.key)
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// Uploads a plugin to the catalogue.
    pub async fn upload(&self, plugin: &Plugin) -> Answer {
        let request = self.request(Method::POST, "/plugins").header("content-type", "application/wasm");
        Answer::to(request.body(plugin.0.clone())).await
    }

    /// Activates a plugin for a tenant.
    pub async fn activate_for(&self, tenant: &Acme, activation: &Value) -> Answer {
        let id = self.id_of(tenant).await;
        self.post(&format!("/tenants/{id}/activations"), activation).await
    }

    /// Undoes the last step of a tenant.
    pub async fn roll_back_for(&self, tenant: &Acme, configuration_id: &str) -> Answer {
        let id = self.id_of(tenant).await;
        self.post(&format!("/tenants/{id}/activations/{configuration_id}/rollback"), &json!({})).await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Asks for a tenant of that slug.
    pub async fn create(&self, slug: &str) -> Answer {
        self.post("/tenants", &json!({ "slug": slug, "name": format!("The {slug}") })).await
    }

    /// Registers a tenant.
    pub async fn register(&self, slug: &str) -> Acme {
        self.platform.tenant(&self.create(slug).await.is(201).json())
    }

    /// The id of a tenant.
    pub async fn id_of(&self, tenant: &Acme) -> String {
        let slug = tenant.identifier.rsplit('/').next().unwrap();
        let found = self.get(&format!("/tenants?search={slug}")).await.granted();
        let found = found["data"].as_array().unwrap().iter().find(|found| found["slug"] == slug);
        text(&found.unwrap()["id"])
    }

    /// `suspend`, `resume` or `close`.
    pub async fn change(&self, tenant: &Acme, change: &str) -> Answer {
        let id = self.id_of(tenant).await;
        Answer::to(self.request(Method::POST, &format!("/tenants/{id}/{change}"))).await
    }

    /// Deletes a tenant.
    pub async fn delete(&self, tenant: &Acme) -> Answer {
        let id = self.id_of(tenant).await;
        Answer::to(self.request(Method::DELETE, &format!("/tenants/{id}"))).await
    }
}
