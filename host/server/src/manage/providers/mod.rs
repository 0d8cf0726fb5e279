//! `/providers`: the OpenID Providers that holders sign in at.

pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod set;

use std::collections::BTreeMap;

use chancery_store::HolderProvider;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::issuer::Issuer;
use crate::operations::sign_in_upstream::callback_url;

/// A provider that holders sign in at.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProviderView {
    name: String,
    /// What holders read: "Continue with …".
    label: String,
    /// Its issuer identifier.
    issuer: String,
    client_id: String,
    /// Whether a secret is kept; it is shown to nobody.
    has_secret: bool,
    scopes: Vec<String>,
    /// Whether its userinfo endpoint is asked, too.
    userinfo: bool,
    /// For which credentials its word is enough.
    configuration_ids: Vec<String>,
    /// Members of a subject, by the claims that they come from, where those have other names.
    claims: BTreeMap<String, String>,
    /// To be registered with it: where it sends browsers back to.
    redirect_uri: String,
    #[serde(with = "time::serde::rfc3339")]
    set_at: OffsetDateTime,
}

impl ProviderView {
    fn new(provider: HolderProvider, issuer: &Issuer) -> Self {
        Self {
            redirect_uri: callback_url(issuer, &provider.name),
            name: provider.name,
            label: provider.label,
            issuer: provider.issuer,
            client_id: provider.client_id,
            has_secret: provider.sealed_secret.is_some(),
            scopes: provider.scopes,
            userinfo: provider.userinfo,
            configuration_ids: provider.configuration_ids,
            claims: provider.claims,
            set_at: provider.set_at,
        }
    }
}

/// What the audit trail is told.
fn told(provider: &HolderProvider) -> Value {
    json!({
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "has_secret": provider.sealed_secret.is_some(),
        "configuration_ids": provider.configuration_ids,
        "claims": provider.claims,
    })
}
