//! The holder decides, once, and the browser takes the answer to the wallet (RFC 6749 §4.1.2).

use chancery_credential::Envelope;
use chancery_protocol::error::ErrorCode;
use chancery_store::NewAuthorization;

use super::open_authorization::{claimed_offer, decided_before};
use super::push_authorization::no_such_offer;
use crate::app::App;
use crate::authorization::{CODE_LIFETIME, Consent, Holder, Sitting};
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The holder consents. Where the browser goes with the code.
pub(crate) async fn consent(app: &App, issuer: &Issuer, sitting: Sitting) -> Result<String, Refusal> {
    let Sitting { authorization, holder, .. } = sitting;
    let Holder::Known(text) = holder else {
        let description = "the holder has not signed in yet";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    };
    let (_, offer) = claimed_offer(app, issuer, &text).await?.ok_or_else(no_such_offer)?;
    let offered: Vec<_> = offer.items.into_iter().map(|item| item.configuration_id).collect();
    let granted = authorization.asked.of(&offered).ok_or_else(no_such_offer)?;
    let now = app.now();
    let expires_at = now + CODE_LIFETIME;
    let decided = NewAuthorization { id: authorization.id, offer: Some(offer.id), expires_at, now };
    decide(app, issuer, &decided).await?;
    metrics::counter!("chancery_authorizations_total", "decision" => "granted").increment(1);
    let consent = Consent {
        authorization: authorization.id,
        offer: offer.id,
        code: text,
        granted,
        client_id: authorization.client_id.clone(),
        redirect_uri: authorization.redirect_uri.clone(),
        code_challenge: authorization.code_challenge.clone(),
        thumbprint: authorization.thumbprint.clone(),
    };
    let code = issuer.envelopes.seal(Envelope::Code, &consent, app.random.as_ref());
    Ok(authorization.answer(issuer, &[("code", &code)]))
}

/// The holder refuses. Where the browser goes to say so.
pub(crate) async fn refuse(app: &App, issuer: &Issuer, sitting: Sitting) -> Result<String, Refusal> {
    let authorization = sitting.authorization;
    let expires_at = sitting.expires_at;
    let decided = NewAuthorization { id: authorization.id, offer: None, expires_at, now: app.now() };
    decide(app, issuer, &decided).await?;
    metrics::counter!("chancery_authorizations_total", "decision" => "refused").increment(1);
    let error = ErrorCode::AccessDenied.as_str();
    let description = "the holder does not want the credential";
    Ok(authorization.answer(issuer, &[("error", error), ("error_description", description)]))
}

async fn decide(app: &App, issuer: &Issuer, decided: &NewAuthorization) -> Result<(), Refusal> {
    let mut tx = app.tenant(issuer).await?;
    let is_first = tx.decide(decided).await?;
    tx.commit().await?;
    if is_first { Ok(()) } else { Err(decided_before()) }
}
