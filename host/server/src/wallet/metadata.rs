//! Issuer and authorization server metadata (OpenID4VCI §12.2, RFC 8414).

use axum::response::Response;
use chancery_credential::proof::BINDING_METHODS;
use chancery_domain::template::{Definition, Field, SdJwtProjection};
use chancery_protocol::authorization_server::AuthorizationServerMetadata;
use chancery_protocol::issuer_metadata::{
    BatchCredentialIssuance, ClaimDescription, ClaimDisplay, CredentialConfiguration, CredentialDisplay,
    CredentialIssuerMetadata, CredentialMetadata, IssuerDisplay, PathElement, ProofType,
};
use chancery_protocol::offer::PRE_AUTHORIZED_CODE;
use chancery_protocol::token::{CLIENT_CREDENTIALS, OPENID_CREDENTIAL};
use std::collections::BTreeMap;

use super::public_document;
use crate::issuer::BATCH_SIZE;
use crate::tenants::Issuing;

/// `GET /.well-known/openid-credential-issuer`
pub(crate) async fn credential_issuer(Issuing(issuer): Issuing) -> Response {
    public_document(issuer.documents.issuer_metadata.clone(), "application/json")
}

/// `GET /.well-known/oauth-authorization-server`
pub(crate) async fn authorization_server(Issuing(issuer): Issuing) -> Response {
    public_document(issuer.documents.server_metadata.clone(), "application/json")
}

/// The algorithms that a key proof may be signed with.
const PROOF_ALGORITHMS: [&str; 2] = ["ES256", "EdDSA"];

/// What the issuer says of itself. No `authorization_servers`: the issuer is its own (§12.2.4).
pub(crate) fn describe_issuer<'a>(
    identifier: &str,
    display: &IssuerDisplay,
    signing_algorithm: &str,
    definitions: impl Iterator<Item = &'a Definition>,
) -> CredentialIssuerMetadata {
    let configurations = definitions.filter_map(|definition| {
        let projection = definition.sd_jwt.as_ref()?;
        Some((
            definition.configuration_id.clone(),
            describe_sd_jwt(definition, projection, signing_algorithm),
        ))
    });
    CredentialIssuerMetadata {
        credential_issuer: identifier.to_owned(),
        credential_endpoint: format!("{identifier}/credential"),
        nonce_endpoint: Some(format!("{identifier}/nonce")),
        notification_endpoint: Some(format!("{identifier}/notification")),
        batch_credential_issuance: Some(BatchCredentialIssuance { batch_size: BATCH_SIZE }),
        display: vec![display.clone()],
        credential_configurations_supported: configurations.collect(),
    }
}

fn describe_sd_jwt(
    definition: &Definition,
    projection: &SdJwtProjection,
    signing_algorithm: &str,
) -> CredentialConfiguration {
    let proof_type =
        ProofType { proof_signing_alg_values_supported: PROOF_ALGORITHMS.map(str::to_owned).to_vec() };
    CredentialConfiguration {
        format: "dc+sd-jwt".to_owned(),
        vct: Some(projection.vct.clone()),
        scope: Some(definition.configuration_id.clone()),
        credential_signing_alg_values_supported: vec![signing_algorithm.to_owned()],
        cryptographic_binding_methods_supported: BINDING_METHODS.map(str::to_owned).to_vec(),
        proof_types_supported: BTreeMap::from([("jwt".to_owned(), proof_type)]),
        credential_metadata: Some(CredentialMetadata {
            display: definition.display.iter().map(describe_display).collect(),
            claims: describe_claims(definition, projection),
        }),
    }
}

fn describe_display(display: &chancery_domain::template::CredentialDisplay) -> CredentialDisplay {
    CredentialDisplay {
        name: display.name.clone(),
        locale: Some(display.locale.clone()),
        description: display.description.clone(),
        background_color: display.background_color.clone(),
        text_color: display.text_color.clone(),
    }
}

/// Claims in the order of the template's fields: array order is display order (Appendix B.2).
fn describe_claims(definition: &Definition, projection: &SdJwtProjection) -> Vec<ClaimDescription> {
    let place = |field: &Field| projection.claims.iter().find(|claim| claim.field == field.name);
    definition
        .fields
        .iter()
        .filter_map(|field| {
            let claim = place(field)?;
            Some(ClaimDescription {
                path: claim.path.iter().cloned().map(PathElement::Member).collect(),
                mandatory: field.mandatory,
                display: field
                    .display
                    .iter()
                    .map(|label| ClaimDisplay {
                        name: label.name.clone(),
                        locale: Some(label.locale.clone()),
                    })
                    .collect(),
            })
        })
        .collect()
}

/// What the issuer's own authorization server says of itself: only what is there. The platform's has no
/// wallets.
pub(crate) fn describe_server(identifier: &str, is_platform: bool) -> AuthorizationServerMetadata {
    let words = |of_wallets: &[&str], of_clients: &[&str]| {
        let of_wallets = if is_platform { &[] } else { of_wallets };
        of_wallets.iter().chain(of_clients).map(|word| (*word).to_owned()).collect()
    };
    AuthorizationServerMetadata {
        issuer: identifier.to_owned(),
        token_endpoint: format!("{identifier}/token"),
        jwks_uri: Some(format!("{identifier}/oauth/jwks")),
        grant_types_supported: words(&[PRE_AUTHORIZED_CODE], &[CLIENT_CREDENTIALS]),
        response_types_supported: Vec::new(),
        token_endpoint_auth_methods_supported: words(
            &["none"],
            &["client_secret_basic", "client_secret_post"],
        ),
        dpop_signing_alg_values_supported: words(&PROOF_ALGORITHMS, &[]),
        authorization_details_types_supported: words(&[OPENID_CREDENTIAL], &[]),
        pre_authorized_grant_anonymous_access_supported: !is_platform,
    }
}
