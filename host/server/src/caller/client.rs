//! Clients at the token endpoint: authenticated by their secret or by their key, by exactly one method
//! (RFC 6749 §2.3, RFC 7523 §2.2).

use chancery_credential::attestation::verify_attested_client;
use chancery_credential::client_assertion::{ASSERTION_TYPE, claimed_client, verify_client_assertion};
use chancery_credential::jose::Jwk;
use chancery_credential::nonces::NonceKind;
use chancery_credential::secrets::ClientSecret;
use chancery_domain::ClientId;
use chancery_protocol::error::ErrorCode;
use chancery_store::{Client, Seen};
use headers::authorization::Basic;
use headers::{Authorization, HeaderMapExt as _};
use http::{HeaderMap, header};

use crate::app::App;
use crate::issuer::Issuer;
use crate::operations::check_attestation::{Voucher, check_status};
use crate::operations::redeem_code::PROOF_MEMORY;
use crate::refusal::Refusal;

/// What a request says of its client.
pub(crate) struct ClientCredentials {
    id: Option<String>,
    shown: Shown,
}

/// What the client is to be known by.
enum Shown {
    Nothing,
    Secret(String),
    Assertion(String),
    /// That somebody vouches for it, and that it is the one.
    Attestation {
        attestation: String,
        proof: String,
    },
}

/// The parameters of a form that are about its client.
#[derive(Default)]
pub(crate) struct ClientParameters {
    pub(crate) id: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) assertion_type: Option<String>,
    pub(crate) assertion: Option<String>,
}

impl ClientCredentials {
    /// From the header, or from the form. With nothing in either, the client is whoever it may be.
    pub(crate) fn read(headers: &HeaderMap, form: ClientParameters) -> Result<Self, Refusal> {
        let invalid = |description: &str| Refusal::new(ErrorCode::InvalidRequest, description);
        let ClientParameters { id, secret, assertion_type, assertion } = form;
        let presented = headers.get_all(header::AUTHORIZATION).iter().count();
        let attested = attestation(headers)?;
        let others = [secret.is_some(), assertion.is_some(), attested.is_some()];
        let methods = presented + others.into_iter().filter(|one| *one).count();
        if methods > 1 {
            return Err(invalid("a client authenticates by exactly one method"));
        }
        if let Some((attestation, proof)) = attested {
            let named = claimed_client(&attestation).ok_or_else(Refusal::client_invalid)?;
            if id.is_some_and(|id| id != named) {
                return Err(invalid("client_id is not the client of the attestation"));
            }
            return Ok(Self { id: Some(named), shown: Shown::Attestation { attestation, proof } });
        }
        if let Some(assertion) = assertion {
            if assertion_type.as_deref() != Some(ASSERTION_TYPE) {
                return Err(invalid("client_assertion_type must be that of JWTs"));
            }
            let named = claimed_client(&assertion).ok_or_else(Refusal::client_invalid)?;
            if id.is_some_and(|id| id != named) {
                return Err(invalid("client_id is not the client of the assertion"));
            }
            return Ok(Self { id: Some(named), shown: Shown::Assertion(assertion) });
        }
        if presented == 0 {
            return Ok(Self { id, shown: secret.map_or(Shown::Nothing, Shown::Secret) });
        }
        let Ok(Some(Authorization(basic))) = headers.typed_try_get::<Authorization<Basic>>() else {
            return Err(Refusal::client_invalid());
        };
        let (Some(named), Some(secret)) = (form_decoded(basic.username()), form_decoded(basic.password()))
        else {
            return Err(Refusal::client_invalid());
        };
        if id.is_some_and(|id| id != named) {
            return Err(invalid("client_id is not the client of the Authorization header"));
        }
        Ok(Self { id: Some(named), shown: Shown::Secret(secret) })
    }

    /// Whether the client wants to be more than anybody.
    pub(crate) fn is_confidential(&self) -> bool {
        !matches!(self.shown, Shown::Nothing)
    }

    /// Whether the client shows a key rather than a secret.
    pub(crate) fn is_by_key(&self) -> bool {
        matches!(self.shown, Shown::Assertion(_))
    }

