//! What an issuer and its authorization server say of themselves, and whether it holds together.

use chancery_protocol::authorization::CODE_GRANT;
use chancery_protocol::authorization_server::AuthorizationServerMetadata;
use chancery_protocol::issuer_metadata::{CredentialConfiguration, CredentialIssuerMetadata};
use chancery_protocol::offer::{CredentialOffer, PRE_AUTHORIZED_CODE};
use chancery_protocol::token::OPENID_CREDENTIAL;
use chancery_protocol::well_known::WellKnown;
use serde_json::Value;

use super::client::NONE;
use super::failure::{ClaimError, Problem, Step};
use super::{Wallet, link};

/// SD-JWT VC.
const SD_JWT_VC: &str = "dc+sd-jwt";
/// ISO/IEC 18013-5.
pub(crate) const MDOC: &str = "mso_mdoc";
/// VCDM 1.1 as JWT.
pub(crate) const JWT_VC_JSON: &str = "jwt_vc_json";
/// VCDM 2.0, secured by JOSE.
pub(crate) const VC_JWT: &str = "vc+jwt";

/// An issuer whose metadata was fetched and checked.
#[derive(Debug, Clone)]
pub struct Issuer {
    metadata: CredentialIssuerMetadata,
    server: AuthorizationServerMetadata,
}

impl Issuer {
    /// The issuer identifier.
    pub fn identifier(&self) -> &str {
        &self.metadata.credential_issuer
    }

    /// The issuer's metadata.
    pub fn metadata(&self) -> &CredentialIssuerMetadata {
        &self.metadata
    }

    /// The metadata of its authorization server.
    pub fn server(&self) -> &AuthorizationServerMetadata {
        &self.server
    }

    /// The configuration of that id.
    pub fn configuration(&self, id: &str) -> Result<&CredentialConfiguration, ClaimError> {
        let supported = &self.metadata.credential_configurations_supported;
        supported.get(id).ok_or_else(|| {
            let known: Vec<_> = supported.keys().map(String::as_str).collect();
            Step::IssuerMetadata
                .unexpected(format_args!("a configuration {id:?}"), format_args!("only {}", known.join(", ")))
        })
    }

    /// Whether one request may ask for `count` copies.
    pub fn allows(&self, count: u16) -> Result<(), ClaimError> {
        let most = self.metadata.batch_credential_issuance.map_or(1, |batch| batch.batch_size);
        if count <= most {
            return Ok(());
        }
        Err(Step::IssuerMetadata.failed(Problem::TooMany { asked: count, most }))
    }
}

impl Wallet {
    /// Fetches and checks the metadata of an offer's issuer and of its authorization server.
    pub async fn issuer(&self, offer: &CredentialOffer) -> Result<Issuer, ClaimError> {
        let step = Step::IssuerMetadata;
        let identifier = link::identifier(step, &offer.credential_issuer)?;
        let document: Value =
            self.fetch_json(step, &WellKnown::CredentialIssuer.inserted(&identifier)).await?;
        let metadata = read_metadata(&document, &offer.credential_issuer)?;
        // OpenID4VCI §12.2.4: absent, the issuer is its own authorization server.
        let server_id = document.pointer("/authorization_servers/0").and_then(Value::as_str);
        let server_id = server_id.unwrap_or(&metadata.credential_issuer);
        let server_url = link::identifier(Step::ServerMetadata, server_id)?;
        let at = WellKnown::AuthorizationServer.inserted(&server_url);
        let server: AuthorizationServerMetadata = self.fetch_json(Step::ServerMetadata, &at).await?;
        check_server(&server, server_id, &metadata)?;
        check_grant(&server, is_pre_authorized(offer), self.authentication())?;
        let issuer = Issuer { metadata, server };
        for id in &offer.credential_configuration_ids {
            check_offered(issuer.configuration(id)?, id)?;
        }
        Ok(issuer)
    }
}

