//! A wallet says what it will ask a holder to consent to (RFC 9126, OpenID4VCI §5).

use chancery_credential::Envelope;
use chancery_credential::secrets::Code;
use chancery_domain::{AuthorizationId, random_bytes};
use chancery_protocol::authorization::{
    AuthorizationRequest, InvalidAuthorizationRequest, PushedAuthorizationResponse, REQUEST_URI,
};
use chancery_protocol::error::ErrorCode;

use super::redeem_code::use_up;
use crate::app::App;
use crate::authorization::{Asked, Authorization, REQUEST_LIFETIME};
use crate::caller::UsedProof;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// Takes the request down, sealed into its own name.
pub(crate) async fn push_authorization(
    app: &App,
    issuer: &Issuer,
    request: AuthorizationRequest,
    proof: Option<UsedProof>,
) -> Result<PushedAuthorizationResponse, Refusal> {
    let authorization = check_authorization(app, issuer, request, proof).await?;
    let sealed = issuer.envelopes.seal(Envelope::Request, &authorization, app.random.as_ref());
    Ok(PushedAuthorizationResponse {
        request_uri: format!("{REQUEST_URI}{sealed}"),
        expires_in: u32::try_from(REQUEST_LIFETIME.whole_seconds()).unwrap_or_default(),
    })
}

/// Checks all of a request that can be checked before its holder is there.
pub(crate) async fn check_authorization(
    app: &App,
    issuer: &Issuer,
    request: AuthorizationRequest,
    proof: Option<UsedProof>,
) -> Result<Authorization, Refusal> {
    let now = app.now();
    let asked = Asked::read(&request, issuer)?;
    let thumbprint = match (&proof, request.dpop_jkt) {
        // RFC 9449 §10.1: where there are both, they must agree.
        (Some(proof), Some(named)) if proof.thumbprint != named => {
            let description = "dpop_jkt is not the thumbprint of the key that made the DPoP proof";
            return Err(Refusal::new(ErrorCode::InvalidDpopProof, description));
        }
        (Some(proof), _) => Some(proof.thumbprint.clone()),
        (None, named) => named,
    };
    let mut tx = app.tenant(issuer).await?;
    if let Some(proof) = &proof {
        use_up(&mut tx, proof, now).await?;
    }
    if let Some(text) = &request.issuer_state {
        let offer = match Code::parse(text) {
            Some(code) => tx.offer_by_issuer_state(&code.issuer_state_hash(), now).await?,
            None => None,
        };
        let offered: Option<Vec<_>> =
            offer.map(|offer| offer.items.into_iter().map(|item| item.configuration_id).collect());
        if offered.is_none_or(|offered| asked.of(&offered).is_none()) {
            tx.commit().await?;
            return Err(no_such_offer());
        }
    }
    tx.commit().await?;
    Ok(Authorization {
        id: AuthorizationId::new(now, random_bytes(app.random.as_ref())),
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        state: request.state,
        code_challenge: request.code_challenge,
        thumbprint,
        asked,
        issuer_state: request.issuer_state,
        expires_at: now + REQUEST_LIFETIME,
    })
}

/// Unknown, used, expired, or an offer of something else: one answer for all.
pub(crate) fn no_such_offer() -> Refusal {
    let description = "issuer_state leads to no offer, or to one that was used or has expired, or that holds \
                       nothing of what is asked for";
    Refusal::new(ErrorCode::InvalidRequest, description)
}

impl From<InvalidAuthorizationRequest> for Refusal {
    fn from(invalid: InvalidAuthorizationRequest) -> Self {
        Self::new(invalid.code, invalid.description)
    }
}
