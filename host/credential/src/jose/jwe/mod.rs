//! Compact JWE (RFC 7516) in the one form that OpenID4VCI 1.0 §10 needs: a key agreed on by ECDH-ES on P-256
//! (RFC 7518 §4.6), used directly, and AES-GCM.
//!
//! Absent on purpose: wrapped keys (`ECDH-ES+A128KW`), RSA, passwords, CBC, the JSON serialisation, critical
//! extensions, and any fetching of what a header points to.

mod agree;
mod key;

use std::io::{Read as _, Write as _};

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use chancery_domain::{Random, random_bytes};
use chancery_protocol::json::{JsonError, from_slice_strict};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::base64url;
use agree::{Agreed, agree};
pub use key::{DecryptionKey, RecipientKey};

/// The one way of agreeing on a key.
pub const KEY_AGREEMENT: &str = "ECDH-ES";
/// The one way of compressing (RFC 7516 §4.1.3).
pub const COMPRESSION: &str = "DEF";

const TAG_LENGTH: usize = 16;

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncryption {
    /// AES-128-GCM.
    A128Gcm,
    /// AES-256-GCM.
    A256Gcm,
}

impl ContentEncryption {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A128Gcm, Self::A256Gcm];

    /// The value of `enc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Reads the value; case matters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::A128Gcm => &AES_128_GCM,
            Self::A256Gcm => &AES_256_GCM,
        }
    }
}