fn read_metadata(document: &Value, identifier: &str) -> Result<CredentialIssuerMetadata, ClaimError> {
    let step = Step::IssuerMetadata;
    if let Some(pointer) = empty_array(document, String::new()) {
        return Err(
            step.unexpected("no empty array (it is left out instead)", format_args!("one at {pointer}"))
        );
    }
    let metadata: CredentialIssuerMetadata = serde_json::from_value(document.clone())
        .map_err(|error| step.unexpected("credential issuer metadata", error))?;
    step.expect(
        metadata.credential_issuer == identifier,
        format_args!("credential_issuer {identifier:?}, byte for byte"),
        format_args!("{:?}", metadata.credential_issuer),
    )?;
    let endpoints = [Some(&metadata.credential_endpoint), metadata.nonce_endpoint.as_ref()];
    for url in endpoints.into_iter().chain([metadata.notification_endpoint.as_ref()]).flatten() {
        link::endpoint(step, url)?;
    }
    if let Some(batch) = metadata.batch_credential_issuance {
        step.expect(batch.batch_size >= 2, "a batch_size of at least 2", batch.batch_size)?;
    }
    one_per_locale("/display", metadata.display.iter().map(|display| display.locale.as_deref()))?;
    for (id, configuration) in &metadata.credential_configurations_supported {
        check_configuration(id, configuration)?;
    }
    Ok(metadata)
}

/// OpenID4VCI §12.2.4: rules that hold for every configuration, offered or not.
fn check_configuration(id: &str, configuration: &CredentialConfiguration) -> Result<(), ClaimError> {
    let step = Step::IssuerMetadata;
    let binding = !configuration.cryptographic_binding_methods_supported.is_empty();
    let proofs = !configuration.proof_types_supported.is_empty();
    step.expect(
        binding == proofs,
        format_args!("{id}: binding methods and proof types, both or neither"),
        if binding { "binding methods alone" } else { "proof types alone" },
    )?;
    let Some(shown) = &configuration.credential_metadata else { return Ok(()) };
    one_per_locale(id, shown.display.iter().map(|display| display.locale.as_deref()))?;
    for (place, claim) in shown.claims.iter().enumerate() {
        let twice = shown.claims.iter().take(place).any(|other| other.path == claim.path);
        step.expect(
            !twice,
            format_args!("{id}: each claim path once"),
            format_args!("{:?} twice", claim.path),
        )?;
        one_per_locale(id, claim.display.iter().map(|display| display.locale.as_deref()))?;
    }
    Ok(())
}

/// What this wallet needs of a configuration to claim it.
fn check_offered(configuration: &CredentialConfiguration, id: &str) -> Result<(), ClaimError> {
    let step = Step::IssuerMetadata;
    let (kind, is_named, method) = match configuration.format.as_str() {
        SD_JWT_VC => ("vct", configuration.vct.is_some(), "jwk"),
        MDOC => ("doctype", configuration.doctype.is_some(), "cose_key"),
        JWT_VC_JSON | VC_JWT => {
            ("credential_definition", configuration.credential_definition.is_some(), "jwk")
        }
        other => {
            let expected = format_args!(
                "{id}: {SD_JWT_VC}, {MDOC}, {JWT_VC_JSON} or {VC_JWT}, the formats that this wallet reads"
            );
            return Err(step.unexpected(expected, other));
        }
    };
    step.expect(is_named, format_args!("{id}: a {kind}"), "none")?;
    let is_bound = configuration.cryptographic_binding_methods_supported.iter().any(|known| known == method);
    step.expect(
        is_bound,
        format_args!("{id}: the binding method {method}"),
        format_args!("{:?}", configuration.cryptographic_binding_methods_supported),
    )?;
    let es256 = configuration
        .proof_types_supported
        .get("jwt")
        .is_some_and(|jwt| jwt.proof_signing_alg_values_supported.iter().any(|alg| alg == "ES256"));
    step.expect(
        es256,
        format_args!("{id}: the proof type jwt with ES256"),
        format_args!("{:?}", configuration.proof_types_supported),
    )
}

fn check_server(
    server: &AuthorizationServerMetadata,
    identifier: &str,
    metadata: &CredentialIssuerMetadata,
) -> Result<(), ClaimError> {
    let step = Step::ServerMetadata;
    step.expect(
        server.issuer == identifier,
        format_args!("issuer {identifier:?}, byte for byte"),
        format_args!("{:?}", server.issuer),
    )?;
    link::endpoint(step, &server.token_endpoint)?;
    // OpenID4VCI §12.2.4: without a scope there is no other way to ask for the configuration.
    let details = server.authorization_details_types_supported.iter().any(|kind| kind == OPENID_CREDENTIAL);
    let unscoped = metadata.credential_configurations_supported.iter().find(|(_, c)| c.scope.is_none());
    match unscoped {
        Some((id, _)) if !details => {
            Err(step.unexpected(format_args!("authorization details, since {id} has no scope"), "neither"))
        }
        _ => Ok(()),
    }
}

