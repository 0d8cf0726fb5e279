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
/// The template that has every format.
const PERSON: &str = "person-identification-data";
const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// The way that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Bind the access token to the wallet's key.
    pub(crate) dpop: bool,
    /// Fetch the offer by its link.
    pub(crate) by_reference: bool,
    pub(crate) credential: Credential,
    pub(crate) flow: Flow,
    /// How many keys are proven, and so how many copies are issued.
    pub(crate) copies: usize,
}

impl Variant {
    /// A badge for one key, by a pre-authorized code and a bearer token, the offer by value.
    pub(crate) const PLAIN: Self = Self {
        dpop: false,
        by_reference: false,
        credential: Credential::Badge,
        flow: Flow::PreAuthorized,
        copies: 1,
    };

    /// How many requests one issuance is.
    pub(crate) fn requests(self) -> u32 {
        let consent = if self.flow == Flow::Code { 3 } else { 0 };
        4 + consent + u32::from(self.by_reference)
    }
}

/// What is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Credential {
    /// A badge of six claims as SD-JWT VC.
    Badge,
    /// The data of a person as SD-JWT VC.
    PersonSdJwt,
    /// The data of a person as mdoc.
    PersonMdoc,
}

impl Credential {
    const fn configuration(self) -> &'static str {
        match self {
            Self::Badge => CONFIGURATION,
            Self::PersonSdJwt => PERSON,
            Self::PersonMdoc => "person-identification-data.mso_mdoc",
        }
    }

    fn subject(self) -> Value {
        if self == Self::Badge { subject() } else { person() }
    }

    fn check(self, credential: &str) -> Result<()> {
        let disclosures = credential.matches('~').count();
        let is_one = match self {
            // Six claims, each selectively disclosable, and the end of the list.
            Self::Badge => credential.starts_with("ey") && disclosures == 7,
            Self::PersonSdJwt => credential.starts_with("ey") && disclosures > 5,
            Self::PersonMdoc => credential.len() > 1_000 && disclosures == 0,
        };
        ensure!(is_one, "that is no such credential: {credential}");
        Ok(())
    }
}

/// How the wallet gets its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flow {
    PreAuthorized,
    /// By a pushed request and the holder's consent.
    Code,
}

