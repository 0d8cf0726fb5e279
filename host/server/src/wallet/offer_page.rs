//! The page of an offer, for its holder: QR code, link and live state, without a script.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use chancery_credential::secrets::OfferSecret;
use chancery_domain::OfferState;
use chancery_protocol::offer::OfferLink;
use chancery_store::{Offer, OfferItem};
use fast_qr::convert::{Builder, svg::SvgBuilder};
use fast_qr::{ECL, QRBuilder};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::app::App;
use crate::issuer::Issuer;
use crate::page::page;
use crate::refusal::Refusal;
use crate::tenants::Issuing;

#[derive(Template)]
#[template(path = "offer.html")]
struct OfferPage {
    issuer: String,
    title: String,
    state: &'static str,
    explanation: &'static str,
    /// Whether the page reloads itself: while something may still happen.
    live: bool,
    open: Option<OpenOffer>,
}

/// What an offer shows while a wallet may still take it.
struct OpenOffer {
    /// A `data:` URL.
    qr: String,
    link: String,
    expires_at: String,
    needs_tx_code: bool,
}

/// `GET /offers/{secret}/page`
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    Path(text): Path<String>,
) -> Result<Response, Refusal> {
    let issuer = issuer.as_ref();
    let Some(secret) = OfferSecret::parse(&text) else { return Ok(nothing(issuer)) };
    let mut tx = app.tenant(issuer).await?;
    let offer = tx.look_at_offer(&secret.lookup_hash()).await?;
    tx.commit().await?;
    match offer {
        Some(offer) => Ok(page(&describe(issuer, &secret, &offer, app.now()))),
        None => Ok(nothing(issuer)),
    }
}

/// The same page for a wrong link and for an offer that was erased.
fn nothing(issuer: &Issuer) -> Response {
    let mut response = page(&OfferPage {
        issuer: issuer.tenant.name.clone(),
        title: "No such offer".to_owned(),
        state: "unknown",
        explanation: "The link is wrong or very old. Ask the issuer for a new one.",
        live: false,
        open: None,
    });
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.into_response()
}

fn describe(issuer: &Issuer, secret: &OfferSecret, offer: &Offer, now: OffsetDateTime) -> OfferPage {
    let is_open = offer.state.is_redeemable() && now < offer.expires_at;
    let state = if offer.state.is_redeemable() && !is_open { OfferState::Expired } else { offer.state };
    let is_awaited = |item: &OfferItem| item.deferral.is_some() && item.issuance.is_none();
    let (word, explanation) = match state {
        OfferState::Redeemed if offer.items.iter().any(is_awaited) => (
            "being checked",
            "The issuer has yet to decide. Your wallet asks again by itself; you can put this page away.",
        ),
        state => in_plain_words(state),
    };
    OfferPage {
        issuer: issuer.tenant.name.clone(),
        title: title(issuer, offer),
        state: word,
        explanation,
        live: !state.is_final(),
        open: is_open.then(|| {
            let link = OfferLink::ByReference(issuer.at(&format!("/offers/{}", secret.as_str()))).to_uri();
            let format = format_description!("[day] [month repr:long] [year], [hour]:[minute] UTC");
            OpenOffer {
                qr: qr_code(&link),
                link,
                expires_at: offer.expires_at.format(&format).unwrap_or_default(),
                needs_tx_code: offer.tx_code.is_some(),
            }
        }),
    }
}

/// The names of the credentials, as their templates show them in English or else first.
fn title(issuer: &Issuer, offer: &Offer) -> String {
    let names = offer.items.iter().map(|item| {
        let id = &item.configuration_id;
        let display = issuer.template(id).map(|template| &template.definition().display);
        display
            .and_then(|display| {
                display.iter().find(|entry| entry.locale.starts_with("en")).or(display.first())
            })
            .map_or_else(|| id.clone(), |entry| entry.name.clone())
    });
    names.collect::<Vec<_>>().join(", ")
}

fn in_plain_words(state: OfferState) -> (&'static str, &'static str) {
    match state {
        OfferState::Created => ("waiting for your wallet", ""),
        OfferState::Fetched => ("opened by a wallet", ""),
        OfferState::Redeemed => {
            ("being issued", "Your wallet is fetching the credential. You can put this page away.")
        }
        OfferState::Issued => ("issued", "The credential was sent to the wallet that opened this offer."),
        OfferState::Accepted => {
            ("in your wallet", "The wallet has stored the credential. You can close this page.")
        }
        OfferState::Failed => {
            ("failed", "The credential did not reach the wallet. Ask the issuer for a new offer.")
        }
        OfferState::Expired => {
            ("expired", "The offer was open for a limited time. Ask the issuer for a new one.")
        }
        OfferState::Cancelled => ("withdrawn", "The issuer has withdrawn the offer."),
    }
}

/// The link as a QR code, always dark on white, with a quiet zone of four modules.
fn qr_code(link: &str) -> String {
    let svg = QRBuilder::new(link).ecl(ECL::M).build().map(|qr| SvgBuilder::default().margin(4).to_str(&qr));
    let svg = svg.unwrap_or_else(|error| {
        tracing::error!(%error, "failed to draw a QR code");
        String::new()
    });
    format!("data:image/svg+xml;base64,{}", base64::engine::general_purpose::STANDARD.encode(svg))
}
