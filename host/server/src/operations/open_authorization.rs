//! A browser arrives with a wallet's request, and is shown the next page of it.

use chancery_credential::secrets::Code;
use chancery_domain::Dataset;
use chancery_domain::template::{Definition, Format, Issue};
use chancery_engine::Outcome;
use chancery_protocol::error::ErrorCode;
use chancery_store::OfferedToHolder;
use serde_json::{Map, Value};

use super::circumstances::Circumstances;
use super::find_template::find_template;
use super::look_up::{Occasion, prepare_with_lookups};
use super::prepare_dataset::{Asked, Unprepared};
use super::push_authorization::no_such_offer;
use crate::app::App;
use crate::authorization::{Authorization, Holder, PAGE_LIFETIME, Sitting, configurations};
use crate::issuer::Issuer;
use crate::problem::SOON;
use crate::refusal::Refusal;

/// What the holder is shown next.
pub(crate) enum NextPage {
    /// To say who they are.
    SignIn(Sitting),
    /// To decide.
    Consent(Sitting, Vec<Preview>),
}

/// A credential as the holder would get it.
pub(crate) struct Preview {
    pub(crate) definition: Definition,
    pub(crate) format: Format,
    /// None if nobody knows yet what it will say.
    pub(crate) dataset: Option<Dataset>,
}

/// Begins to ask the holder. Looking again is no offence; only the decision happens once.
pub(crate) async fn open_authorization(
    app: &App,
    issuer: &Issuer,
    authorization: Authorization,
) -> Result<NextPage, Refusal> {
    let mut tx = app.tenant(issuer).await?;
    let decided = tx.is_decided(authorization.id).await?;
    tx.commit().await?;
    if decided {
        return Err(decided_before());
    }
    let holder = authorization.issuer_state.clone().map_or(Holder::Stranger, Holder::Claims);
    let sitting = Sitting { authorization, holder, expires_at: app.now() + PAGE_LIFETIME };
    next_page(app, issuer, sitting).await
}

/// The page that fits what is known of the holder.
pub(crate) async fn next_page(app: &App, issuer: &Issuer, sitting: Sitting) -> Result<NextPage, Refusal> {
    let (text, is_known) = match &sitting.holder {
        Holder::Stranger => return Ok(NextPage::SignIn(sitting)),
        Holder::Claims(code) => (code.clone(), false),
        Holder::Known(code) => (code.clone(), true),
    };
    let (code, offer) = claimed_offer(app, issuer, &text).await?.ok_or_else(no_such_offer)?;
    if offer.needs_tx_code && !is_known {
        return Ok(NextPage::SignIn(sitting));
    }
    let previews = preview(app, issuer, &sitting.authorization, &code, &offer).await?;
    Ok(NextPage::Consent(Sitting { holder: Holder::Known(text), ..sitting }, previews))
}

/// The offer behind a code, if its holder may still consent to it.
pub(crate) async fn claimed_offer(
    app: &App,
    issuer: &Issuer,
    text: &str,
) -> Result<Option<(Code, OfferedToHolder)>, Refusal> {
    let Some(code) = Code::parse(text) else { return Ok(None) };
    let mut tx = app.tenant(issuer).await?;
    let offer = tx.offer_by_issuer_state(&code.issuer_state_hash(), app.now()).await?;
    tx.commit().await?;
    Ok(offer.map(|offer| (code, offer)))
}

/// A page that was answered too late, or twice.
pub(crate) fn decided_before() -> Refusal {
    let description = "this request was answered before, start again in the wallet";
    Refusal::new(ErrorCode::InvalidRequest, description)
}

/// The very values that would be signed, as the templates shape them.
async fn preview(
    app: &App,
    issuer: &Issuer,
    authorization: &Authorization,
    code: &Code,
    offer: &OfferedToHolder,
) -> Result<Vec<Preview>, Refusal> {
    let offered: Vec<_> = offer.items.iter().map(|item| item.configuration_id.clone()).collect();
    let granted = authorization.asked.of(&offered).ok_or_else(no_such_offer)?;
    let corrupt = |cause: &dyn std::fmt::Display| {
        Refusal::unavailable(format_args!("the subject data of an offer cannot be read: {cause}"))
    };
    let subjects =
        issuer.keys.open_subject(offer.id, code, &offer.sealed_subject).map_err(|error| corrupt(&error))?;
    let mut subjects: Map<String, Value> =
        serde_json::from_slice(&subjects).map_err(|error| corrupt(&error))?;
    let circumstances = Circumstances::take(&mut subjects);
    let mut previews = Vec::new();
    for item in offer.items.iter().filter(|item| configurations(&granted).contains(&item.configuration_id)) {
        let template = find_template(app, issuer, item).await?;
        let (_, format) = Format::of_configuration(&item.configuration_id);
        let definition = template.definition().clone();
        let subject = match subjects.get(&item.configuration_id) {
            Some(subject) => subject,
            // Nobody has brought it yet.
            None if item.deferral.is_some() => {
                previews.push(Preview { definition, format, dataset: None });
                continue;
            }
            None => return Err(corrupt(&"it lacks a configuration of the offer")),
        };
        // What is deferred is shown as it is going to be if it is completed as it is.
        let now = app.now();
        let completed_at = item.deferral.map(|_| now);
        let asked = Asked::rehearsal(subject, &circumstances, completed_at, now);
        let occasion = Occasion { offer: offer.id, nonces: &[] };
        let prepared = prepare_with_lookups(app, issuer, &template, asked, occasion).await;
        let dataset = match prepared.map(|prepared| prepared.outcome) {
            Ok(Outcome::Issue(dataset)) => Some(dataset),
            Ok(Outcome::Defer(_)) => None,
            Ok(Outcome::Refuse(issues)) => return Err(refused(&issues)),
            Ok(Outcome::Need(_)) => return Err(refused(&[])),
            Err(Unprepared::Crowded) => return Err(Refusal::too_many(SOON)),
            Err(Unprepared::Lost(fault)) => return Err(Refusal::unavailable(fault)),
            Err(Unprepared::Unanswered(why)) => return Err(Refusal::unavailable(why)),
            Err(Unprepared::Store(error)) => return Err(error.into()),
            Err(Unprepared::Fault(fault)) => return Err(refused(&[]).because(fault)),
            Err(Unprepared::NonceUsed) => return Err(Refusal::unavailable("a page uses no nonce up")),
        };
        previews.push(Preview { definition, format, dataset });
    }
    Ok(previews)
}

fn refused(issues: &[Issue]) -> Refusal {
    let pointers: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
    let description = "the issuer's rules do not allow this credential any more, ask the issuer";
    Refusal::new(ErrorCode::AccessDenied, description).because(pointers.join(", "))
}
