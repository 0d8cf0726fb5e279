//! Puts an issuer together and renders its public documents, once.

use std::collections::BTreeMap;

use bytes::Bytes;
use chancery_credential::did::{did_document, did_web};
use chancery_credential::x509::CertificateChain;
use chancery_engine::Template;
use serde::Serialize;
use serde_json::json;

use super::StartError;
use super::keys::{OpenedTenant, Signing};
use crate::config::Config;
use crate::issuer::{Documents, Issuer};
use crate::serve::identifier_of;
use crate::wallet::keys::describe_keys;
use crate::wallet::metadata::{describe_issuer, describe_server};

pub(super) fn assemble(
    config: &Config,
    tenant: OpenedTenant,
    signing: Signing,
    chain: Option<CertificateChain>,
    templates: BTreeMap<String, Template>,
) -> Result<Issuer, StartError> {
    let OpenedTenant { tenant, keys } = tenant;
    let identifier = identifier_of(&config.public_url);
    let did = config.issuer.did.clone().or_else(|| default_did(config));
    let algorithm = signing.key.algorithm().as_str();
    let definitions = templates.values().map(Template::definition);

    let documents = Documents {
        issuer_metadata: render(&describe_issuer(&identifier, &config.issuer.name, algorithm, definitions))?,
        server_metadata: render(&describe_server(&identifier))?,
        jwt_vc_issuer: render(&json!({ "issuer": identifier, "jwks": describe_keys(&signing.published) }))?,
        jwks: render(&describe_keys(&signing.published))?,
        did: did.as_deref().map(|did| render(&did_document(did, &signing.published))).transpose()?,
    };
    Ok(Issuer {
        tenant: tenant.id,
        slug: tenant.slug,
        name: config.issuer.name.clone(),
        identifier,
        url: config.public_url.clone(),
        nonces: keys.nonces(),
        tokens: keys.tokens(),
        keys,
        key_version: signing.version,
        signer: signing.key,
        chain,
        templates,
        documents,
    })
}

/// `did:web` of the issuer's URL. It knows no IP addresses, so a loopback address goes by its name.
fn default_did(config: &Config) -> Option<String> {
    let mut url = config.public_url.clone();
    if config.development && matches!(url.host_str(), Some("127.0.0.1" | "[::1]")) {
        url.set_host(Some("localhost")).ok()?;
    }
    did_web(&identifier_of(&url))
}

fn render(document: &impl Serialize) -> Result<Bytes, StartError> {
    serde_json::to_vec(document).map(Bytes::from).map_err(|error| StartError::Internal(error.to_string()))
}