/// The requests of an issuance, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Offer,
    Fetch,
    Push,
    Page,
    Consent,
    Token,
    Nonce,
    Credential,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Offer,
        Self::Fetch,
        Self::Push,
        Self::Page,
        Self::Consent,
        Self::Token,
        Self::Nonce,
        Self::Credential,
    ];

    /// As it is called in the document.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Offer => "POST /api/offers",
            Self::Fetch => "GET /offers/{secret}",
            Self::Push => "POST /par",
            Self::Page => "GET /authorize",
            Self::Consent => "POST /authorize/decision",
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
    pub(crate) address: Address,
    pub(crate) variant: Variant,
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
            "credentials": [{
                "configuration_id": variant.credential.configuration(),
                "subject": variant.credential.subject(),
            }],
            "by_value": !variant.by_reference,
            "grant": match variant.flow {
                Flow::PreAuthorized => "pre-authorized_code",
                Flow::Code => "authorization_code",
            },
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
        let offer = self.offer().await?;
        let form = match self.variant.flow {
            Flow::PreAuthorized => pre_authorized(&offer)?,
            Flow::Code => self.consented(text(&offer, "/grants/authorization_code/issuer_state")?).await?,
        };
        let token = self.token(&form).await?;
        let nonce = self.nonce().await?;
        self.credentials(&token, &nonce).await?;
        Ok(std::mem::take(&mut self.times))
    }

    async fn offer(&mut self) -> Result<Value> {
        let headers = [json_body(), format!("authorization: Bearer {}", self.address.api_key)];
        let body = self.offer.clone();
        let answer = self.request(Step::Offer, "POST", "/api/offers", &headers, &body).await?;
        let link = url::Url::parse(text(&answer, "/offer_uri")?)?;
        let (parameter, value) = link.query_pairs().next().context("read the offer's link")?;
        if parameter == "credential_offer" {
            return Ok(serde_json::from_str(&value)?);
        }
        let path = value.strip_prefix(self.address.issuer.as_str()).context("follow the offer's link")?;
        self.request(Step::Fetch, "GET", path, &[], "").await
    }

    async fn token(&mut self, form: &str) -> Result<String> {
        let headers = self.form_headers("/token").await?;
        let answer = self.request(Step::Token, "POST", "/token", &headers, form).await?;
        Ok(text(&answer, "/access_token")?.to_owned())
    }

    /// Of a form that is sent to this path.
    pub(crate) async fn form_headers(&mut self, path: &str) -> Result<Vec<String>> {
        let mut headers = vec!["content-type: application/x-www-form-urlencoded".to_owned()];
        if self.variant.dpop {
            if self.dpop_nonce.is_none() {
                // A wallet's very first request has no nonce yet; later ones have that of the last answer.
                self.send(Step::Nonce, "POST", "/nonce", &[], "").await?;
            }
            let url = format!("{}{path}", self.address.issuer);
            headers.push(format!("dpop: {}", self.possession(&url, None)?));
        }
        Ok(headers)
    }

    async fn nonce(&mut self) -> Result<String> {
        let answer = self.request(Step::Nonce, "POST", "/nonce", &[], "").await?;
        Ok(text(&answer, "/c_nonce")?.to_owned())
    }

    async fn credentials(&mut self, token: &str, nonce: &str) -> Result<()> {
        let scheme = if self.variant.dpop { "DPoP" } else { "Bearer" };
        let mut headers = vec![json_body(), format!("authorization: {scheme} {token}")];
        if self.variant.dpop {
            let url = format!("{}/credential", self.address.issuer);
            headers.push(format!("dpop: {}", self.possession(&url, Some(token))?));
        }
        let mut proofs = Vec::with_capacity(self.variant.copies);
        for _ in 0..self.variant.copies {
            proofs.push(self.key()?.prove(&self.address.issuer, nonce, now())?);
            self.used += 1;
        }
        let credential = self.variant.credential;
        let id = credential.configuration();
        let body = json!({ "credential_configuration_id": id, "proofs": { "jwt": proofs } }).to_string();
        let answer = self.request(Step::Credential, "POST", "/credential", &headers, &body).await?;
        let copies = answer.pointer("/credentials").and_then(Value::as_array).context("find credentials")?;
        ensure!(copies.len() == self.variant.copies, "{} copies came", copies.len());
        copies.iter().try_for_each(|copy| credential.check(text(copy, "/credential")?))
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
        let answer = self.timed(step, method, path, headers, body).await?;
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// A request that counts.
    pub(crate) async fn timed(
        &mut self,
        step: Step,
        method: &str,
        path: &str,
        headers: &[String],
        body: &str,
    ) -> Result<Answer> {
        let began = Instant::now();
        let answer = self.send(step, method, path, headers, body).await?;
        self.times.push((step, began.elapsed()));
        Ok(answer)
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
        if !matches!(answer.status, 200 | 201 | 303) {
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

fn person() -> Value {
    json!({
        "given_name": "Erika",
        "family_name": "Mustermann",
        "birthdate": "1964-08-12",
        "place_of_birth": { "country": "DE" },
        "nationalities": ["DE"],
    })
}

/// The token request for an offer's code.
fn pre_authorized(offer: &Value) -> Result<String> {
    let grant = offer.pointer("/grants").and_then(|grants| grants.get(PRE_AUTHORIZED_CODE));
    let code = grant.and_then(|grant| grant.get("pre-authorized_code")).and_then(Value::as_str);
    let code = code.context("find the code in the offer")?;
    Ok(form(&[("grant_type", PRE_AUTHORIZED_CODE), ("pre-authorized_code", code)]))
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn json_body() -> String {
    "content-type: application/json".to_owned()
}

fn now() -> i64 {
    SystemClock.now().unix_timestamp()
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("find {pointer} in {value}"))
}
