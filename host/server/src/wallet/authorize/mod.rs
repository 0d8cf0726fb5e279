//! The authorization endpoint and the pages behind it: a person in a browser, without a script, and without a
//! cookie but for a detour by way of an OpenID Provider. What a page must remember it carries itself, sealed.
//!
//! Wallets are not registered, so nothing here sends a browser on unless the person in front of it pressed a
//! button (RFC 9700 §4.11.2): a request that is wrong ends on a page.

pub(crate) mod decide;
pub(crate) mod demo_holder;
pub(crate) mod show;
pub(crate) mod sign_in;
pub(crate) mod upstream;

use askama::Template;
use axum::response::{IntoResponse, Response};
use chancery_credential::Envelope;
use chancery_domain::template::{Definition, Field, ValueKind};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::app::App;
use crate::authorization::{Holder, Sitting};
use crate::issuer::Issuer;
use crate::no_store;
use crate::operations::open_authorization::{NextPage, Preview};
use crate::operations::sign_in_upstream::offered_providers;
use crate::page::{page, page_with_forms};
use crate::refusal::Refusal;
use demo_holder::{DemoForm, demo_forms};

/// A request that cannot go on.
#[derive(Template)]
#[template(path = "authorization_failed.html")]
struct FailedPage<'a> {
    issuer: &'a str,
    code: &'a str,
    description: &'a str,
}

/// The holder is to say who they are.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    issuer: &'a Issuer,
    wanted: String,
    /// The sealed sitting.
    page: String,
    /// Whether a transaction code is wanted, instead of a link.
    wants_tx_code: bool,
    problems: &'a [String],
    demo: Option<Vec<DemoForm>>,
    /// What to sign in with instead: names, and what to call them.
    providers: Vec<(String, String)>,
    destination: String,
}

/// The holder is to decide.
#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    issuer: &'a Issuer,
    credentials: Vec<Card>,
    page: String,
    destination: String,
}

/// A credential as the holder would get it.
struct Card {
    name: String,
    claims: Vec<Claim>,
    /// Whether somebody has yet to say what it will hold.
    is_open: bool,
}

struct Claim {
    label: String,
    value: String,
    /// Whether the value is the address of an image.
    is_image: bool,
}

/// Shows the page, or what went wrong.
async fn answer(app: &App, issuer: &Issuer, next: Result<NextPage, Refusal>) -> Response {
    match next {
        Ok(NextPage::SignIn(sitting)) => sign_in_page(app, issuer, &sitting, &[], &|_| None).await,
        Ok(NextPage::Consent(sitting, previews)) => consent_page(app, issuer, &sitting, previews),
        Err(refusal) => failed(issuer, &refusal),
    }
}

/// Sends the browser to the wallet (RFC 9700 §4.12: 303, so that no form is sent along).
fn leave(issuer: &Issuer, location: Result<String, Refusal>) -> Response {
    let location =
        location.and_then(|location| HeaderValue::try_from(location).map_err(Refusal::unavailable));
    match location {
        Ok(location) => no_store((StatusCode::SEE_OTHER, [(header::LOCATION, location)])),
        Err(refusal) => failed(issuer, &refusal),
    }
}

fn failed(issuer: &Issuer, refusal: &Refusal) -> Response {
    refusal.log();
    let (status, code, description) = refusal.shown();
    let mut response = page(&FailedPage { issuer: &issuer.tenant.name, code, description });
    *response.status_mut() = status;
    response.into_response()
}

/// `entered` is what the demo holder wrote into a field before.
async fn sign_in_page(
    app: &App,
    issuer: &Issuer,
    sitting: &Sitting,
    problems: &[String],
    entered: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Response {
    let asked = &sitting.authorization.asked.configuration_ids;
    let wants_tx_code = matches!(sitting.holder, Holder::Claims(_));
    let is_demo = app.tenants.workshop.development && !wants_tx_code;
    let names: Vec<_> =
        asked.iter().filter_map(|id| Some(name_of(issuer.template(id)?.definition()))).collect();
    let destination = sitting.authorization.redirect_uri.destination();
    let providers = match sitting.holder {
        Holder::Stranger => offered_providers(app, issuer, sitting).await,
        Holder::Claims(_) | Holder::Known(_) => Vec::new(),
    };
    let shown = SignInPage {
        issuer,
        wanted: names.join(", "),
        page: issuer.envelopes.seal(Envelope::Page, sitting, app.random.as_ref()),
        wants_tx_code,
        problems,
        demo: is_demo.then(|| demo_forms(issuer, asked, entered)),
        providers,
        destination: destination.clone(),
    };
    let mut response = page_with_forms(&shown, &destination);
    if !problems.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

fn consent_page(app: &App, issuer: &Issuer, sitting: &Sitting, previews: Vec<Preview>) -> Response {
    let destination = sitting.authorization.redirect_uri.destination();
    let shown = ConsentPage {
        issuer,
        credentials: previews.into_iter().map(card).collect(),
        page: issuer.envelopes.seal(Envelope::Page, sitting, app.random.as_ref()),
        destination: destination.clone(),
    };
    page_with_forms(&shown, &destination)
}

fn card(preview: Preview) -> Card {
    let Preview { definition, format, dataset } = preview;
    let is_open = dataset.is_none();
    let mut values = dataset.map(|dataset| dataset.values).unwrap_or_default();
    let shown = definition.fields.iter().filter(|field| definition.shows(&field.name, format));
    let claims = shown.filter_map(|field| {
        let value = values.swap_remove(&field.name)?;
        let is_image = field.kind == ValueKind::Image;
        Some(Claim { label: label_of(field), value: in_plain_words(&value), is_image })
    });
    Card { name: name_of(&definition), claims: claims.collect(), is_open }
}

/// In English, or else in the first language that there is.
fn name_of(definition: &Definition) -> String {
    let english = definition.display.iter().find(|entry| entry.locale.starts_with("en"));
    let entry = english.or(definition.display.first());
    entry.map_or_else(|| definition.configuration_id.clone(), |entry| entry.name.clone())
}

fn label_of(field: &Field) -> String {
    let english = field.display.iter().find(|label| label.locale.starts_with("en"));
    english.or(field.display.first()).map_or_else(|| field.name.clone(), |label| label.name.clone())
}

fn in_plain_words(value: &Value) -> String {
    let joined = |values: &mut dyn Iterator<Item = String>| values.collect::<Vec<_>>().join(", ");
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) => joined(&mut values.iter().map(in_plain_words)),
        Value::Object(members) => joined(&mut members.values().map(in_plain_words)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_as_people_write_them() {
        for (value, shown) in [
            (json!("Ada"), "Ada"),
            (json!(true), "yes"),
            (json!(1843), "1843"),
            (json!(["AT", "GB"]), "AT, GB"),
            (json!({ "locality": "London", "country": "GB" }), "London, GB"),
        ] {
            assert_eq!(in_plain_words(&value), shown);
        }
    }
}
