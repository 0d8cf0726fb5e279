//! Requests that come encrypted, and answers that go so (OpenID4VCI §10).

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_credential::TenantKeys;
use chancery_credential::jose::jwe::{self, COMPRESSION, ContentEncryption, DecryptionKey, KEY_AGREEMENT};
use chancery_domain::settings::Settings;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::issuer_metadata::{JwkSet, RequestEncryption, ResponseEncryption};
use chancery_protocol::json::from_object_strict;
use chancery_store::{KeyState, StoredKey};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{has_content_type, readable};
use crate::app::App;
use crate::issuer::Issuer;
use crate::no_store;
use crate::operations::agree_on_encryption::Agreement;
use crate::refusal::Refusal;

/// How much a request may hold, encrypted and compressed or not.
const MOST: usize = 256 * 1024;

/// A request, and whether nobody on the way could read it.
pub(super) struct Sealed<T> {
    pub(super) request: T,
    pub(super) was_encrypted: bool,
}

/// Reads a request that may be encrypted.
pub(super) fn read<T: DeserializeOwned>(
    issuer: &Issuer,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Sealed<T>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidCredentialRequest, description);
    let body = readable(body, ErrorCode::InvalidCredentialRequest)?;
    let parsed = |bytes: &[u8]| {
        from_object_strict(bytes)
            .map_err(|error| invalid("the body is not a credential request").because(error))
    };
    if has_content_type(headers, "application/jwt") {
        let jwe = std::str::from_utf8(&body).map_err(|_| invalid("the body is not a JWE"))?;
        let content = jwe::decrypt(jwe, &issuer.decryption_keys, MOST).map_err(|error| {
            let code = if error.is_about_parameters() {
                ErrorCode::InvalidEncryptionParameters
            } else {
                ErrorCode::InvalidCredentialRequest
            };
            Refusal::new(code, error.to_string())
        })?;
        return Ok(Sealed { request: parsed(&content)?, was_encrypted: true });
    }
    if !has_content_type(headers, "application/json") {
        return Err(invalid("the body must be application/json, or application/jwt if it is encrypted"));
    }
    if issuer.settings.encryption_required {
        let description = "this issuer takes encrypted requests only, see credential_request_encryption";
        return Err(Refusal::new(ErrorCode::InvalidEncryptionParameters, description));
    }
    Ok(Sealed { request: parsed(&body)?, was_encrypted: false })
}

/// The answer as it was agreed on. Errors never come this way: they are not encrypted (§8.3.1).
pub(super) fn answer(
    app: &App,
    agreement: Option<&Agreement>,
    status: StatusCode,
    response: &impl Serialize,
) -> Result<Response, Refusal> {
    let Some(Agreement { recipient, encryption, compress }) = agreement else {
        return Ok(no_store((status, Json(response))));
    };
    let plaintext = serde_json::to_vec(response).map_err(Refusal::unavailable)?;
    let jwe = jwe::encrypt(recipient, *encryption, *compress, &plaintext, app.random.as_ref())
        .map_err(Refusal::unavailable)?;
    Ok(no_store((status, [(header::CONTENT_TYPE, "application/jwt")], jwe).into_response()))
}

/// The keys that open what wallets encrypt: one for each key that signs or signed, the current one first. What
/// somebody else may hold, is none of them.
pub(crate) fn decryption_keys(keys: &TenantKeys, stored: &[StoredKey]) -> Vec<DecryptionKey> {
    let rank = |key: &StoredKey| match key.state {
        KeyState::Active => Some(0),
        KeyState::Retiring => Some(1),
        KeyState::Next | KeyState::Retired => None,
    };
    let signs = |key: &&StoredKey| key.key_use == "credential" && !key.compromised;
    let mut versions: Vec<_> =
        stored.iter().filter(signs).filter_map(|key| Some((rank(key)?, key.version))).collect();
    versions.sort_unstable_by_key(|(rank, version)| (*rank, u32::MAX - version));
    versions.dedup_by_key(|(_, version)| *version);
    versions.into_iter().map(|(_, version)| keys.decryption_key(version)).collect()
}

/// What wallets are told of it.
pub(crate) fn describe_encryption(
    key: &DecryptionKey,
    settings: &Settings,
) -> (RequestEncryption, ResponseEncryption) {
    let encryption_required = settings.encryption_required;
    let enc_values_supported = ContentEncryption::ALL.map(|one| one.as_str().to_owned()).to_vec();
    let zip_values_supported = vec![COMPRESSION.to_owned()];
    let of_requests = RequestEncryption {
        jwks: JwkSet { keys: vec![key.to_published()] },
        enc_values_supported: enc_values_supported.clone(),
        zip_values_supported: zip_values_supported.clone(),
        encryption_required,
    };
    let of_responses = ResponseEncryption {
        alg_values_supported: vec![KEY_AGREEMENT.to_owned()],
        enc_values_supported,
        zip_values_supported,
        encryption_required,
    };
    (of_requests, of_responses)
}
