//! The wallet as a client that the issuer knows: registered, by its key (RFC 7523 §2.2), or because somebody vouches for
//! it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::client_assertion::ASSERTION_TYPE;
use chancery_credential::{SigningKey, jose};
use chancery_domain::random_bytes;
use chancery_protocol::authorization_server::AuthorizationServerMetadata;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::Map;
use url::Url;

use super::failure::{ClaimError, Problem, Step};
use super::{Settings, Wallet, json, link, not_stored};

/// How nobody in particular authenticates.
pub(super) const NONE: &str = "none";
/// Seconds for which an assertion is good.
const LIFETIME: i64 = 60;

#[derive(Deserialize)]
struct Challenge {
    attestation_challenge: String,
}

/// Who the wallet is, to an issuer that knows it.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its `client_id`.
    pub id: String,
    /// The key whose public half the issuer has.
    pub key: Arc<SigningKey>,
}

impl Wallet {
    /// The form as this wallet sends it: with its name and an assertion, if it is registered.
    pub(super) async fn as_client(
        &self,
        step: Step,
        server: &str,
        form: &[(&str, String)],
    ) -> Result<Vec<(String, String)>, ClaimError> {
        let mut all: Vec<_> = form.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let Some(Registration { id, key }) = &self.settings.registration else { return Ok(all) };
        all.retain(|(name, _)| name != "client_id");
        let at = self.now().unix_timestamp();
        let jti = URL_SAFE_NO_PAD.encode(random_bytes::<16>(self.random.as_ref()));
        let claims = Map::from_iter([
            ("iss".to_owned(), id.as_str().into()),
            ("sub".to_owned(), id.as_str().into()),
            ("aud".to_owned(), server.into()),
            ("jti".to_owned(), jti.into()),
            ("iat".to_owned(), at.into()),
            ("exp".to_owned(), (at + LIFETIME).into()),
        ]);
        let assertion = jose::sign("JWT", Map::new(), &claims, key.as_ref()).await;
        let assertion = assertion.map_err(|error| step.failed(Problem::Caller(error.to_string())))?;
        for (name, value) in [
            ("client_id", id.clone()),
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion),
        ] {
            all.push((name.to_owned(), value));
        }
        Ok(all)
    }

    /// The headers of a wallet that somebody vouches for, over a challenge if the server gives any.
    pub(super) async fn vouched_for(
        &self,
        step: Step,
        server: &AuthorizationServerMetadata,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, ClaimError> {
        let Some(provider) = &self.settings.provider else { return Ok(request) };
        let challenge = match &server.challenge_endpoint {
            Some(endpoint) => Some(self.challenge(step, &link::endpoint(step, endpoint)?).await?),
            None => None,
        };
        let (now, random) = (self.now(), self.random.as_ref());
        let (attestation, proof) =
            provider.attest_wallet(step, &server.issuer, challenge, now, random).await?;
        Ok(request
            .header("oauth-client-attestation", attestation)
            .header("oauth-client-attestation-pop", proof))
    }

    async fn challenge(&self, step: Step, url: &Url) -> Result<String, ClaimError> {
        let request = self.http.request(Method::POST, url).map_err(step.of_http())?;
        let answer = self.send(step, url, request).await?;
        let Challenge { attestation_challenge } = json(step, &answer)?;
        not_stored(step, &answer)?;
        Ok(attestation_challenge)
    }

    /// How it authenticates at the authorization server, as metadata name it.
    pub(super) fn authentication(&self) -> &'static str {
        match self.settings {
            Settings { registration: Some(_), .. } => "private_key_jwt",
            Settings { provider: Some(_), .. } => "attest_jwt_client_auth",
            _ => NONE,
        }
    }

    /// Who this wallet says it is.
    pub(super) fn client_id(&self) -> &str {
        self.settings.registration.as_ref().map_or(super::authorize::CLIENT, |known| &known.id)
    }
}
