//! The host makes an offer to the person who is in front of a page, of what is known of them, as a manager would have.

use chancery_credential::secrets::OfferSecret;
use chancery_domain::audit::Author;
use chancery_domain::{OfferGrant, RequestId};

use super::circumstances::Circumstances;
use super::create_offer::{OfferRequest, OfferedCredential, check_offer, create_offer};
use crate::app::App;
use crate::authorization::{Holder, PAGE_LIFETIME, Sitting};
use crate::issuer::Issuer;
use crate::problem::Problem;
use crate::refusal::Refusal;

/// What became of an attempt.
pub(crate) enum Introduced {
    /// On to the next page.
    Yes(Sitting),
    /// Once more, with what was wrong.
    NotYet(Sitting, Vec<String>),
}

/// Makes the offer, if the templates take what they are given.
pub(crate) async fn offer_to_holder(
    app: &App,
    issuer: &Issuer,
    request: RequestId,
    sitting: Sitting,
    (credentials, circumstances): (Vec<OfferedCredential>, &Circumstances),
) -> Result<Introduced, Refusal> {
    let wanted = OfferRequest {
        credentials,
        tx_code: false,
        expires_in: u32::try_from(PAGE_LIFETIME.whole_seconds()).ok(),
        by_value: false,
        grant: OfferGrant::AuthorizationCode,
    };
    let checked = match check_offer(app, issuer, wanted, circumstances).await {
        Ok(checked) => checked,
        Err(problem) if !problem.errors().is_empty() => {
            return Ok(Introduced::NotYet(sitting, in_plain_words(&problem)));
        }
        Err(problem) => return Err(unavailable(&problem)),
    };
    let secret = OfferSecret::random(app.random.as_ref());
    let author = Author { request: Some(request), ..Author::HOST };
    let mut tx = app.tenant(issuer).await?;
    create_offer(app, issuer, &mut tx, checked, &secret, (None, author))
        .await
        .map_err(|problem| unavailable(&problem))?;
    tx.commit().await?;
    let holder = Holder::Known(secret.code().as_str().to_owned());
    Ok(Introduced::Yes(Sitting { holder, ..sitting }))
}

/// The member and what is wrong with it, without the way there.
fn in_plain_words(problem: &Problem) -> Vec<String> {
    let issues = problem.errors().iter();
    issues
        .map(|issue| {
            let member = issue.pointer.split("/subject/").last().unwrap_or_default();
            format!("{member}: {}", issue.message)
        })
        .collect()
}

fn unavailable(problem: &Problem) -> Refusal {
    Refusal::unavailable(format_args!("the holder's offer cannot be made: {problem:?}"))
}
