//! One complete issuance, as a manager and a wallet make it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chancery_domain::Clock as _;
use chancery_domain::clock::SystemClock;
use serde_json::{Value, json};

use crate::http::{Answer, Connection};
use crate::issuer::Address;
use crate::wallet::Key;

/// The template that is issued, the simplest one.
pub(crate) const CONFIGURATION: &str = "employee-badge";
const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// The way that is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    /// Bind the access token to the wallet's key.
    pub(crate) dpop: bool,
    /// Fetch the offer by its link.
    pub(crate) by_reference: bool,
}

/// The requests of an issuance, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Offer,
    Fetch,
    Token,
    Nonce,
    Credential,
}

impl Step {
    pub(crate) const ALL: [Self; 5] = [Self::Offer, Self::Fetch, Self::Token, Self::Nonce, Self::Credential];

    /// As it is called in the document.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Offer => "POST /api/offers",
            Self::Fetch => "GET /offers/{secret}",
            Self::Token => "POST /token",
            Self::Nonce => "POST /nonce",
            Self::Credential => "POST /credential",
        }
    }
}

/// How long each request of one issuance took.
pub(crate) type Times = Vec<(Step, Duration)>;

/// A manager and a wallet that share one connection.
pub(crate) struct Client {
    connection: Connection,
    address: Address,
    variant: Variant,
    offer: String,
    keys: Vec<Key>,
    used: usize,
    dpop_nonce: Option<String>,
    times: Times,
}

impl Client {
    /// Connects. `keys` are used in turn, so that no issuance waits for one to be made.
    pub(crate) async fn connect(address: &Address, variant: Variant, keys: Vec<Key>) -> Result<Self> {
        let offer = json!({
            "credentials": [{ "configuration_id": CONFIGURATION, "subject": subject() }],
            "by_value": !variant.by_reference,
        });
        Ok(Self {
            connection: Connection::open(&address.host).await?,
            address: address.clone(),
            variant,
            offer: offer.to_string(),
            keys,
            used: 0,
            dpop_nonce: None,
            times: Vec::new(),
        })
    }

    /// From the offer to the credential.
    pub(crate) async fn issue(&mut self) -> Result<Times> {
        self.times = Vec::with_capacity(Step::ALL.len());
        let code = self.code().await?;
        let token = self.token(&code).await?;
        let nonce = self.nonce().await?;
        let credential = self.credential(&token, &nonce).await?;
        let disclosures = credential.matches('~').count();
        // Six claims, each selectively disclosable, and the end of the list.
        ensure!(credential.starts_with("ey") && disclosures == 7, "that is no badge: {credential}");
        Ok(std::mem::take(&mut self.times))
    }

    async fn code(&mut self) -> Result<String> {
        let headers = [json_body(), format!("authorization: Bearer {}", self.address.api_key)];
        let body = self.offer.clone();
        let answer = self.request(Step::Offer, "POST", "/api/offers", &headers, &body).await?;
        let link = url::Url::parse(text(&answer, "/offer_uri")?)?;
        let (parameter, value) = link.query_pairs().next().context("read the offer's link")?;
        let offer: Value = if parameter == "credential_offer" {
            serde_json::from_str(&value)?
        } else {
            let path = value.strip_prefix(self.address.issuer.as_str()).context("follow the offer's link")?;
            self.request(Step::Fetch, "GET", path, &[], "").await?
        };
        let grant = offer.pointer("/grants").and_then(|grants| grants.get(PRE_AUTHORIZED_CODE));
        let code = grant.and_then(|grant| grant.get("pre-authorized_code")).and_then(Value::as_str);
        Ok(code.context("find the code in the offer")?.to_owned())
    }

    async fn token(&mut self, code: &str) -> Result<String> {
        let mut headers = vec!["content-type: application/x-www-form-urlencoded".to_owned()];
        if self.variant.dpop {
            if self.dpop_nonce.is_none() {
                // A wallet's very first request has no nonce yet; later ones have that of the last answer.
                self.send(Step::Nonce, "POST", "/nonce", &[], "").await?;
            }
            let url = format!("{}/token", self.address.issuer);
            headers.push(format!("dpop: {}", self.possession(&url, None)?));
        }
        let grant: String = url::form_urlencoded::byte_serialize(PRE_AUTHORIZED_CODE.as_bytes()).collect();
        let body = format!("grant_type={grant}&pre-authorized_code={code}");
        let answer = self.request(Step::Token, "POST", "/token", &headers, &body).await?;
        Ok(text(&answer, "/access_token")?.to_owned())
    }

    async fn nonce(&mut self) -> Result<String> {
        let answer = self.request(Step::Nonce, "POST", "/nonce", &[], "").await?;
        Ok(text(&answer, "/c_nonce")?.to_owned())
    }

    async fn credential(&mut self, token: &str, nonce: &str) -> Result<String> {
        let scheme = if self.variant.dpop { "DPoP" } else { "Bearer" };
        let mut headers = vec![json_body(), format!("authorization: {scheme} {token}")];
        if self.variant.dpop {
            let url = format!("{}/credential", self.address.issuer);
            headers.push(format!("dpop: {}", self.possession(&url, Some(token))?));
        }
        let proof = self.key()?.prove(&self.address.issuer, nonce, now())?;
        self.used += 1;
        let body = json!({ "credential_configuration_id": CONFIGURATION, "proofs": { "jwt": [proof] } });
        let path = "/credential";
        let answer = self.request(Step::Credential, "POST", path, &headers, &body.to_string()).await?;
        Ok(text(&answer, "/credentials/0/credential")?.to_owned())
    }

    fn key(&self) -> Result<&Key> {
        self.keys.get(self.used % self.keys.len().max(1)).context("find a key")
    }

    fn possession(&self, url: &str, token: Option<&str>) -> Result<String> {
        self.key()?.prove_possession(url, self.dpop_nonce.as_deref(), token, now())
    }

    async fn request(
        &mut self,
        step: Step,
        method: &str,
        path: &str,
        headers: &[String],
        body: &str,
    ) -> Result<Value> {
        let began = Instant::now();
        let answer = self.send(step, method, path, headers, body).await?;
        self.times.push((step, began.elapsed()));
        Ok(serde_json::from_slice(&answer.body)?)
    }

    async fn send(
        &mut self,
        step: Step,
        method: &str,
        path: &str,
        headers: &[String],
        body: &str,
    ) -> Result<Answer> {
        let path = format!("{}{path}", self.address.prefix);
        let answer = self.connection.send(method, &path, headers, body).await?;
        if !matches!(answer.status, 200 | 201) {
            bail!("{} answered {}: {}", step.name(), answer.status, String::from_utf8_lossy(&answer.body));
        }
        if let Some(nonce) = &answer.dpop_nonce {
            self.dpop_nonce = Some(nonce.clone());
        }
        Ok(answer)
    }
}

/// Who the credentials are about.
pub(crate) fn subject() -> Value {
    json!({
        "given_name": "Ada",
        "family_name": "Lovelace",
        "employee_id": "1843-07",
        "department": "Analytical Engines",
        "job_title": "Programmer",
        "email": "ada@example.com",
    })
}

fn json_body() -> String {
    "content-type: application/json".to_owned()
}

fn now() -> i64 {
    SystemClock.now().unix_timestamp()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("find {pointer} in {value}"))
}
