//! The description of the management API, made from the handlers themselves.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Server};

use super::{api_keys, credentials, keys, offers};
use crate::tenants::Published;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chancery management API",
        version = "1",
        description = "Offer credentials, follow what becomes of them, revoke them. Version 1 only ever grows."
    ),
    paths(
        offers::create::create,
        offers::list::list,
        offers::show::show,
        offers::cancel::cancel,
        credentials::list::list,
        credentials::show::show,
        credentials::change::revoke,
        credentials::change::suspend,
        credentials::change::reinstate,
        keys::list::list,
        keys::rotate::rotate,
        keys::revoke::revoke,
        keys::import::import,
        api_keys::create,
        api_keys::list,
    ),
    tags(
        (name = "Offers", description = "Invitations to a holder to fetch credentials"),
        (name = "Credentials", description = "What was issued, and its status"),
        (name = "Keys", description = "What signs the credentials"),
        (name = "API keys", description = "Who may call this API"),
    )
)]
struct ManagementApi;

/// The description for one issuer.
pub(crate) fn describe(management_url: &str) -> utoipa::openapi::OpenApi {
    let mut api = ManagementApi::openapi();
    api.servers = Some(vec![Server::new(management_url)]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key")).build();
    api.components
        .get_or_insert_with(Components::new)
        .add_security_scheme("api_key", SecurityScheme::Http(bearer));
    api
}

/// `GET /openapi.json`
pub(crate) async fn document(Published(issuer): Published) -> Json<utoipa::openapi::OpenApi> {
    Json(describe(&issuer.management_url()))
}
