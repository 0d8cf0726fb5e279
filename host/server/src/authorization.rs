//! One authorization on its way: what a wallet asks for, whose the offer is, what the holder consents to.
//!
//! It travels in envelopes, by way of the wallet and the browser. The database hears of it when it is
//! decided, so nobody fills it by asking, and the secrets of an offer are never in it.

use chancery_credential::{Envelope, Envelopes, Granted};
use chancery_domain::AuthorizationId;
use chancery_protocol::authorization::{AuthorizationRequest, REQUEST_URI, RedirectUri};
use chancery_protocol::error::ErrorCode;
use chancery_protocol::token::OPENID_CREDENTIAL;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// How long a pushed request waits for its browser (RFC 9126 §2.2).
pub(crate) const REQUEST_LIFETIME: Duration = Duration::seconds(90);
/// How long a person may take for a page.
pub(crate) const PAGE_LIFETIME: Duration = Duration::minutes(10);
/// How long an authorization code is good for (HAIP 1.0 §4, FAPI 2.0 §5.3.2.1).
pub(crate) const CODE_LIFETIME: Duration = Duration::seconds(60);

/// A request that was read and checked.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) id: AuthorizationId,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: String,
    /// The key that the code is bound to, if any (RFC 9449 §10).
    pub(crate) thumbprint: Option<String>,
    pub(crate) asked: Asked,
    /// The code of the offer that the wallet names. It may be anybody's.
    pub(crate) issuer_state: Option<String>,
    #[serde(with = "time::serde::timestamp")]
    pub(crate) expires_at: OffsetDateTime,
}

/// An authorization between two pages.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sitting {
    pub(crate) authorization: Authorization,
    pub(crate) holder: Holder,
    #[serde(with = "time::serde::timestamp")]
    pub(crate) expires_at: OffsetDateTime,
}

/// What is known of the person in front of the page.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Holder {
    /// Nothing.
    Stranger,
    /// They have the offer of this code, but have not entered its transaction code.
    Claims(String),
    /// They may have what the offer of this code holds.
    Known(String),
}

/// What the holder consented to: the content of an authorization code.
#[derive(Serialize, Deserialize)]
pub(crate) struct Consent {
    pub(crate) authorization: AuthorizationId,
    pub(crate) offer: chancery_domain::OfferId,
    /// Opens the offer's subject.
    pub(crate) code: String,
    pub(crate) granted: Granted,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) code_challenge: String,
    pub(crate) thumbprint: Option<String>,
}

/// The configurations that a wallet asks for; none in particular means all that its offer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) configuration_ids: Vec<String>,
    by_details: bool,
}

impl Asked {
    /// What details and scope name. Scopes that mean nothing here are ignored (OpenID4VCI §5.1.2).
    pub(crate) fn read(request: &AuthorizationRequest, issuer: &Issuer) -> Result<Self, Refusal> {
        let mut configuration_ids: Vec<String> = Vec::new();
        for detail in request.authorization_details.iter().flatten() {
            let known = |id: &&String| detail.r#type == OPENID_CREDENTIAL && issuer.template(id).is_some();
            let id = detail.credential_configuration_id.as_ref().filter(known).ok_or_else(|| {
                let description = "authorization_details must name credential configurations of this issuer";
                Refusal::new(ErrorCode::InvalidAuthorizationDetails, description)
            })?;
            if configuration_ids.contains(id) {
                let description = "authorization_details name a configuration twice";
                return Err(Refusal::new(ErrorCode::InvalidAuthorizationDetails, description));
            }
            configuration_ids.push(id.clone());
        }
        let by_details = !configuration_ids.is_empty();
        if request.authorization_details.is_some() && !by_details {
            let description = "authorization_details is empty";
            return Err(Refusal::new(ErrorCode::InvalidAuthorizationDetails, description));
        }
        for word in &request.scope {
            if issuer.template(word).is_some() && !configuration_ids.contains(word) {
                configuration_ids.push(word.clone());
            }
        }
        if configuration_ids.is_empty() && (request.issuer_state.is_none() || !request.scope.is_empty()) {
            let description = "ask for a credential of this issuer, by scope or by authorization_details";
            return Err(Refusal::new(ErrorCode::InvalidScope, description));
        }
        Ok(Self { configuration_ids, by_details })
    }

    /// What of an offer is granted: nothing but what was asked for, nothing but what is offered.
    pub(crate) fn of(&self, offered: &[String]) -> Option<Granted> {
        let asked = |id: &&String| self.configuration_ids.is_empty() || self.configuration_ids.contains(id);
        let granted: Vec<_> = offered.iter().filter(asked).cloned().collect();
        if granted.is_empty() {
            return None;
        }
        Some(if self.by_details { Granted::Identifiers(granted) } else { Granted::Configurations(granted) })
    }
}

