//! Issuer and authorization server metadata (OpenID4VCI §12.2, RFC 8414).

use axum::extract::State;
use axum::response::Response;
use chancery_credential::proof::BINDING_METHODS;
use chancery_credential::w3c::{Model, VERIFIABLE_CREDENTIAL};
use chancery_credential::{Algorithm, mdoc};
use chancery_domain::settings::{Profile, Settings};
use chancery_domain::template::{Definition, Field, Format};
use chancery_protocol::authorization::CODE_GRANT;
use chancery_protocol::authorization_server::AuthorizationServerMetadata;
use chancery_protocol::issuer_metadata::{
    BackgroundImage, BatchCredentialIssuance, ClaimDescription, ClaimDisplay, CredentialConfiguration,
    CredentialDefinition, CredentialDisplay, CredentialIssuerMetadata, CredentialMetadata, IssuerDisplay,
    KeyAttestationsRequired, Logo, PathElement, ProofType, RequestEncryption, ResponseEncryption,
    SigningAlgorithm,
};
use chancery_protocol::offer::PRE_AUTHORIZED_CODE;
use chancery_protocol::token::{CLIENT_CREDENTIALS, OPENID_CREDENTIAL, REFRESH_TOKEN};
use http::{HeaderMap, HeaderValue, header};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{prefers, public_document};
use crate::app::App;
use crate::issuer::BATCH_SIZE;
use crate::operations::sign_metadata::sign_metadata;
use crate::refusal::Refusal;
use crate::tenants::Issuing;

