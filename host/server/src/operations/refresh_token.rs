//! A wallet renews what it was given: each refresh token is good once, for the key that it was given to, and one
//! that comes a second time ends them all (RFC 6749 §6, RFC 9700 §4.14.2).

use chancery_credential::Envelope;
use chancery_credential::secrets::{Code, OfferSecret};
use chancery_credential::tokens::{AccessToken, Granted};
use chancery_domain::template::Revision;
use chancery_domain::{OfferId, random_bytes};
use chancery_protocol::error::ErrorCode;
use chancery_protocol::token::{AuthorizationDetail, TokenResponse};
use chancery_store::{IssuableOffer, NewFamily, OfferItem, PinnedItem, Renewal, TenantTx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::circumstances::Circumstances;
use super::redeem_authorization::narrowed;
use super::redeem_code::{TOKEN_LIFETIME, lifetime, token_response, use_up};
use crate::app::App;
use crate::caller::UsedProof;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// A token request as the wallet meant it.
pub(crate) struct RefreshRequest {
    pub(crate) token: String,
    pub(crate) client_id: Option<String>,
    pub(crate) details: Option<Vec<AuthorizationDetail>>,
}

/// What a refresh token says, to us alone. That it opens tells that we made it: nobody ends a family by guessing.
#[derive(Serialize, Deserialize)]
struct Token {
    family: OfferId,
    secret: String,
}

/// What a family renews. It is stored sealed, and opens with the current token alone.
#[derive(Serialize, Deserialize)]
struct Renewable {
    /// The subject's data of every configuration, as the offer had it.
    subjects: Map<String, Value>,
    /// Configurations, each with the component and the configuration hash that it is pinned to.
    pinned: Vec<(String, [u8; 32], [u8; 32])>,
    granted: Granted,
    client: Option<String>,
    thumbprint: String,
    /// That of the offer which the latest access token is for.
    #[serde(default)]
    code: Option<String>,
}

/// Begins a family beside an access token that was just granted, if the issuer renews and the token is bound. It
/// asks the database for nothing if not.
pub(crate) async fn begin_family(
    app: &App,
    issuer: &Issuer,
    tx: &mut TenantTx,
    token: &AccessToken,
    offer: Option<&IssuableOffer>,
) -> Result<Option<String>, Refusal> {
    let now = app.now();
    let lifetime = Duration::days(issuer.settings.refresh_token_days.into());
    let Some(thumbprint) = token.thumbprint.clone().filter(|_| lifetime.is_positive()) else {
        return Ok(None);
    };
    let read = match offer {
        Some(_) => None,
        None => tx.offer_for_issuance(token.offer, now).await?,
    };
    let Some(offer) = offer.or(read.as_ref()) else { return Ok(None) };
    let unreadable = |cause: &dyn std::fmt::Display| {
        Refusal::unavailable(format_args!("the subject data of an offer cannot be read: {cause}"))
    };
    let subjects = issuer
        .keys
        .open_subject(token.offer, &token.code, &offer.sealed_subject)
        .map_err(|error| unreadable(&error))?;
    let pin = |item: &OfferItem| {
        (item.configuration_id.clone(), item.revision.component, item.revision.configuration)
    };
    // What somebody decided once, nobody has decided for the next time.
    let pinned: Vec<_> = offer.items.iter().filter(|item| item.deferral.is_none()).map(pin).collect();
    if pinned.is_empty() {
        return Ok(None);
    }
    let renewable = Renewable {
        subjects: serde_json::from_slice(&subjects).map_err(|error| unreadable(&error))?,
        pinned,
        granted: token.granted.clone(),
        client: token.client.clone(),
        thumbprint,
        code: Some(token.code.as_str().to_owned()),
    };
    let secret = Code::random(app.random.as_ref());
    let family = NewFamily {
        offer: token.offer,
        token_hash: secret.refresh_hash(),
        sealed: seal(app, issuer, token.offer, &secret, &renewable)?,
        expires_at: now + lifetime,
    };
    tx.begin_family(&family).await?;
    Ok(Some(text(app, issuer, token.offer, &secret)))
}

/// Exchanges a refresh token for an access token and the next refresh token.
pub(crate) async fn refresh_token(
    app: &App,
    issuer: &Issuer,
    request: RefreshRequest,
    proof: Option<UsedProof>,
) -> Result<TokenResponse, Refusal> {
    let now = app.now();
    let token: Token = issuer.envelopes.open(Envelope::Refresh, &request.token).ok_or_else(no_good)?;
    let secret = Code::parse(&token.secret).ok_or_else(no_good)?;
    let proof = proof.ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidDpopProof, "a refresh token is bound to a key and needs a DPoP proof")
    })?;
    let mut tx = app.tenant(issuer).await?;
    use_up(&mut tx, &proof, now).await?;
    let Some(family) = tx.family(token.family, now).await? else {
        tx.commit().await?;
        return Err(no_good());
    };
    if family.token_hash != secret.refresh_hash() {
        tx.end_family(token.family).await?;
        tx.commit().await?;
        tracing::warn!(offer.id = %token.family, "a refresh token came twice, all that followed from it are revoked");
        return Err(no_good());
    }
    let renewable = issuer.keys.open_family(token.family, &secret, &family.sealed).map_err(|error| {
        Refusal::unavailable(format_args!("what is to be renewed does not open: {error}"))
    })?;
    let mut renewable: Renewable = serde_json::from_slice(&renewable).map_err(Refusal::unavailable)?;
    let granted = match check(issuer, &renewable, &request, &proof, family.is_halted) {
        Ok(granted) => granted,
        // The proof is used up: a replay is to hear the same.
        Err(refusal) => {
            tx.commit().await?;
            return Err(refusal);
        }
    };
    let next = Code::random(app.random.as_ref());
    // What is waited for is fetched with a token for the same offer; nothing is renewed meanwhile.
    if let (Some(offer), Some(code)) = (family.awaits, renewable.code.as_deref().and_then(Code::parse)) {
        let sealed = seal(app, issuer, token.family, &next, &renewable)?;
        tx.wait_on(token.family, &next.refresh_hash(), &sealed).await?;
        tx.commit().await?;
        let expires_at = now + lifetime(issuer, true, true);
        let (thumbprint, client) = (Some(proof.thumbprint), renewable.client);
        let access = AccessToken { offer, code, thumbprint, granted, client, expires_at };
        let next = text(app, issuer, token.family, &next);
        return Ok(TokenResponse { refresh_token: Some(next), ..token_response(app, issuer, &access, now) });
    }
    let code = OfferSecret::random(app.random.as_ref()).code();
    renewable.code = Some(code.as_str().to_owned());
    let mut circumstances = Circumstances::take(&mut renewable.subjects);
    circumstances.prior_issuances += 1;
    circumstances.put(&mut renewable.subjects);
    let renewal = renewal(app, issuer, token.family, &renewable, (&next, &code), now)?;
    tx.renew(&renewal).await?;
    tx.commit().await?;
    metrics::counter!("chancery_tokens_refreshed_total").increment(1);

    app.redeemed.keep(issuer.tenant(), renewal.offer, issuable(&renewal));
    let access = AccessToken {
        offer: renewal.offer,
        code,
        thumbprint: Some(proof.thumbprint),
        granted,
        client: renewable.client,
        expires_at: now + TOKEN_LIFETIME,
    };
    let next = text(app, issuer, token.family, &next);
    Ok(TokenResponse { refresh_token: Some(next), ..token_response(app, issuer, &access, now) })
}