/// The configurations that are granted by name.
pub(crate) fn configurations(granted: &Granted) -> &[String] {
    match granted {
        Granted::Everything => &[],
        Granted::Configurations(ids) | Granted::Identifiers(ids) => ids,
    }
}

/// The request behind the `request_uri` of a client.
pub(crate) fn pushed(
    envelopes: &Envelopes,
    client_id: &str,
    request_uri: &str,
    now: OffsetDateTime,
) -> Result<Authorization, Refusal> {
    let sealed = request_uri.strip_prefix(REQUEST_URI);
    let pushed: Option<Authorization> = sealed.and_then(|sealed| envelopes.open(Envelope::Request, sealed));
    let pushed = pushed.filter(|pushed| pushed.client_id == client_id);
    let pushed = pushed.ok_or_else(|| invalid("request_uri is none that this server gave to the client"))?;
    if now >= pushed.expires_at {
        return Err(invalid("the request has expired, start again in the wallet"));
    }
    Ok(pushed)
}

/// The sitting that a page carries, while the page is good.
pub(crate) fn resumed(envelopes: &Envelopes, page: &str, now: OffsetDateTime) -> Result<Sitting, Refusal> {
    let sitting: Option<Sitting> = envelopes.open(Envelope::Page, page);
    let sitting = sitting.ok_or_else(|| invalid("this page is none of this issuer"))?;
    if now >= sitting.expires_at {
        return Err(invalid("this page was open for too long, start again in the wallet"));
    }
    Ok(sitting)
}

fn invalid(description: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

impl Authorization {
    /// Where the browser goes with an answer (RFC 6749 §4.1.2, RFC 9207 §2).
    pub(crate) fn answer(&self, issuer: &Issuer, parameters: &[(&str, &str)]) -> String {
        let mut all = parameters.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        all.push(("iss", &issuer.identifier));
        self.redirect_uri.with(&all)
    }
}

#[cfg(test)]
mod tests {
    use chancery_credential::SystemRandom;
    use chancery_credential::keys::Keyring;
    use chancery_domain::{TenantId, random_bytes};

    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 09:00 UTC);

    fn envelopes() -> Envelopes {
        let keyring = Keyring::self_hosted(&[7; 32], None).unwrap();
        keyring.tenant(TenantId::new(NOW, [1; 10]), &[1; 32], &[2; 32]).envelopes()
    }

    fn authorization() -> Authorization {
        Authorization {
            id: AuthorizationId::new(NOW, random_bytes(&SystemRandom)),
            client_id: "wallet".into(),
            redirect_uri: RedirectUri::parse("https://wallet.example/cb").unwrap(),
            state: None,
            code_challenge: "challenge".into(),
            thumbprint: None,
            asked: Asked { configuration_ids: vec!["badge".into()], by_details: false },
            issuer_state: None,
            expires_at: NOW + REQUEST_LIFETIME,
        }
    }

    #[test]
    fn a_pushed_request_waits_for_its_client_and_no_longer_than_it_may() {
        let envelopes = envelopes();
        let sealed = envelopes.seal(Envelope::Request, &authorization(), &SystemRandom);
        let uri = format!("{REQUEST_URI}{sealed}");
        let is_good = |client: &str, uri: &str, at| pushed(&envelopes, client, uri, at).is_ok();
        assert!(is_good("wallet", &uri, NOW + REQUEST_LIFETIME - Duration::SECOND));
        assert!(!is_good("wallet", &uri, NOW + REQUEST_LIFETIME), "after ninety seconds");
        assert!(!is_good("another", &uri, NOW) && !is_good("wallet", &sealed, NOW));
    }

    #[test]
    fn a_page_is_good_for_ten_minutes() {
        let envelopes = envelopes();
        let expires_at = NOW + PAGE_LIFETIME;
        let sitting = Sitting { authorization: authorization(), holder: Holder::Stranger, expires_at };
        let page = envelopes.seal(Envelope::Page, &sitting, &SystemRandom);
        assert!(resumed(&envelopes, &page, expires_at - Duration::SECOND).is_ok());
        assert!(resumed(&envelopes, &page, expires_at).is_err());
        let request = envelopes.seal(Envelope::Request, &authorization(), &SystemRandom);
        assert!(resumed(&envelopes, &request, NOW).is_err(), "a request is no page");
    }
}