/// `GET /.well-known/openid-credential-issuer`; signed, for who asks for it so.
pub(crate) async fn credential_issuer(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let signed = if prefers(&headers, JWT) { sign_metadata(&app, &issuer).await? } else { None };
    let mut response = match signed {
        Some(signed) => public_document(signed, JWT),
        None => public_document(issuer.documents.issuer_metadata.clone(), "application/json"),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// The media type of signed metadata.
const JWT: &str = "application/jwt";

/// `GET /.well-known/oauth-authorization-server`
pub(crate) async fn authorization_server(Issuing(issuer): Issuing) -> Response {
    public_document(issuer.documents.server_metadata.clone(), "application/json")
}

/// The algorithms that a key proof may be signed with.
const PROOF_ALGORITHMS: [&str; 2] = ["ES256", "EdDSA"];

/// What the issuer says of itself. No `authorization_servers`: the issuer is its own (§12.2.4).
pub(crate) fn describe_issuer(
    identifier: &str,
    display: &IssuerDisplay,
    signing_algorithm: Algorithm,
    encryption: Option<(RequestEncryption, ResponseEncryption)>,
    settings: &Settings,
    configurations: &[(&Definition, Format, String)],
) -> CredentialIssuerMetadata {
    let (of_requests, of_responses) = encryption.unzip();
    let configurations = configurations.iter().map(|(definition, format, id)| {
        (id.clone(), describe_configuration(identifier, definition, *format, id, signing_algorithm, settings))
    });
    CredentialIssuerMetadata {
        credential_issuer: identifier.to_owned(),
        credential_endpoint: format!("{identifier}/credential"),
        nonce_endpoint: Some(format!("{identifier}/nonce")),
        deferred_credential_endpoint: Some(format!("{identifier}/deferred-credential")),
        notification_endpoint: Some(format!("{identifier}/notification")),
        batch_credential_issuance: Some(BatchCredentialIssuance { batch_size: BATCH_SIZE }),
        credential_request_encryption: of_requests,
        credential_response_encryption: of_responses,
        display: vec![display.clone()],
        credential_configurations_supported: configurations.collect(),
    }
}

fn describe_configuration(
    identifier: &str,
    definition: &Definition,
    format: Format,
    id: &str,
    signing_algorithm: Algorithm,
    settings: &Settings,
) -> CredentialConfiguration {
    let (algorithm, binding_methods) = match format {
        Format::SdJwt | Format::JwtVcJson | Format::VcJwt => {
            (SigningAlgorithm::Jose(signing_algorithm.as_str().to_owned()), BINDING_METHODS.as_slice())
        }
        Format::Mdoc => (SigningAlgorithm::Cose(mdoc::algorithm(signing_algorithm)), ["cose_key"].as_slice()),
    };
    let of_sd_jwt = definition.sd_jwt.as_ref().filter(|_| format == Format::SdJwt);
    let of_mdoc = definition.mdoc.as_ref().filter(|_| format == Format::Mdoc);
    let model = match format {
        Format::JwtVcJson => Some(Model::JwtVcJson),
        Format::VcJwt => Some(Model::VcJwt),
        Format::SdJwt | Format::Mdoc => None,
    };
    CredentialConfiguration {
        format: format.as_str().to_owned(),
        vct: of_sd_jwt.map(|form| form.vct_at(identifier).into_owned()),
        doctype: of_mdoc.map(|form| form.doctype.clone()),
        credential_definition: model.and_then(|model| define(definition, model)),
        scope: Some(id.to_owned()),
        credential_signing_alg_values_supported: vec![algorithm],
        cryptographic_binding_methods_supported: binding_methods.iter().map(ToString::to_string).collect(),
        proof_types_supported: describe_proofs(id, settings),
        credential_metadata: Some(CredentialMetadata {
            display: definition.display.iter().map(describe_display).collect(),
            claims: describe_claims(definition, format),
        }),
    }
}

/// How keys may be proved. Attestations alone are taken where there is somebody whose word counts.
fn describe_proofs(configuration_id: &str, settings: &Settings) -> BTreeMap<String, ProofType> {
    let required = settings.key_attestations_required.get(configuration_id);
    let proof_type = ProofType {
        proof_signing_alg_values_supported: PROOF_ALGORITHMS.map(str::to_owned).to_vec(),
        key_attestations_required: required.map(|required| KeyAttestationsRequired {
            key_storage: required.key_storage.clone(),
            user_authentication: required.user_authentication.clone(),
        }),
    };
    let mut proof_types = BTreeMap::from([("jwt".to_owned(), proof_type.clone())]);
    if !settings.key_attesters.is_empty() {
        proof_types.insert("attestation".to_owned(), proof_type);
    }
    proof_types
}

/// The types of a W3C credential; of `vc+jwt`, the contexts too, which there is no other place for.
fn define(definition: &Definition, model: Model) -> Option<CredentialDefinition> {
    let form = definition.w3c.as_ref()?;
    let with =
        |first: &str, more: &[String]| std::iter::once(first.to_owned()).chain(more.to_vec()).collect();
    Some(CredentialDefinition {
        context: match model {
            Model::JwtVcJson => Vec::new(),
            Model::VcJwt => with(model.base_context(), &form.contexts),
        },
        r#type: with(VERIFIABLE_CREDENTIAL, &form.types),
    })
}

fn describe_display(display: &chancery_domain::template::CredentialDisplay) -> CredentialDisplay {
    CredentialDisplay {
        name: display.name.clone(),
        locale: Some(display.locale.clone()),
        description: display.description.clone(),
        background_color: display.background_color.clone(),
        text_color: display.text_color.clone(),
        logo: describe_logo(display),
        background_image: describe_background(display),
    }
}

/// The logo on a card.
pub(super) fn describe_logo(display: &chancery_domain::template::CredentialDisplay) -> Option<Logo> {
    let logo = display.logo.as_ref()?;
    Some(Logo { uri: logo.uri.clone(), alt_text: logo.alternative_text.clone() })
}

/// What is behind the text on a card.
pub(super) fn describe_background(
    display: &chancery_domain::template::CredentialDisplay,
) -> Option<BackgroundImage> {
    display.background_image.clone().map(|uri| BackgroundImage { uri })
}

/// Claims in the order of the template's fields: array order is display order (Appendix B.2).
fn describe_claims(definition: &Definition, format: Format) -> Vec<ClaimDescription> {
    let place = |field: &Field| match format {
        Format::SdJwt => {
            let claims = &definition.sd_jwt.as_ref()?.claims;
            claims.iter().find(|claim| claim.field == field.name).map(|claim| claim.path.clone())
        }
        Format::Mdoc => {
            let elements = &definition.mdoc.as_ref()?.elements;
            let element = elements.iter().find(|element| element.field == field.name)?;
            Some(vec![element.namespace.clone(), element.element.clone()])
        }
        Format::JwtVcJson | Format::VcJwt => {
            let claims = &definition.w3c.as_ref()?.claims;
            let claim = claims.iter().find(|claim| claim.field == field.name)?;
            Some(std::iter::once("credentialSubject".to_owned()).chain(claim.path.clone()).collect())
        }
    };
    let describe = |field: &Field| {
        Some(ClaimDescription {
            path: place(field)?.into_iter().map(PathElement::Member).collect(),
            mandatory: field.mandatory,
            display: field
                .display
                .iter()
                .map(|label| ClaimDisplay { name: label.name.clone(), locale: Some(label.locale.clone()) })
                .collect(),
        })
    };
    definition.fields.iter().filter_map(describe).collect()
}

/// What the issuer's own authorization server says of itself: only what is there. The platform's has no
/// wallets.
pub(crate) fn describe_server(
    identifier: &str,
    is_platform: bool,
    settings: &Settings,
    configurations: &[(&Definition, Format, String)],
) -> AuthorizationServerMetadata {
    let attests = !settings.wallet_providers.is_empty();
    let attested = if attests { PROOF_ALGORITHMS.as_slice() } else { &[] };
    let is_haip = settings.profile == Profile::Haip;
    let grants: &[&str] = match settings.refresh_token_days {
        0 => &[CODE_GRANT, PRE_AUTHORIZED_CODE],
        _ => &[CODE_GRANT, PRE_AUTHORIZED_CODE, REFRESH_TOKEN],
    };
    let words = |of_wallets: &[&str], of_clients: &[&str]| {
        let of_wallets = if is_platform { &[] } else { of_wallets };
        of_wallets.iter().chain(of_clients).map(|word| (*word).to_owned()).collect()
    };
    let endpoint_of_wallets = |path: &str| (!is_platform).then(|| format!("{identifier}{path}"));
    AuthorizationServerMetadata {
        issuer: identifier.to_owned(),
        authorization_endpoint: endpoint_of_wallets("/authorize"),
        pushed_authorization_request_endpoint: endpoint_of_wallets("/par"),
        token_endpoint: format!("{identifier}/token"),
        jwks_uri: Some(format!("{identifier}/oauth/jwks")),
        status_list_aggregation_endpoint: endpoint_of_wallets("/status-lists"),
        grant_types_supported: words(grants, &[CLIENT_CREDENTIALS]),
        response_types_supported: words(&["code"], &[]),
        code_challenge_methods_supported: words(&["S256"], &[]),
        authorization_response_iss_parameter_supported: !is_platform,
        scopes_supported: if is_platform {
            Vec::new()
        } else {
            configurations.iter().map(|(_, _, id)| id.clone()).collect()
        },
        require_pushed_authorization_requests: !is_platform && is_haip,
        token_endpoint_auth_methods_supported: words(
            match (is_haip, attests) {
                (true, false) => &[],
                (true, true) => &["attest_jwt_client_auth"],
                (false, false) => &["none"],
                (false, true) => &["none", "attest_jwt_client_auth"],
            },
            // FAPI 2.0 §5.3.2.1 knows no secrets; systems of the tenant's own may go on using theirs.
            if is_haip && !is_platform {
                &["private_key_jwt"]
            } else {
                &["private_key_jwt", "client_secret_basic", "client_secret_post"]
            },
        ),
        token_endpoint_auth_signing_alg_values_supported: words(&[], &PROOF_ALGORITHMS),
        challenge_endpoint: endpoint_of_wallets("/challenge").filter(|_| attests),
        client_attestation_signing_alg_values_supported: words(attested, &[]),
        client_attestation_pop_signing_alg_values_supported: words(attested, &[]),
        dpop_signing_alg_values_supported: words(&PROOF_ALGORITHMS, &[]),
        authorization_details_types_supported: words(&[OPENID_CREDENTIAL], &[]),
        pre_authorized_grant_anonymous_access_supported: !is_platform && !is_haip,
    }
}
