//! Whoever manages an issuer or the deployment: the management APIs, on a kept connection.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::flow::text;
use crate::http::{Answer, Connection};
use crate::issuer::{Address, Server};

/// A manager of one tenant, or an operator.
pub(crate) struct Manager {
    connection: Connection,
    authorization: String,
    base: String,
}

impl Manager {
    /// A manager of the tenant at this address.
    pub(crate) async fn at(address: &Address) -> Result<Self> {
        Self::with(&address.host, &address.api_key, format!("{}/api", address.prefix)).await
    }

    /// An operator of the platform.
    pub(crate) async fn operator(server: &Server) -> Result<Self> {
        let key = server.operator.as_deref().context("find the operator's key")?;
        Self::with(&server.address.host, key, "/api/platform-admin".to_owned()).await
    }

    async fn with(host: &str, key: &str, base: String) -> Result<Self> {
        let authorization = format!("authorization: Bearer {key}");
        Ok(Self { connection: Connection::open(host).await?, authorization, base })
    }

    /// The same, on another connection.
    pub(crate) async fn another(&self) -> Result<Self> {
        let connection = Connection::open(self.connection.host()).await?;
        Ok(Self { connection, authorization: self.authorization.clone(), base: self.base.clone() })
    }

    /// Asks, and is granted it.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.try_to(method, path, body).await?;
        if !matches!(answer.status, 200 | 201 | 204) {
            bail!("{method} {path} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Asks, whatever the answer is.
    pub(crate) async fn try_to(&mut self, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let headers = ["content-type: application/json".to_owned(), self.authorization.clone()];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.connection.send(method, &format!("{}{path}", self.base), &headers, &body).await
    }

    /// Uploads a component, whatever the answer is.
    pub(crate) async fn try_to_upload(&mut self, wasm: &[u8]) -> Result<Answer> {
        let headers = ["content-type: application/wasm".to_owned(), self.authorization.clone()];
        self.connection.send("POST", &format!("{}/plugins", self.base), &headers, wasm).await
    }

    /// Uploads a component: its digest.
    pub(crate) async fn upload(&mut self, wasm: &[u8]) -> Result<String> {
        let answer = self.try_to_upload(wasm).await?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(text(&said, "/digest")?.to_owned())
    }

    /// Registers a tenant: where it is found, and its id.
    pub(crate) async fn register(&mut self, slug: &str) -> Result<(Address, String)> {
        let body = json!({ "slug": slug, "name": format!("The {slug}") });
        let tenant = self.ask("POST", "/tenants", &body).await?;
        let (host, issuer) = (self.connection.host().to_owned(), text(&tenant, "/issuer")?.to_owned());
        let prefix = issuer.strip_prefix(&format!("http://{host}")).context("find the tenant's path")?;
        let (prefix, api_key) = (prefix.to_owned(), text(&tenant, "/token")?.to_owned());
        Ok((Address { host, prefix, issuer, api_key }, text(&tenant, "/id")?.to_owned()))
    }
}
