//! A strict test wallet: it claims an offer step by step, believes nothing that
//! it did not verify, and says which step failed, what should have come and
//! what came instead.
//!
//! [`Wallet::claim`] does all of it. The steps stand alone too, for tests and
//! benchmarks: [`Wallet::fetch_offer`], [`Wallet::issuer`], [`Wallet::token`],
//! [`Wallet::nonce`], [`Wallet::prove`], [`Wallet::request`],
//! [`Wallet::verify`], [`Wallet::notify`].
//!
//! It is no wallet for people: it asks nobody whether an issuer is to be
//! trusted, and keeps nothing but what `--out` writes.

mod authorize;
mod client;
mod credential;
mod deferred;
mod dpop;
mod encryption;
mod failure;
mod grant;
mod issuer;
mod issuer_keys;
mod keep;
mod keys;
mod link;
mod notify;
mod page;
mod provider;
mod status;
mod verify;
mod verify_mdoc;
mod verify_w3c;

use std::sync::Arc;
use std::time::Duration;

use chancery_credential::SystemRandom;
use chancery_credential::x509::Anchors;
use chancery_domain::clock::SystemClock;
use chancery_domain::{Clock, Random};
use chancery_protocol::credential::{CredentialAnswer, CredentialResponse};
use chancery_protocol::json::from_slice_strict;
use chancery_protocol::notification::NotificationEvent;
use chancery_protocol::offer::{CredentialOffer, OfferLink};
use reqwest::header::{ACCEPT, CACHE_CONTROL};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use url::Url;

pub use authorize::SignIn;
pub use client::Registration;
pub use credential::Wanted;
pub use deferred::Waiting;
pub use failure::{ClaimError, Problem, Step};
pub use grant::Grant;
pub use issuer::Issuer;
pub use keep::kept;
pub use keys::HolderKey;
pub use link::parse as parse_link;
pub use provider::WalletProvider;
pub use verify::{HeldCredential, KeySource};

use crate::http::{Answer, Http, answer};

/// The media type of every document of the protocol.
const JSON: &str = "application/json";

/// Whether the access token is bound to a key (RFC 9449).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binding {
    /// By DPoP if the authorization server advertises it.
    #[default]
    IfAdvertised,
    /// By DPoP, advertised or not.
    Dpop,
    /// Never.
    Bearer,
}

/// How a wallet behaves where the protocol leaves it a choice.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether the token is bound to a key.
    pub binding: Binding,
    /// Whether the token is asked for by authorization details (RFC 9396).
    pub authorization_details: bool,
    /// Whether requests and answers are encrypted, insisted on or not (OpenID4VCI §10).
    pub encrypt: bool,
    /// Whether what was claimed is renewed at once (RFC 6749 §6).
    pub renew: bool,
    /// How long it waits for what the issuer defers, before it keeps what it takes to come back.
    pub wait: Duration,
    /// Who the wallet is to the issuer; nobody in particular without.
    pub registration: Option<Registration>,
    /// Who vouches for the wallet and its keys; nobody without.
    pub provider: Option<Arc<WalletProvider>>,
    /// Authorities that an issuer's chain must lead to; none: any chain that is sound in itself.
    pub anchors: Anchors,
}

/// What a claim brought, for one credential configuration.
#[derive(Debug)]
pub struct Claimed {
    /// The issuer identifier.
    pub issuer: String,
    /// The credential configuration.
    pub configuration_id: String,
    /// The copies, each verified and bound to a key of its own.
    pub credentials: Vec<HeldCredential>,
    /// What the issuer was told; nothing if it did not want to know.
    pub notification: Option<NotificationEvent>,
    /// What it takes to come back, if the issuer gives it later; then there are no copies yet.
    pub waiting: Option<Waiting>,
}

