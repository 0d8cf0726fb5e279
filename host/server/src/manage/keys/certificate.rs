//! `GET /keys/{kid}/certificate-request`, `PUT` and `DELETE /keys/{kid}/certificate`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use chancery_credential::x509::Subject;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::KeyView;
use crate::app::App;
use crate::caller::{Manager, RotatesKeys};
use crate::manage::{is_name, read};
use crate::no_store;
use crate::operations::certify_key::{certify_key, request_certificate};
use crate::problem::{Problem, ProblemCode, ProblemDocument};

/// Whom the certificate is to name, beside the issuer identifier and its host.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RequestQuery {
    /// Instead of the issuer's host; 1 to 64 characters.
    #[serde(default)]
    common_name: Option<String>,
    /// Who that is; 1 to 64 characters.
    #[serde(default)]
    organization: Option<String>,
    /// Two capital letters (ISO 3166-1); authorities for mobile documents ask for it. With it a certificate for such
    /// documents is requested.
    #[serde(default)]
    country: Option<String>,
}

/// What an authority is to be sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CertificateRequestView {
    /// PEM (PKCS #10), signed by the key.
    certificate_request: String,
}

/// Ask for the certificate of a signing key
///
/// Send what this answers to an authority, and its answer to `PUT /keys/{kid}/certificate`: for the next key before it
/// becomes active, best, so that no credential lacks it.
#[utoipa::path(
    get, path = "/keys/{kid}/certificate-request", tag = "Keys",
    params(("kid" = String, Path, description = "the thumbprint"), RequestQuery),
    responses(
        (status = 200, body = CertificateRequestView), (status = 400, body = ProblemDocument),
        (status = 404, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn request(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    Path(kid): Path<String>,
    query: Result<Query<RequestQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let malformed = |detail: &str| Problem::new(ProblemCode::Malformed).detail(detail);
    let Query(RequestQuery { common_name, organization, country }) =
        query.map_err(|rejection| malformed(&rejection.body_text()))?;
    // RFC 5280 Appendix A: ub-common-name, ub-organization-name.
    let is_fit = |text: &String| is_name(text) && text.chars().count() <= 64;
    let is_country = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if !common_name.iter().chain(&organization).all(is_fit) || !country.iter().all(is_country) {
        return Err(malformed("names have 1 to 64 characters, a country two capital letters"));
    }
    let subject = Subject { common_name, organization, country };
    let issuer = (manager.issuer.tenant(), manager.issuer.identifier.as_str());
    let certificate_request = request_certificate(&app, issuer, &kid, &subject).await?;
    Ok(no_store(Json(CertificateRequestView { certificate_request })))
}

/// What an authority made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateChainRequest {
    /// PEM: the key's own certificate first, then those of authorities between it and the trust anchor, which may be
    /// left out.
    chain: String,
}

/// Keep the certificate of a signing key
///
/// What the key signs carries it as `x5c` from then on. When it expires, nothing is issued until it is replaced.
#[utoipa::path(
    put, path = "/keys/{kid}/certificate", tag = "Keys", request_body = CertificateChainRequest,
    params(("kid" = String, Path, description = "the thumbprint")),
    responses(
        (status = 200, body = KeyView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 422, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    Path(kid): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let CertificateChainRequest { chain } = read(&headers, body)?;
    let key = certify_key(&app, manager.author(), &manager.issuer, &kid, Some(&chain)).await?;
    Ok(no_store(Json(KeyView::from(key))))
}

/// Drop the certificate of a signing key
#[utoipa::path(
    delete, path = "/keys/{kid}/certificate", tag = "Keys",
    params(("kid" = String, Path, description = "the thumbprint")),
    responses(
        (status = 200, body = KeyView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument),
    ),
    security(("api_key" = ["keys:manage"]))
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    manager: Manager<RotatesKeys>,
    Path(kid): Path<String>,
) -> Result<Response, Problem> {
    let key = certify_key(&app, manager.author(), &manager.issuer, &kid, None).await?;
    Ok(no_store(Json(KeyView::from(key))))
}
