//! A wallet reads an offer by reference.

use chancery_credential::secrets::OfferSecret;
use chancery_protocol::offer::{CredentialOffer, Grants, PreAuthorizedCode, TxCode};

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
    let offer = tx.offer_by_handle(&secret.lookup_hash(), app.now()).await?;
    tx.commit().await?;
    let offer = offer.filter(|offer| offer.state.is_redeemable()).ok_or_else(gone)?;
    let tx_code = match offer.tx_code {
        Some(description) => Some(serde_json::from_value(description).map_err(Refusal::unavailable)?),
        None => None,
    };
    let configuration_ids = offer.items.into_iter().map(|item| item.configuration_id).collect();
    Ok(describe_offer(issuer, &secret, configuration_ids, tx_code))
}

/// The offer as a wallet reads it. The code is derived from the secret: it is stored nowhere.
pub(crate) fn describe_offer(
    issuer: &Issuer,
    secret: &OfferSecret,
    configuration_ids: Vec<String>,
    tx_code: Option<TxCode>,
) -> CredentialOffer {
    let code = PreAuthorizedCode { pre_authorized_code: secret.code().as_str().to_owned(), tx_code };
    CredentialOffer {
        credential_issuer: issuer.identifier.clone(),
        credential_configuration_ids: configuration_ids,
        grants: Some(Grants { pre_authorized_code: Some(code) }),
    }
}
