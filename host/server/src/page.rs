//! Pages for people: rendered here, without a script, under a policy that allows none.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// The one stylesheet, inlined into every page; the policy names it by its hash.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// Renders a page.
pub(crate) fn page(template: &impl Template) -> Response {
    render(template, "'none'")
}

/// Renders a page with forms, whose answers may lead on to `destination`: browsers hold the policy against
/// redirects, too.
pub(crate) fn page_with_forms(template: &impl Template, destination: &str) -> Response {
    render(template, &format!("'self' {destination}"))
}

fn render(template: &impl Template, form_action: &str) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = Html(html).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy(form_action));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "failed to render a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn policy(form_action: &str) -> HeaderValue {
    use base64::Engine as _;
    use sha2::Digest as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}
