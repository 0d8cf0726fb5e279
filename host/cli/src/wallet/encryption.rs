//! Requests that nobody on the way reads, and answers that only this wallet does (OpenID4VCI §10).

use chancery_credential::jose::jwe::{
    COMPRESSION, ContentEncryption, DecryptionKey, KEY_AGREEMENT, RecipientKey, decrypt, encrypt,
};
use chancery_protocol::credential::CredentialAnswer;
use chancery_protocol::json::from_slice_strict;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use super::failure::{ClaimError, Problem, Step};
use super::grant::Grant;
use super::issuer::Issuer;
use super::{JSON, Wallet, refusal, unexpected_status};
use crate::http::Answer;

/// The media type of what is encrypted.
const JWT: &str = "application/jwt";
/// More than any answer of twenty credentials.
const MOST: usize = 4 * 1024 * 1024;

impl Wallet {
    /// Sends a request for credentials and reads the answer; encrypted, both, if the issuer insists or the caller
    /// does.
    pub(crate) async fn exchange(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        step: Step,
        url: &Url,
        request: &(impl Serialize + Sync),
    ) -> Result<CredentialAnswer, ClaimError> {
        let metadata = issuer.metadata();
        let (requests, responses) =
            (&metadata.credential_request_encryption, &metadata.credential_response_encryption);
        let insists = requests.as_ref().is_some_and(|one| one.encryption_required)
            || responses.as_ref().is_some_and(|one| one.encryption_required);
        if !insists && !self.settings.encrypt {
            let answer = self.call(step, url, grant, request).await?;
            accepted(step, &answer, JSON)?;
            return read(step, &answer, &answer.body);
        }
        let (Some(requests), Some(responses)) = (requests, responses) else {
            let found = "not both of credential_request_encryption and credential_response_encryption";
            return Err(Step::IssuerMetadata.unexpected("encryption in both directions", found));
        };
        let encryption = choose(&requests.enc_values_supported)?;
        let (recipient, own) = (recipient(&requests.jwks.keys)?, DecryptionKey::random(self.random.as_ref()));
        let supports = |values: &[String], wanted: &str| values.iter().any(|one| one == wanted);
        Step::IssuerMetadata.expect(
            supports(&responses.alg_values_supported, KEY_AGREEMENT),
            format_args!("{KEY_AGREEMENT} in alg_values_supported"),
            format_args!("{:?}", responses.alg_values_supported),
        )?;
        let mut asked = Map::new();
        asked.insert("jwk".into(), own.to_published());
        asked.insert("enc".into(), choose(&responses.enc_values_supported)?.as_str().into());
        if supports(&responses.zip_values_supported, COMPRESSION) {
            asked.insert("zip".into(), COMPRESSION.into());
        }
        let compress = supports(&requests.zip_values_supported, COMPRESSION);
        let failed = |error: String| step.failed(Problem::Caller(error));
        let mut request = serde_json::to_value(request).map_err(|error| failed(error.to_string()))?;
        if let Some(members) = request.as_object_mut() {
            members.insert("credential_response_encryption".into(), asked.into());
        }
        let plaintext = Value::to_string(&request).into_bytes();
        let jwe = encrypt(&recipient, encryption, compress, &plaintext, self.random.as_ref())
            .map_err(|error| failed(error.to_string()))?;
        let answer = self
            .call_with(step, url, grant, |request| request.header(CONTENT_TYPE, JWT).body(jwe.clone()))
            .await?;
        accepted(step, &answer, JWT)?;
        let body = String::from_utf8_lossy(&answer.body);
        let content = decrypt(&body, &[own], MOST)
            .map_err(|error| step.unexpected("an answer that this wallet can open", error))?;
        read(step, &answer, &content)
    }
}

/// Credentials come with 200, a transaction with 202 (OpenID4VCI §8.3).
fn accepted(step: Step, answer: &Answer, wanted: &str) -> Result<(), ClaimError> {
    let expected = format!("200 or 202 with {wanted}");
    if ![200, 202].contains(&answer.status.as_u16()) {
        return Err(refusal(step, answer, &expected));
    }
    let media_type = answer.media_type();
    let from = &answer.url;
    step.expect(
        media_type == wanted,
        format_args!("Content-Type {wanted} from {from}"),
        format_args!("{media_type:?}"),
    )
}

fn read(step: Step, answer: &Answer, content: &[u8]) -> Result<CredentialAnswer, ClaimError> {
    let read: CredentialAnswer = from_slice_strict(content)
        .map_err(|error| step.unexpected(format_args!("a well-formed answer from {}", answer.url), error))?;
    let status = match &read {
        CredentialAnswer::Issued(_) => 200,
        CredentialAnswer::Deferred(_) => 202,
    };
    if answer.status == status {
        Ok(read)
    } else {
        Err(unexpected_status(step, answer, &format!("{status} for such an answer")))
    }
}

/// A key of the issuer's to encrypt for.
fn recipient(keys: &[serde_json::Value]) -> Result<RecipientKey, ClaimError> {
    let usable = keys.iter().find_map(|key| RecipientKey::parse(key).ok());
    usable.ok_or_else(|| {
        let expected = format_args!("a P-256 key for {KEY_AGREEMENT} in credential_request_encryption");
        Step::IssuerMetadata.unexpected(expected, "none")
    })
}

/// The first of the issuer's ways that this wallet knows.
fn choose(values: &[String]) -> Result<ContentEncryption, ClaimError> {
    values.iter().find_map(|value| ContentEncryption::parse(value)).ok_or_else(|| {
        Step::IssuerMetadata
            .unexpected("A128GCM or A256GCM in enc_values_supported", format_args!("{values:?}"))
    })
}