/// Whether the token is had for the code of the offer; else the holder is asked.
pub(crate) fn is_pre_authorized(offer: &CredentialOffer) -> bool {
    offer.grants.as_ref().is_some_and(|grants| grants.pre_authorized_code.is_some())
}

/// What this wallet needs of a server for the grant that it will use.
fn check_grant(
    server: &AuthorizationServerMetadata,
    is_pre_authorized: bool,
    method: &str,
) -> Result<(), ClaimError> {
    let step = Step::ServerMetadata;
    let grant = if is_pre_authorized { PRE_AUTHORIZED_CODE } else { CODE_GRANT };
    step.expect(
        server.grant_types_supported.iter().any(|supported| supported == grant),
        format_args!("{grant} in grant_types_supported"),
        format_args!("{:?}", server.grant_types_supported),
    )?;
    if is_pre_authorized && method == NONE {
        return step.expect(
            server.pre_authorized_grant_anonymous_access_supported,
            "pre-authorized_grant_anonymous_access_supported, since this wallet is nobody's client",
            "false",
        );
    }
    let methods = &server.token_endpoint_auth_methods_supported;
    step.expect(
        methods.iter().any(|known| known == method),
        format_args!("{method} in token_endpoint_auth_methods_supported"),
        format_args!("{methods:?}"),
    )?;
    if is_pre_authorized {
        return Ok(());
    }
    for (name, endpoint) in [
        ("authorization_endpoint", &server.authorization_endpoint),
        ("pushed_authorization_request_endpoint", &server.pushed_authorization_request_endpoint),
    ] {
        let endpoint = endpoint.as_ref().ok_or_else(|| step.unexpected(name, "none"))?;
        link::endpoint(step, endpoint)?;
    }
    for (name, supported, wanted) in [
        ("response_types_supported", &server.response_types_supported, "code"),
        ("code_challenge_methods_supported", &server.code_challenge_methods_supported, "S256"),
    ] {
        let holds = supported.iter().any(|one| one == wanted);
        step.expect(holds, format_args!("{wanted} in {name}"), format_args!("{supported:?}"))?;
    }
    step.expect(
        server.authorization_response_iss_parameter_supported,
        "authorization_response_iss_parameter_supported",
        "false",
    )
}

fn one_per_locale<'a>(place: &str, locales: impl Iterator<Item = Option<&'a str>>) -> Result<(), ClaimError> {
    let mut seen = Vec::new();
    for locale in locales {
        let locale = locale.map(str::to_ascii_lowercase);
        Step::IssuerMetadata.expect(
            !seen.contains(&locale),
            format_args!("{place}: one display for each locale"),
            format_args!("two for {}", locale.as_deref().unwrap_or("none")),
        )?;
        seen.push(locale);
    }
    Ok(())
}