/// The wallet. One can claim many offers, at the same time too.
pub struct Wallet {
    http: Http,
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Wallet {
    /// A wallet with the clock and the randomness of this machine.
    pub fn new(settings: Settings) -> Result<Self, ClaimError> {
        Self::with(settings, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// A wallet with a given clock and randomness.
    pub fn with(
        settings: Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClaimError> {
        let http = Http::new().map_err(|error| Step::Offer.failed(Problem::Caller(error.to_string())))?;
        Ok(Self { http, settings, clock, random })
    }

    /// Claims everything that a link offers, `count` copies each: [`Wallet::fetch_offer`], then
    /// [`Wallet::claim_offer`].
    pub async fn claim(
        &self,
        link: &OfferLink,
        tx_code: Option<&str>,
        count: u16,
    ) -> Result<Vec<Claimed>, ClaimError> {
        let offer = self.fetch_offer(link).await?;
        let sign_in = SignIn { tx_code: tx_code.map(str::to_owned), ..SignIn::default() };
        self.claim_offer(&offer, &sign_in, count).await
    }

    /// The offer behind a link, checked.
    pub async fn fetch_offer(&self, link: &OfferLink) -> Result<CredentialOffer, ClaimError> {
        let offer = match link {
            OfferLink::ByValue(offer) => offer.clone(),
            OfferLink::ByReference(reference) => {
                let url = link::endpoint(Step::Offer, reference)?;
                self.fetch_json(Step::Offer, &url).await?
            }
        };
        link::check(&offer)?;
        Ok(offer)
    }

    /// Claims everything that an offer offers, `count` copies each. An offer without grants is one that the wallet
    /// made up: then it asks the holder, as it does where the offer says so.
    pub async fn claim_offer(
        &self,
        offer: &CredentialOffer,
        sign_in: &SignIn,
        count: u16,
    ) -> Result<Vec<Claimed>, ClaimError> {
        let issuer = self.issuer(offer).await?;
        issuer.allows(count)?;
        let mut grant = if issuer::is_pre_authorized(offer) {
            self.token(&issuer, offer, sign_in.tx_code.as_deref()).await?
        } else {
            self.authorize(&issuer, offer, sign_in).await?
        };
        let mut claimed = self.claim_all(&issuer, &mut grant, offer, count).await?;
        if self.settings.renew {
            let mut renewed = self.refresh(&issuer, offer, grant).await?;
            claimed.extend(self.claim_all(&issuer, &mut renewed, offer, count).await?);
        }
        Ok(claimed)
    }

    /// Claims everything that an offer offers, with one token.
    async fn claim_all(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        offer: &CredentialOffer,
        count: u16,
    ) -> Result<Vec<Claimed>, ClaimError> {
        let mut claimed = Vec::new();
        for configuration_id in &offer.credential_configuration_ids {
            for wanted in grant.wanted(configuration_id)? {
                claimed.push(self.claim_one(issuer, grant, &wanted, count).await?);
            }
        }
        Ok(claimed)
    }

    /// Proves, requests, verifies and notifies, for one credential.
    async fn claim_one(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        wanted: &Wanted,
        count: u16,
    ) -> Result<Claimed, ClaimError> {
        let keys = self.holder_keys(count)?;
        match self.obtain(issuer, grant, wanted, &keys).await? {
            CredentialAnswer::Issued(response) => self.take(issuer, grant, wanted, response, keys).await,
            CredentialAnswer::Deferred(told) => self.wait(issuer, grant, wanted, told, keys).await,
        }
    }

    /// Verifies and notifies.
    async fn take(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        wanted: &Wanted,
        response: CredentialResponse,
        keys: Vec<HolderKey>,
    ) -> Result<Claimed, ClaimError> {
        let notification_id = response.notification_id.clone();
        let verified = self.verify(issuer, wanted, response, keys).await;
        let event = match &verified {
            Ok(_) => NotificationEvent::CredentialAccepted,
            Err(_) => NotificationEvent::CredentialFailure,
        };
        let reason = verified.as_ref().err().map(ToString::to_string);
        let notified = match notification_id {
            None => Ok(None),
            Some(id) => self.notify(issuer, grant, id, event, reason).await.map(|()| Some(event)),
        };
        // A failed verification weighs more than a failed notification of it.
        let credentials = verified?;
        Ok(Claimed {
            issuer: issuer.identifier().to_owned(),
            configuration_id: wanted.configuration_id().to_owned(),
            credentials,
            notification: notified?,
            waiting: None,
        })
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// GET of a public document of plain JSON.
    async fn fetch_json<T: DeserializeOwned>(&self, step: Step, url: &Url) -> Result<T, ClaimError> {
        self.fetch_document(step, url, &[JSON]).await
    }

    /// GET of a public document that is JSON under one of several names.
    async fn fetch_document<T: DeserializeOwned>(
        &self,
        step: Step,
        url: &Url,
        media_types: &[&str],
    ) -> Result<T, ClaimError> {
        let answer = self.fetch(step, url, &media_types.join(", ")).await?;
        document(step, &answer, media_types)
    }

    /// GET of a public document.
    async fn fetch(&self, step: Step, url: &Url, media_type: &str) -> Result<Answer, ClaimError> {
        let request = self.http.request(Method::GET, url).map_err(step.of_http())?.header(ACCEPT, media_type);
        self.send(step, url, request).await
    }

    async fn send(&self, step: Step, url: &Url, request: RequestBuilder) -> Result<Answer, ClaimError> {
        answer(url, request).await.map_err(step.of_http())
    }
}

/// The JSON of a successful answer.
fn json<T: DeserializeOwned>(step: Step, answer: &Answer) -> Result<T, ClaimError> {
    document(step, answer, &[JSON])
}

/// The document of a successful answer, strictly parsed.
fn document<T: DeserializeOwned>(step: Step, answer: &Answer, media_types: &[&str]) -> Result<T, ClaimError> {
    success(step, answer, "200 with a document")?;
    let media_type = answer.media_type();
    step.expect(
        media_types.contains(&media_type.as_str()),
        format_args!("Content-Type {} from {}", media_types.join(" or "), answer.url),
        format_args!("{media_type:?}"),
    )?;
    from_slice_strict(&answer.body)
        .map_err(|error| step.unexpected(format_args!("a well-formed document from {}", answer.url), error))
}

/// Nothing but 200 is success; a refusal is quoted in the issuer's own words.
fn success(step: Step, answer: &Answer, expected: &str) -> Result<(), ClaimError> {
    if answer.status == 200 {
        return Ok(());
    }
    Err(refusal(step, answer, expected))
}

/// Tells what came instead of success.
fn refusal(step: Step, answer: &Answer, expected: &str) -> ClaimError {
    let body = from_slice_strict::<chancery_protocol::error::ErrorBody>(&answer.body).ok();
    let from_header = answer.header("www-authenticate").and_then(error_of_challenge);
    let (code, description) = match (body, from_header) {
        (Some(body), _) => (body.error, body.error_description.unwrap_or_default()),
        (None, Some(code)) => (code.to_owned(), String::new()),
        (None, None) => return unexpected_status(step, answer, expected),
    };
    step.failed(Problem::Refused {
        expected: expected.to_owned(),
        url: answer.url.to_string(),
        status: answer.status.as_u16(),
        code,
        description,
    })
}

fn unexpected_status(step: Step, answer: &Answer, expected: &str) -> ClaimError {
    let found = format!("{} with {}", answer.status.as_u16(), answer.excerpt());
    step.unexpected(format_args!("{expected} from {}", answer.url), found)
}

/// The `error` parameter of a `WWW-Authenticate` challenge (RFC 6750 §3).
fn error_of_challenge(challenge: &str) -> Option<&str> {
    challenge.split_once("error=\"")?.1.split('"').next()
}

/// RFC 6749 §5.1, OpenID4VCI §7.2: what is secret or single-use must not be kept by caches.
fn not_stored(step: Step, answer: &Answer) -> Result<(), ClaimError> {
    let value = answer.header(CACHE_CONTROL.as_str()).unwrap_or_default();
    let holds = value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-store"));
    step.expect(holds, format_args!("Cache-Control: no-store from {}", answer.url), format_args!("{value:?}"))
}

#[cfg(test)]
mod tests;
