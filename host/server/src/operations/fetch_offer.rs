//! A wallet reads an offer by reference.

use chancery_credential::secrets::OfferSecret;
use chancery_domain::{EventType, OfferGrant, OfferState};
use chancery_protocol::offer::{AuthorizationCode, CredentialOffer, Grants, PreAuthorizedCode, TxCode};

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The offer behind its secret. Unknown, used up and expired offers are the same answer.
pub(crate) async fn fetch_offer(
    app: &App,
    issuer: &Issuer,
    secret: &str,
) -> Result<CredentialOffer, Refusal> {
    let gone = || Refusal::not_found("there is no such offer, or it was used or has expired");
    let secret = OfferSecret::parse(secret).ok_or_else(gone)?;
    let mut tx = app.tenant(issuer).await?;
    if issuer.listens(EventType::OfferFetched)
        && let Some(offer) = tx.note_fetched(&secret.lookup_hash(), app.now()).await?
    {
        app.tell_of_offer(issuer, &mut tx, offer, OfferState::Fetched).await?;
    }
    let offer = tx.offer_by_handle(&secret.lookup_hash(), app.now()).await?;
    tx.commit().await?;
    let offer = offer.filter(|offer| offer.state.is_redeemable()).ok_or_else(gone)?;
    let tx_code = match offer.tx_code {
        Some(description) => Some(serde_json::from_value(description).map_err(Refusal::unavailable)?),
        None => None,
    };
    let configuration_ids = offer.items.into_iter().map(|item| item.configuration_id).collect();
    Ok(describe_offer(issuer, &secret, offer.grant, configuration_ids, tx_code))
}

/// The offer as a wallet reads it. The code is derived from the secret: it is stored nowhere. A transaction code
/// is the wallet's business only if it redeems the offer itself; else the holder is asked for it on our page.
pub(crate) fn describe_offer(
    issuer: &Issuer,
    secret: &OfferSecret,
    grant: OfferGrant,
    configuration_ids: Vec<String>,
    tx_code: Option<TxCode>,
) -> CredentialOffer {
    let code = secret.code().as_str().to_owned();
    let grants = match grant {
        OfferGrant::PreAuthorizedCode => Grants {
            pre_authorized_code: Some(PreAuthorizedCode { pre_authorized_code: code, tx_code }),
            ..Grants::default()
        },
        OfferGrant::AuthorizationCode => Grants {
            authorization_code: Some(AuthorizationCode { issuer_state: Some(code) }),
            ..Grants::default()
        },
    };
    CredentialOffer {
        credential_issuer: issuer.identifier.clone(),
        credential_configuration_ids: configuration_ids,
        grants: Some(grants),
    }
}
