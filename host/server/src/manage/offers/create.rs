//! `POST /offers`

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_credential::secrets::OfferSecret;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::caller::{Offers, Presumed};
use crate::manage::idempotency::Idempotent;
use crate::manage::read;
use crate::no_store;
use crate::operations::circumstances::Circumstances;
use crate::operations::create_offer::{CreatedOffer, OfferRequest, check_offer, create_offer};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Offer credentials to a holder
///
/// The answer holds the link for the holder's wallet and, if asked for, the
/// transaction code; neither can be read again.
#[utoipa::path(
    post, path = "/offers", tag = "Offers", request_body = OfferRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "A repeated request gets the first answer")),
    responses((status = 201, body = CreatedOffer), (status = 422, body = ProblemDocument)),
    security(("api_key" = ["issuance:offer"]))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    presumed: Presumed<Offers>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let manager = &presumed.manager;
    let issuer = manager.issuer.as_ref();
    let raw = body.as_ref().map(Bytes::clone).unwrap_or_default();
    let request: OfferRequest = read(&headers, body)?;
    let idempotent = Idempotent::from_request(&headers, manager, "POST /offers", &raw)?;
    if let Some(idempotent) = &idempotent {
        presumed.confirm(&app).await?;
        let mut tx = app.tenant(issuer).await?;
        let answer = idempotent.recall(issuer, manager, &mut tx, app.now()).await?;
        tx.commit().await?;
        if let Some(answer) = answer {
            return Ok(created(answer));
        }
    }

    for credential in &request.credentials {
        manager.check_may_offer(&credential.configuration_id)?;
    }
    let checked = check_offer(&app, issuer, request, &Circumstances::default()).await?;
    let secret = OfferSecret::random(app.random.as_ref());
    let mut tx = app.tenant(issuer).await?;
    let Some(offer) =
        create_offer(&app, issuer, &mut tx, checked, &secret, (Some(manager.principal), manager.author()))
            .await?
    else {
        tx.rollback().await?;
        presumed.forget(&app);
        return Err(Problem::new(ProblemCode::Unauthenticated));
    };
    let answer =
        serde_json::to_vec(&offer).map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    if let Some(idempotent) = &idempotent
        && !idempotent.keep(&app, issuer, manager, &mut tx, &answer).await?
    {
        // The same request ran beside this one and was faster: its answer counts, this work is undone.
        tx.rollback().await?;
        let mut tx = app.tenant(issuer).await?;
        let answer = idempotent.recall(issuer, manager, &mut tx, app.now()).await?;
        tx.commit().await?;
        return answer.map(created).ok_or_else(|| Problem::new(ProblemCode::InProgress));
    }
    tx.commit().await?;
    metrics::counter!("chancery_offers_created_total").increment(1);
    Ok(created(answer))
}

fn created(answer: Vec<u8>) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    no_store((StatusCode::CREATED, json, answer).into_response())
}