/// Whether the family is the caller's, and of what it holds, what is asked for.
fn check(
    issuer: &Issuer,
    renewable: &Renewable,
    request: &RefreshRequest,
    proof: &UsedProof,
    is_halted: bool,
) -> Result<Granted, Refusal> {
    let wrong = |description: &str| Err(Refusal::new(ErrorCode::InvalidGrant, description));
    let is_others = renewable.client.is_some() && renewable.client != request.client_id;
    if renewable.thumbprint != proof.thumbprint || is_others {
        return wrong("the refresh token was given to another client or key");
    }
    if is_halted {
        return wrong("a credential that is to be renewed was suspended or revoked");
    }
    if renewable.pinned.iter().any(|(_, component, _)| issuer.is_halted(component)) {
        return Err(Refusal::halted());
    }
    let offered: Vec<_> = renewable.pinned.iter().map(|(id, _, _)| id.clone()).collect();
    narrowed(&renewable.granted, &offered, request.details.as_deref())
}

/// The next token of the family and the offer that it comes with.
fn renewal(
    app: &App,
    issuer: &Issuer,
    family: OfferId,
    renewable: &Renewable,
    (next, code): (&Code, &Code),
    now: OffsetDateTime,
) -> Result<Renewal, Refusal> {
    let random = app.random.as_ref();
    let subjects = Zeroizing::new(serde_json::to_vec(&renewable.subjects).map_err(Refusal::unavailable)?);
    let offer = OfferId::new(now, random_bytes(random));
    let items = renewable.pinned.iter().map(|(id, component, configuration)| PinnedItem {
        configuration_id: id.clone(),
        revision: Revision { component: *component, configuration: *configuration },
    });
    Ok(Renewal {
        family,
        token_hash: next.refresh_hash(),
        sealed: seal(app, issuer, family, next, renewable)?,
        offer,
        handle_hash: OfferSecret::random(random).lookup_hash(),
        code_hash: code.lookup_hash(),
        items: items.collect(),
        sealed_subject: issuer.keys.seal_subject(offer, code, &subjects, random),
        now,
        issue_by: now + TOKEN_LIFETIME,
    })
}

fn issuable(renewal: &Renewal) -> IssuableOffer {
    let item = |item: &PinnedItem| OfferItem {
        configuration_id: item.configuration_id.clone(),
        revision: item.revision,
        issuance: None,
        deferral: None,
    };
    IssuableOffer {
        items: renewal.items.iter().map(item).collect(),
        sealed_subject: renewal.sealed_subject.clone(),
        is_renewal: true,
        repeats: Vec::new(),
    }
}

fn seal(
    app: &App,
    issuer: &Issuer,
    family: OfferId,
    secret: &Code,
    renewable: &Renewable,
) -> Result<Vec<u8>, Refusal> {
    let renewable = Zeroizing::new(serde_json::to_vec(renewable).map_err(Refusal::unavailable)?);
    Ok(issuer.keys.seal_family(family, secret, &renewable, app.random.as_ref()))
}

/// The token as the wallet carries it.
fn text(app: &App, issuer: &Issuer, family: OfferId, secret: &Code) -> String {
    let token = Token { family, secret: secret.as_str().to_owned() };
    issuer.envelopes.seal(Envelope::Refresh, &token, app.random.as_ref())
}

/// Unknown, used, over: one answer for all (RFC 6749 §5.2).
fn no_good() -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, "the refresh token is unknown, used or expired")
}
