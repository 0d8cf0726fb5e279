//! A wallet exchanges what the holder consented to for an access token (RFC 6749 §4.1.3, OpenID4VCI §6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::Envelope;
use chancery_credential::secrets::Code;
use chancery_credential::tokens::{AccessToken, Granted};
use chancery_domain::OfferState;
use chancery_engine::Template;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::token::{AuthorizationDetail, TokenResponse};
use chancery_store::Authorized;
use sha2::{Digest as _, Sha256};

use super::redeem_code::{by_identifiers, grant, lifetime, token_response, use_up};
use super::refresh_token::begin_family;
use crate::app::App;
use crate::authorization::{Consent, configurations};
use crate::caller::UsedProof;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// A token request as the wallet meant it.
pub(crate) struct AuthorizationCodeRequest {
    pub(crate) code: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_verifier: Option<String>,
    pub(crate) details: Option<Vec<AuthorizationDetail>>,
}

/// Redeems the code, once, for whom it was made.
pub(crate) async fn redeem_authorization(
    app: &App,
    issuer: &Issuer,
    request: AuthorizationCodeRequest,
    proof: Option<UsedProof>,
) -> Result<TokenResponse, Refusal> {
    let now = app.now();
    let consent: Consent = issuer.envelopes.open(Envelope::Code, &request.code).ok_or_else(no_good)?;
    check_binding(&consent, &request, proof.as_ref())?;
    let granted = narrowed(&consent.granted, &[], request.details.as_deref())?;
    let code = Code::parse(&consent.code).ok_or_else(no_good)?;
    // As in `redeem_code`: the wallet is spared a code that would be spent for nothing.
    let templates = configurations(&granted).iter().filter_map(|id| issuer.template(id));
    if templates.map(Template::revision).any(|revision| issuer.is_halted(&revision.component)) {
        return Err(Refusal::halted());
    }

    let mut tx = app.tenant(issuer).await?;
    if let Some(proof) = &proof {
        use_up(&mut tx, proof, now).await?;
    }
    let is_deferred = match tx.redeem_authorization(consent.authorization, consent.offer, now).await? {
        Authorized::Redeemed { is_deferred } => is_deferred,
        Authorized::Replayed => {
            tx.end_family(consent.offer).await?;
            tx.commit().await?;
            tracing::warn!(offer.id = %consent.offer, "an authorization code came twice, its tokens are revoked");
            return Err(no_good());
        }
        Authorized::Over => {
            tx.rollback().await?;
            return Err(no_good());
        }
    };
    let token = AccessToken {
        offer: consent.offer,
        code,
        expires_at: now + lifetime(issuer, proof.is_some(), is_deferred),
        thumbprint: proof.map(|proof| proof.thumbprint),
        granted,
        client: Some(consent.client_id),
    };
    let refresh_token = begin_family(app, issuer, &mut tx, &token, None).await?;
    app.tell_of_offer(issuer, &mut tx, consent.offer, OfferState::Redeemed).await?;
    tx.commit().await?;
    metrics::counter!("chancery_codes_redeemed_total").increment(1);
    Ok(TokenResponse { refresh_token, ..token_response(app, issuer, &token, now) })
}

/// Client, redirect URI, verifier and key must be those of the request that the holder consented to.
fn check_binding(
    consent: &Consent,
    request: &AuthorizationCodeRequest,
    proof: Option<&UsedProof>,
) -> Result<(), Refusal> {
    let wrong = |description: &str| Err(Refusal::new(ErrorCode::InvalidGrant, description));
    if consent.client_id != request.client_id {
        return wrong("the code was given to another client");
    }
    if consent.redirect_uri.as_str() != request.redirect_uri {
        return wrong("redirect_uri is not that of the authorization request");
    }
    let verifier = request.code_verifier.as_deref().filter(|text| (43..=128).contains(&text.len()));
    let challenge = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    if challenge.as_ref() != Some(&consent.code_challenge) {
        return wrong("code_verifier is missing or does not fit the code_challenge");
    }
    let is_bound_otherwise = |thumbprint: &String| proof.is_none_or(|proof| proof.thumbprint != *thumbprint);
    if consent.thumbprint.as_ref().is_some_and(is_bound_otherwise) {
        return wrong("the code is bound to a key, and the DPoP proof is missing or by another one");
    }
    Ok(())
}

/// The wallet may ask for less than was granted, never for more (OpenID4VCI §6.1.1). Where everything was granted,
/// that is what was `offered`.
pub(super) fn narrowed(
    granted: &Granted,
    offered: &[String],
    details: Option<&[AuthorizationDetail]>,
) -> Result<Granted, Refusal> {
    let Some(details) = details else { return Ok(granted.clone()) };
    let all = if *granted == Granted::Everything { offered } else { configurations(granted) };
    Ok(by_identifiers(&grant(details, all)?))
}

/// Unknown, expired, used, of an offer that is over: one answer for all (RFC 6749 §5.2).
fn no_good() -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, "the authorization code is unknown, used or expired")
}
