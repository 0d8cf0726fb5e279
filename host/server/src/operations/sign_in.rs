//! A holder says who they are: by the link that the issuer sent them, and by its transaction code if it has one.

use chancery_credential::secrets::{Code, OfferSecret};
use chancery_domain::OfferState;
use chancery_protocol::offer::OfferLink;

use super::open_authorization::claimed_offer;
use super::redeem_code::is_right;
use crate::app::App;
use crate::authorization::{Holder, Sitting};
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// What became of an attempt.
pub(crate) enum SignedIn {
    /// On to the next page.
    Yes(Sitting),
    /// Once more, with what was wrong.
    NotYet(Sitting, String),
}

/// Tries the link, the transaction code, or one after the other.
pub(crate) async fn sign_in(
    app: &App,
    issuer: &Issuer,
    sitting: Sitting,
    link: Option<&str>,
    tx_code: Option<&str>,
) -> Result<SignedIn, Refusal> {
    let text = match &sitting.holder {
        Holder::Known(_) => return Ok(SignedIn::Yes(sitting)),
        Holder::Claims(text) => text.clone(),
        Holder::Stranger => match link.and_then(code_of_link) {
            Some(code) => code.as_str().to_owned(),
            None => return Ok(SignedIn::NotYet(sitting, NO_LINK.to_owned())),
        },
    };
    let Some((code, offer)) = claimed_offer(app, issuer, &text).await? else {
        return Ok(SignedIn::NotYet(sitting, NO_OFFER.to_owned()));
    };
    let offered: Vec<_> = offer.items.into_iter().map(|item| item.configuration_id).collect();
    if sitting.authorization.asked.of(&offered).is_none() {
        return Ok(SignedIn::NotYet(sitting, OTHER_OFFER.to_owned()));
    }
    if !offer.needs_tx_code {
        return Ok(SignedIn::Yes(Sitting { holder: Holder::Known(text), ..sitting }));
    }
    let claims = Sitting { holder: Holder::Claims(text.clone()), ..sitting };
    let Some(tx_code) = tx_code else { return Ok(SignedIn::Yes(claims)) };
    try_tx_code(app, issuer, claims, &code, tx_code).await
}

const NO_LINK: &str = "Paste the whole link that the issuer sent you.";
const NO_OFFER: &str = "This link was used, has expired, or is not one of this issuer.";
const OTHER_OFFER: &str = "This link is for another credential than your wallet asks for.";

/// A wrong guess counts for ever, wherever it was made; a right one is none.
async fn try_tx_code(
    app: &App,
    issuer: &Issuer,
    sitting: Sitting,
    code: &Code,
    tx_code: &str,
) -> Result<SignedIn, Refusal> {
    let mut tx = app.tenant(issuer).await?;
    let Some(attempt) = tx.try_tx_code(&code.issuer_state_hash(), app.now()).await? else {
        tx.commit().await?;
        return Ok(SignedIn::NotYet(sitting, NO_OFFER.to_owned()));
    };
    if is_right(issuer, &attempt, tx_code) {
        tx.rollback().await?;
        return Ok(SignedIn::Yes(Sitting { holder: Holder::Known(code.as_str().to_owned()), ..sitting }));
    }
    if attempt.attempts_left == 0 {
        app.tell_of_offer(issuer, &mut tx, attempt.offer, OfferState::Failed).await?;
    }
    tx.commit().await?;
    let left = attempt.attempts_left;
    Ok(SignedIn::NotYet(sitting, format!("This code is wrong. Attempts left: {left}.")))
}

/// What people paste: the link for the wallet, or the address of the offer or of its page.
fn code_of_link(text: &str) -> Option<Code> {
    let text = text.trim();
    let reference = match OfferLink::parse(text) {
        Ok(OfferLink::ByValue(offer)) => {
            return Code::parse(&offer.grants?.authorization_code?.issuer_state?);
        }
        Ok(OfferLink::ByReference(reference)) => reference,
        Err(_) => text.to_owned(),
    };
    let path = reference.strip_suffix("/page").unwrap_or(&reference);
    let secret = path.rsplit('/').next()?;
    OfferSecret::parse(secret).map(|secret| secret.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_however_it_was_copied() {
        let secret = OfferSecret::random(&chancery_credential::SystemRandom);
        let address = format!("https://h/acme/offers/{}", secret.as_str());
        for text in [
            address.clone(),
            format!(" {address}/page\n"),
            secret.as_str().to_owned(),
            OfferLink::ByReference(address).to_uri(),
        ] {
            assert_eq!(code_of_link(&text).unwrap().as_str(), secret.code().as_str(), "{text}");
        }
        for text in ["", "https://h/", "https://h/offers/short", "openid-credential-offer://"] {
            assert!(code_of_link(text).is_none(), "{text}");
        }
    }
}
