//! The wallet as a client that the issuer registered: it authenticates by its key (RFC 7523 §2.2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::client_assertion::ASSERTION_TYPE;
use chancery_credential::{SigningKey, jose};
use chancery_domain::random_bytes;
use serde_json::Map;

use super::Wallet;
use super::failure::{ClaimError, Problem, Step};

/// Seconds for which an assertion is good.
const LIFETIME: i64 = 60;

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

    /// Who this wallet says it is.
    pub(super) fn client_id(&self) -> &str {
        self.settings.registration.as_ref().map_or(super::authorize::CLIENT, |known| &known.id)
    }
}