    /// The `client_id` of a wallet that somebody vouches for; none if it shows no such thing.
    pub(crate) async fn attested(&self, app: &App, issuer: &Issuer) -> Result<Option<String>, Refusal> {
        let Shown::Attestation { attestation, proof } = &self.shown else { return Ok(None) };
        let now = app.now();
        let (anchors, audience) = (&issuer.wallet_providers, &issuer.identifier);
        let attested = verify_attested_client(attestation, proof, anchors, audience, now);
        let attested = attested.map_err(|error| Refusal::client_invalid().because(error))?;
        if attested.client.parse::<ClientId>().is_ok() {
            return Err(Refusal::client_invalid().because("the attested name is that of a registered client"));
        }
        let challenge = attested.challenge.as_deref();
        if challenge.is_none_or(|text| issuer.nonces.verify(NonceKind::Attestation, text, now).is_err()) {
            let fresh = issuer.nonces.mint(NonceKind::Attestation, now, app.random.as_ref());
            return Err(Refusal::attestation_challenge(fresh));
        }
        if let Some(status) = &attested.status {
            check_status(app, issuer, Voucher::OfWallets, status).await?;
        }
        let mut tx = app.tenant(issuer).await?;
        let until = now + PROOF_MEMORY;
        let is_new = tx.remember(Seen::ClientAttestation, &attested.jti_hash, until).await?;
        tx.commit().await?;
        if is_new {
            Ok(Some(attested.client))
        } else {
            Err(Refusal::client_invalid().because("the proof of the attestation was used before"))
        }
    }

    /// Whether it goes by the name of a client that the issuer registered.
    pub(crate) fn names_a_registered_client(&self) -> bool {
        self.id.as_ref().is_some_and(|id| id.parse::<ClientId>().is_ok())
    }

    /// The client, if what it shows is its own. Unknown and wrong are one answer.
    pub(crate) async fn authenticate(self, app: &App, issuer: &Issuer) -> Result<Client, Refusal> {
        let id = self.id.and_then(|id| id.parse::<ClientId>().ok()).ok_or_else(Refusal::client_invalid)?;
        match self.shown {
            // Whoever is attested is nobody that the issuer registered.
            Shown::Nothing | Shown::Attestation { .. } => Err(Refusal::client_invalid()),
            Shown::Secret(secret) => with_secret(app, issuer, id, &secret).await,
            Shown::Assertion(assertion) => with_key(app, issuer, id, &assertion).await,
        }
    }
}

async fn with_secret(app: &App, issuer: &Issuer, id: ClientId, secret: &str) -> Result<Client, Refusal> {
    let secret = ClientSecret::parse(secret).ok_or_else(Refusal::client_invalid)?;
    let mut tx = app.tenant(issuer).await?;
    let client = tx.client_with_secret(id, &secret.hash(), app.now()).await?;
    tx.commit().await?;
    client.ok_or_else(Refusal::client_invalid)
}

/// An assertion serves once: whoever comes second with it, is not the client.
async fn with_key(app: &App, issuer: &Issuer, id: ClientId, assertion: &str) -> Result<Client, Refusal> {
    let now = app.now();
    let mut tx = app.tenant(issuer).await?;
    let client = tx.client(id).await?;
    let keys = client.as_ref().and_then(|client| client.terms.jwks.as_ref()?.get("keys")?.as_array());
    let keys: Vec<_> = keys.into_iter().flatten().filter_map(|key| Jwk::parse(key).ok()).collect();
    let verified = verify_client_assertion(assertion, &id.to_string(), &keys, &issuer.identifier, now);
    let (client, verified) = match (client, verified) {
        (Some(client), Ok(verified)) => (client, verified),
        (client, verified) => {
            tx.commit().await?;
            let cause = verified.err().map_or_else(|| "no such client".to_owned(), |error| error.to_string());
            tracing::debug!(known = client.is_some(), cause, "a client assertion was refused");
            return Err(Refusal::client_invalid().because(cause));
        }
    };
    let is_new = tx.remember(Seen::ClientAssertion, &verified.jti_hash, verified.expires_at).await?;
    tx.commit().await?;
    if is_new { Ok(client) } else { Err(Refusal::client_invalid().because("the assertion was used before")) }
}

/// The attestation and its proof: both, each once, or neither.
fn attestation(headers: &HeaderMap) -> Result<Option<(String, String)>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidRequest, description);
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(|text| Some(text.to_owned())),
            (Some(_), Some(_)) => Ok(Some(String::new())),
        }
        .map_err(|_| invalid("an attestation is no text"))
    };
    match (only("oauth-client-attestation")?, only("oauth-client-attestation-pop")?) {
        (None, None) => Ok(None),
        (Some(attestation), Some(proof)) if !attestation.is_empty() && !proof.is_empty() => {
            Ok(Some((attestation, proof)))
        }
        _ => Err(invalid("an attestation and its proof come together, each once")),
    }
}

/// Both halves of the header are form-encoded first (RFC 6749 §2.3.1, appendix B).
fn form_decoded(text: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if value.is_empty() => Some(name.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_form_encoded_is_decoded_and_what_needs_no_encoding_stays() {
        assert_eq!(form_decoded("cli_0-A").as_deref(), Some("cli_0-A"));
        assert_eq!(form_decoded("cli%5F0%2DA").as_deref(), Some("cli_0-A"));
        for wrong in ["", "a=b", "a&b"] {
            assert_eq!(form_decoded(wrong), None, "{wrong}");
        }
    }
}