/// The first empty array of a document, as a JSON Pointer.
fn empty_array(value: &Value, pointer: String) -> Option<String> {
    match value {
        Value::Array(items) if items.is_empty() => Some(pointer),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| empty_array(item, format!("{pointer}/{at}")))
        }
        Value::Object(members) => {
            members.iter().find_map(|(name, member)| empty_array(member, format!("{pointer}/{name}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://issuer.example/acme";

    fn document() -> Value {
        json!({
            "credential_issuer": ISSUER,
            "credential_endpoint": "https://issuer.example/acme/credential",
            "batch_credential_issuance": {"batch_size": 3},
            "display": [{"name": "Acme", "locale": "en"}],
            "credential_configurations_supported": {"badge": {
                "format": "dc+sd-jwt",
                "vct": "https://issuer.example/acme/badge",
                "scope": "badge",
                "cryptographic_binding_methods_supported": ["jwk"],
                "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
                "credential_metadata": {"claims": [{"path": ["name"], "mandatory": true}]},
            }},
        })
    }

    fn server() -> AuthorizationServerMetadata {
        serde_json::from_value(json!({
            "issuer": ISSUER,
            "token_endpoint": "https://issuer.example/acme/token",
            "grant_types_supported": [PRE_AUTHORIZED_CODE],
            "pre-authorized_grant_anonymous_access_supported": true,
        }))
        .unwrap()
    }

    fn refusal(pointer: &str, value: Value) -> String {
        let mut document = document();
        *document.pointer_mut(pointer).unwrap() = value;
        let error = read_metadata(&document, ISSUER)
            .and_then(|metadata| {
                let issuer = Issuer { metadata, server: server() };
                check_offered(issuer.configuration("badge")?, "badge")
            })
            .unwrap_err();
        assert_eq!(error.step, Step::IssuerMetadata);
        error.to_string()
    }

    #[test]
    fn sound_metadata_passes() {
        let metadata = read_metadata(&document(), ISSUER).unwrap();
        check_server(&server(), ISSUER, &metadata).unwrap();
        let issuer = Issuer { metadata, server: server() };
        check_offered(issuer.configuration("badge").unwrap(), "badge").unwrap();
        issuer.allows(3).unwrap();
    }

    #[test]
    fn the_identifier_must_be_the_same_byte_for_byte() {
        let found = refusal("/credential_issuer", json!("https://issuer.example/acme/"));
        assert!(found.contains("byte for byte") && found.contains("acme/"), "{found}");
    }

    #[test]
    fn each_rule_of_the_metadata_is_checked() {
        let badge = "/credential_configurations_supported/badge";
        let at = |member: &str| format!("{badge}/{member}");
        assert!(refusal("/credential_endpoint", json!("http://h/credential")).contains("https"));
        assert!(refusal("/batch_credential_issuance/batch_size", json!(1)).contains("at least 2"));
        assert!(refusal("/display", json!([])).contains("/display"));
        let twice = json!([{"name": "a", "locale": "en"}, {"name": "b", "locale": "EN"}]);
        assert!(refusal("/display", twice).contains("two for en"));
        assert!(refusal(&at("format"), json!("mso_mdoc")).contains("doctype"));
        assert!(refusal(&at("format"), json!("ldp_vc")).contains("ldp_vc"));
        assert!(refusal(&at("vct"), Value::Null).contains("vct"));
        assert!(refusal(&at("proof_types_supported"), json!({})).contains("both or neither"));
        assert!(refusal(&at("cryptographic_binding_methods_supported"), json!(["did:web"])).contains("jwk"));
        let eddsa = json!({"jwt": {"proof_signing_alg_values_supported": ["EdDSA"]}});
        assert!(refusal(&at("proof_types_supported"), eddsa).contains("ES256"));
        let claims = json!([{"path": ["a"]}, {"path": ["a"]}]);
        assert!(refusal(&at("credential_metadata/claims"), claims).contains("once"));
    }

    #[test]
    fn each_rule_of_the_server_is_checked() {
        let metadata = read_metadata(&document(), ISSUER).unwrap();
        let refusal = |change: fn(&mut AuthorizationServerMetadata)| {
            let mut server = server();
            change(&mut server);
            let checked =
                check_server(&server, ISSUER, &metadata).and_then(|()| check_grant(&server, true, NONE));
            let error = checked.unwrap_err();
            assert_eq!(error.step, Step::ServerMetadata);
            error.to_string()
        };
        assert!(refusal(|s| s.issuer = "https://issuer.example".into()).contains("byte for byte"));
        assert!(refusal(|s| s.token_endpoint = "http://issuer.example/token".into()).contains("https"));
        assert!(refusal(|s| s.grant_types_supported.clear()).contains("grant_types_supported"));
        assert!(refusal(|s| s.pre_authorized_grant_anonymous_access_supported = false).contains("anonymous"));
        let mut unscoped = metadata.clone();
        unscoped.credential_configurations_supported.get_mut("badge").unwrap().scope = None;
        assert!(check_server(&server(), ISSUER, &unscoped).unwrap_err().to_string().contains("badge"));
    }

    #[test]
    fn more_copies_than_a_batch_holds_are_not_asked_for() {
        let metadata = read_metadata(&document(), ISSUER).unwrap();
        let mut issuer = Issuer { metadata, server: server() };
        assert!(issuer.allows(4).unwrap_err().is_usage());
        issuer.metadata.batch_credential_issuance = None;
        assert!(issuer.allows(2).is_err());
        issuer.allows(1).unwrap();
    }
}
