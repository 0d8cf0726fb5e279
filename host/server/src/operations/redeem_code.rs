//! A wallet exchanges the pre-authorized code for an access token (OpenID4VCI §6).

use chancery_credential::secrets::Code;
use chancery_credential::tokens::{AccessToken, Granted};
use chancery_domain::{OfferId, OfferState};
use chancery_protocol::error::ErrorCode;
use chancery_protocol::token::{AuthorizationDetail, GrantedDetail, OPENID_CREDENTIAL, TokenResponse};
use chancery_store::{Redemption, Seen, TenantTx, TxCodeAttempt};
use time::{Duration, OffsetDateTime};

use super::refresh_token::begin_family;
use crate::app::App;
use crate::caller::UsedProof;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// How long an access token is good for; unbound ones should not live longer (OpenID4VCI §13.6).
pub(crate) const TOKEN_LIFETIME: Duration = Duration::minutes(5);
/// How long a DPoP proof is remembered: longer than any nonce lives, or a replay window would open.
pub(crate) const PROOF_MEMORY: Duration = Duration::minutes(15);

/// How long an access token is good for. One that is for something deferred lasts until that is over; but not one that
/// anybody could use who found it (OpenID4VCI §13.6).
pub(crate) fn lifetime(issuer: &Issuer, is_bound: bool, is_deferred: bool) -> Duration {
    if is_bound && is_deferred {
        Duration::days(issuer.settings.deferral_days.into())
    } else {
        TOKEN_LIFETIME
    }
}

/// A token request as the wallet meant it.
pub(crate) struct TokenRequest {
    pub(crate) code: String,
    pub(crate) tx_code: Option<String>,
    pub(crate) details: Option<Vec<AuthorizationDetail>>,
    /// The wallet, if the issuer knows it.
    pub(crate) client: Option<String>,
}

/// Redeems the code, once.
pub(crate) async fn redeem_code(
    app: &App,
    issuer: &Issuer,
    request: TokenRequest,
    proof: Option<UsedProof>,
) -> Result<TokenResponse, Refusal> {
    let now = app.now();
    let code = Code::parse(&request.code).ok_or_else(no_good)?;

    let mut tx = app.tenant(issuer).await?;
    if let Some(proof) = &proof {
        use_up(&mut tx, proof, now).await?;
    }
    let mut tried = false;
    if let Some(tx_code) = &request.tx_code
        && let Some(attempt) = tx.try_tx_code(&code.lookup_hash(), now).await?
    {
        tried = true;
        if !is_right(issuer, &attempt, tx_code) {
            // The attempt counts whatever comes of it: guesses in parallel, on other replicas or
            // across restarts share one budget.
            if attempt.attempts_left == 0 {
                app.tell_of_offer(issuer, &mut tx, attempt.offer, OfferState::Failed).await?;
            }
            tx.commit().await?;
            let left = attempt.attempts_left;
            let description = format!("the transaction code is wrong, {left} attempts are left");
            return Err(Refusal::new(ErrorCode::InvalidGrant, description));
        }
    }
    let redemption = tx.redeem(&code.lookup_hash(), now).await?;
    let (offer, issuable) = match redemption {
        Redemption::Redeemed { offer, issuable, .. } => (offer, issuable),
        Redemption::TxCodeNeeded => {
            tx.commit().await?;
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "this offer needs its transaction code (tx_code)",
            ));
        }
        Redemption::Over(_) | Redemption::Unknown => {
            tx.commit().await?;
            return Err(no_good());
        }
    };
    if request.tx_code.is_some() && !tried {
        tx.rollback().await?;
        return Err(Refusal::new(ErrorCode::InvalidRequest, "this offer has no transaction code, send none"));
    }
    // The issuing transaction decides; here the wallet is spared a code that would be spent for nothing.
    if issuable.items.iter().any(|item| issuer.is_halted(&item.revision.component)) {
        tx.rollback().await?;
        return Err(Refusal::halted());
    }
    let offered: Vec<_> = issuable.items.iter().map(|item| item.configuration_id.clone()).collect();
    let granted = match request.details.map(|details| grant(&details, &offered)).transpose() {
        Ok(granted) => granted,
        Err(refusal) => {
            tx.rollback().await?;
            return Err(refusal);
        }
    };
    let is_deferred = issuable.items.iter().any(|item| item.deferral.is_some());
    let proof_is_there = proof.is_some();
    let token = AccessToken {
        offer,
        code,
        thumbprint: proof.map(|proof| proof.thumbprint),
        granted: granted.as_ref().map_or(Granted::Everything, |details| by_identifiers(details)),
        client: request.client,
        expires_at: now + lifetime(issuer, proof_is_there, is_deferred),
    };
    let refresh_token = begin_family(app, issuer, &mut tx, &token, Some(&issuable)).await?;
    app.tell_of_offer(issuer, &mut tx, offer, OfferState::Redeemed).await?;
    tx.commit().await?;
    metrics::counter!("chancery_codes_redeemed_total").increment(1);
    app.redeemed.keep(issuer.tenant(), offer, issuable);
    Ok(TokenResponse { refresh_token, ..token_response(app, issuer, &token, now) })
}