/// Why a JWE was refused.
#[derive(Debug, thiserror::Error)]
pub enum JweError {
    /// Not five parts of canonical base64url.
    #[error("not a compact JWE")]
    Form,
    /// The header is no strict JSON object.
    #[error("the header of the JWE is not an acceptable object: {0}")]
    Json(#[source] JsonError),
    /// A header member asks for what is not supported.
    #[error("the JWE header member {0} is missing or not supported")]
    Unsupported(&'static str),
    /// A header member is malformed.
    #[error("the JWE header member {0} is malformed")]
    Member(&'static str),
    /// `kid` names none of the keys.
    #[error("the JWE is for another key")]
    UnknownKey,
    /// It was made for another key, or changed since.
    #[error("the JWE does not decrypt")]
    Decryption,
    /// It is compressed, and too large.
    #[error("the content of the JWE is too large")]
    TooLarge,
}

impl JweError {
    /// Whether the sender chose parameters that this side does not have.
    pub fn is_about_parameters(&self) -> bool {
        matches!(self, Self::Unsupported(_) | Self::UnknownKey)
    }
}

/// Encrypts for a recipient.
pub fn encrypt(
    recipient: &RecipientKey,
    encryption: ContentEncryption,
    compress: bool,
    plaintext: &[u8],
    random: &dyn Random,
) -> Result<String, JweError> {
    let ephemeral = DecryptionKey::random(random);
    let mut header = Map::new();
    header.insert("alg".into(), KEY_AGREEMENT.into());
    header.insert("enc".into(), encryption.as_str().into());
    if let Some(key_id) = recipient.key_id() {
        header.insert("kid".into(), key_id.into());
    }
    if compress {
        header.insert("zip".into(), COMPRESSION.into());
    }
    header.insert("epk".into(), ephemeral.public().to_value());
    let header = base64url::encode(json!(header).to_string());

    let agreed = Agreed { encryption, apu: &[], apv: &[] };
    let key = agree(&ephemeral, recipient, &agreed).ok_or(JweError::Decryption)?;
    let iv: [u8; NONCE_LEN] = random_bytes(random);
    let content =
        if compress { Zeroizing::new(deflated(plaintext)) } else { Zeroizing::new(plaintext.to_vec()) };
    let mut body = Vec::with_capacity(content.len() + TAG_LENGTH);
    body.extend_from_slice(&content);
    content_key(encryption, &key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::from(header.as_bytes()), &mut body)
        .map_err(|_| JweError::Decryption)?;
    let (ciphertext, tag) = body.split_at(body.len() - TAG_LENGTH);
    let parts = [base64url::encode(iv), base64url::encode(ciphertext), base64url::encode(tag)];
    Ok(format!("{header}..{}", parts.join(".")))
}

/// Decrypts with that of the keys which the header names; without a name, with the first. At most `most` bytes come
/// out.
pub fn decrypt(jwe: &str, keys: &[DecryptionKey], most: usize) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let parts: Vec<&str> = jwe.split('.').collect();
    // Agreed directly: there is no encrypted key (RFC 7518 §4.6).
    let [header, "", iv, ciphertext, tag] = parts.as_slice() else { return Err(JweError::Form) };
    let decoded = |part: &str| base64url::decode(part).ok_or(JweError::Form);
    let read = Header::parse(&decoded(header)?)?;
    let key = match &read.key_id {
        Some(key_id) => keys.iter().find(|key| key.key_id() == key_id),
        None => keys.first(),
    };
    let agreed = Agreed { encryption: read.encryption, apu: &read.apu, apv: &read.apv };
    let key =
        agree(key.ok_or(JweError::UnknownKey)?, &read.ephemeral, &agreed).ok_or(JweError::Decryption)?;

    let (iv, tag) = (decoded(iv)?, decoded(tag)?);
    let iv = Nonce::try_assume_unique_for_key(&iv).map_err(|_| JweError::Form)?;
    if tag.len() != TAG_LENGTH {
        return Err(JweError::Form);
    }
    let mut body = Zeroizing::new([decoded(ciphertext)?, tag].concat());
    let length = content_key(read.encryption, &key)?
        .open_in_place(iv, Aad::from(header.as_bytes()), &mut body)
        .map_err(|_| JweError::Decryption)?
        .len();
    body.truncate(length);
    let content = if read.is_compressed { inflated(&body, most)? } else { body };
    if content.len() > most { Err(JweError::TooLarge) } else { Ok(content) }
}

/// A protected header that passed every check that needs no key.
struct Header {
    encryption: ContentEncryption,
    is_compressed: bool,
    key_id: Option<String>,
    ephemeral: RecipientKey,
    apu: Vec<u8>,
    apv: Vec<u8>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, JweError> {
        let members: Map<String, Value> = from_slice_strict(bytes).map_err(JweError::Json)?;
        let text = |name: &'static str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(JweError::Member(name)),
        };
        if members.contains_key("crit") {
            return Err(JweError::Unsupported("crit"));
        }
        if text("alg")? != Some(KEY_AGREEMENT) {
            return Err(JweError::Unsupported("alg"));
        }
        let encryption = text("enc")?.and_then(ContentEncryption::parse);
        let is_compressed = match text("zip")? {
            None => false,
            Some(COMPRESSION) => true,
            Some(_) => return Err(JweError::Unsupported("zip")),
        };
        let party = |name: &'static str| match text(name)? {
            None => Ok(Vec::new()),
            Some(text) => base64url::decode(text).ok_or(JweError::Member(name)),
        };
        let ephemeral = members.get("epk").and_then(RecipientKey::parse_point);
        Ok(Self {
            encryption: encryption.ok_or(JweError::Unsupported("enc"))?,
            is_compressed,
            key_id: text("kid")?.map(str::to_owned),
            ephemeral: ephemeral.ok_or(JweError::Member("epk"))?,
            apu: party("apu")?,
            apv: party("apv")?,
        })
    }
}

fn content_key(encryption: ContentEncryption, key: &[u8]) -> Result<LessSafeKey, JweError> {
    UnboundKey::new(encryption.algorithm(), key).map(LessSafeKey::new).map_err(|_| JweError::Decryption)
}

fn deflated(plaintext: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // A Vec takes everything.
    let _ = encoder.write_all(plaintext);
    encoder.finish().unwrap_or_default()
}

/// What was compressed, up to `most` bytes: whoever sends a kilobyte cannot have a gigabyte made of it.
fn inflated(compressed: &[u8], most: usize) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut content = Zeroizing::new(Vec::new());
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    DeflateDecoder::new(compressed)
        .take(limit)
        .read_to_end(&mut content)
        .map_err(|_| JweError::Decryption)?;
    Ok(content)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof_tests;
