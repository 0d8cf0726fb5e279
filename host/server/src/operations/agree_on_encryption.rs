//! A wallet says how its answer is to be encrypted (OpenID4VCI §8.2, §10).

use chancery_credential::jose::jwe::{COMPRESSION, ContentEncryption, RecipientKey};
use chancery_protocol::error::ErrorCode;
use serde_json::Value;

use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// How an answer is encrypted.
pub(crate) struct Agreement {
    pub(crate) recipient: RecipientKey,
    pub(crate) encryption: ContentEncryption,
    pub(crate) compress: bool,
}

/// What is agreed on; nothing if the wallet asks for none and the issuer insists on none.
///
/// Whoever could read the request, could have put their own key into it. So an answer is encrypted only if the
/// request was.
pub(crate) fn agree_on_encryption(
    issuer: &Issuer,
    asked: Option<&Value>,
    was_encrypted: bool,
) -> Result<Option<Agreement>, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidEncryptionParameters, description);
    let Some(asked) = asked else {
        if issuer.settings.encryption_required {
            return Err(invalid(
                "this issuer encrypts its answers: credential_response_encryption is missing",
            ));
        }
        return Ok(None);
    };
    if !was_encrypted {
        return Err(invalid("credential_response_encryption must come in an encrypted request"));
    }
    let recipient = asked.get("jwk").map(RecipientKey::parse);
    let recipient = match recipient {
        Some(Ok(recipient)) => recipient,
        Some(Err(error)) => return Err(invalid("jwk must be a P-256 key for ECDH-ES").because(error)),
        None => return Err(invalid("credential_response_encryption has no jwk")),
    };
    let encryption = asked.get("enc").and_then(Value::as_str).and_then(ContentEncryption::parse);
    let compress = match asked.get("zip") {
        None => false,
        Some(zip) if zip == COMPRESSION => true,
        Some(_) => return Err(invalid("zip must be DEF, or left out")),
    };
    let encryption = encryption.ok_or_else(|| invalid("enc must be A128GCM or A256GCM"))?;
    Ok(Some(Agreement { recipient, encryption, compress }))
}
