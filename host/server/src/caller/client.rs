//! Clients at the token endpoint: authenticated by their secret, by exactly one method (RFC 6749 §2.3.1).

use chancery_credential::secrets::ClientSecret;
use chancery_domain::ClientId;
use chancery_protocol::error::ErrorCode;
use chancery_store::Client;
use headers::authorization::Basic;
use headers::{Authorization, HeaderMapExt as _};
use http::{HeaderMap, header};

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// What a token request says of its client.
pub(crate) struct ClientCredentials {
    id: Option<String>,
    secret: Option<String>,
}

impl ClientCredentials {
    /// From the header, or from `client_id` and `client_secret` of the form. Without a secret in either, the
    /// client is whoever it may be.
    pub(crate) fn read(
        headers: &HeaderMap,
        id: Option<String>,
        secret: Option<String>,
    ) -> Result<Self, Refusal> {
        let invalid = |description: &str| Refusal::new(ErrorCode::InvalidRequest, description);
        let presented = headers.get_all(header::AUTHORIZATION).iter().count();
        if presented > 1 || (presented == 1 && secret.is_some()) {
            return Err(invalid("a client authenticates by exactly one method"));
        }
        if presented == 0 {
            return Ok(Self { id, secret });
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
        Ok(Self { id: Some(named), secret: Some(secret) })
    }

    /// Whether the client wants to be more than anybody.
    pub(crate) fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// The client, if the secret is its own. Unknown and wrong are one answer.
    pub(crate) async fn authenticate(self, app: &App, issuer: &Issuer) -> Result<Client, Refusal> {
        let id = self.id.and_then(|id| id.parse::<ClientId>().ok());
        let secret = self.secret.and_then(|secret| ClientSecret::parse(&secret));
        let (Some(id), Some(secret)) = (id, secret) else { return Err(Refusal::client_invalid()) };
        let mut tx = app.tenant(issuer).await?;
        let client = tx.client_with_secret(id, &secret.hash(), app.now()).await?;
        tx.commit().await?;
        client.ok_or_else(Refusal::client_invalid)
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