/// What the wallet is told of its token.
pub(crate) fn token_response(
    app: &App,
    issuer: &Issuer,
    token: &AccessToken,
    now: OffsetDateTime,
) -> TokenResponse {
    let (scope, details) = match &token.granted {
        Granted::Everything => (None, Vec::new()),
        Granted::Configurations(ids) => (Some(ids.join(" ")), Vec::new()),
        Granted::Identifiers(ids) => (None, ids.iter().map(|id| granted_detail(id)).collect()),
    };
    TokenResponse {
        access_token: issuer.tokens.mint(token, app.random.as_ref()),
        token_type: if token.thumbprint.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
        expires_in: u32::try_from((token.expires_at - now).whole_seconds()).unwrap_or_default(),
        refresh_token: None,
        scope,
        authorization_details: details,
    }
}

/// Unknown, expired, used, cancelled: one answer for all (RFC 6749 §5.2).
fn no_good() -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, "the pre-authorized code is unknown, used or expired")
}

/// Marks a DPoP proof as used (RFC 9449 §11.1).
pub(crate) async fn use_up(tx: &mut TenantTx, proof: &UsedProof, now: OffsetDateTime) -> Result<(), Refusal> {
    if tx.remember(Seen::DpopProof, &proof.jti_hash, now + PROOF_MEMORY).await? {
        Ok(())
    } else {
        Err(Refusal::new(ErrorCode::InvalidDpopProof, "the proof was used before"))
    }
}

pub(crate) fn is_right(issuer: &Issuer, attempt: &TxCodeAttempt, tx_code: &str) -> bool {
    issuer.keys.verify_mac(TX_CODE, &tx_code_message(attempt.offer, tx_code), &attempt.mac)
}

/// What the store keeps of a transaction code.
pub(crate) fn tx_code_mac(issuer: &Issuer, offer: OfferId, tx_code: &str) -> [u8; 32] {
    issuer.keys.mac(TX_CODE, &tx_code_message(offer, tx_code))
}

const TX_CODE: &str = "tx-code";

fn tx_code_message(offer: OfferId, tx_code: &str) -> Vec<u8> {
    let mut message = offer.uuid().as_bytes().to_vec();
    message.extend_from_slice(tx_code.as_bytes());
    message
}

/// Intersects what the wallet asks for with what was offered; asking for more is refused (RFC 9396 §5).
pub(crate) fn grant(
    details: &[AuthorizationDetail],
    offered: &[String],
) -> Result<Vec<GrantedDetail>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidAuthorizationDetails, description);
    if details.is_empty() {
        return Err(invalid("authorization_details is empty"));
    }
    let mut granted: Vec<GrantedDetail> = Vec::with_capacity(details.len());
    for detail in details {
        if detail.r#type != OPENID_CREDENTIAL {
            return Err(invalid("only details of the type openid_credential are known here"));
        }
        let id =
            detail.credential_configuration_id.as_ref().filter(|id| offered.contains(id)).ok_or_else(
                || invalid("credential_configuration_id must name a configuration of the offer"),
            )?;
        if granted.iter().any(|known| known.credential_configuration_id == *id) {
            return Err(invalid("a configuration is asked for twice"));
        }
        granted.push(granted_detail(id));
    }
    Ok(granted)
}

/// A configuration that was granted, as the token response tells of it.
fn granted_detail(configuration_id: &str) -> GrantedDetail {
    GrantedDetail {
        r#type: OPENID_CREDENTIAL.to_owned(),
        credential_configuration_id: configuration_id.to_owned(),
        credential_identifiers: vec![credential_identifier(configuration_id)],
    }
}

/// The identifier of the one dataset that an offer holds for a configuration; the same in every answer.
pub(crate) fn credential_identifier(configuration_id: &str) -> String {
    format!("{configuration_id}:1")
}

/// What a token grants whose response names these details.
pub(crate) fn by_identifiers(details: &[GrantedDetail]) -> Granted {
    Granted::Identifiers(details.iter().map(|detail| detail.credential_configuration_id.clone()).collect())
}
