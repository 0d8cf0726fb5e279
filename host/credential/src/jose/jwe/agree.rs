//! Agreement on a key: ECDH and the Concat KDF (RFC 7518 §4.6, NIST SP 800-56A §5.8.1).

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::ContentEncryption;
use super::key::{DecryptionKey, RecipientKey};

/// What both sides know beside the secret.
pub(super) struct Agreed<'a> {
    pub(super) encryption: ContentEncryption,
    pub(super) apu: &'a [u8],
    pub(super) apv: &'a [u8],
}

/// The content encryption key. `None` if the points agree on nothing.
pub(super) fn agree(
    own: &DecryptionKey,
    other: &RecipientKey,
    agreed: &Agreed<'_>,
) -> Option<Zeroizing<Vec<u8>>> {
    let secret = own.agree(other)?;
    let length = agreed.encryption.algorithm().key_len();
    let mut context = Context::new(&SHA256);
    // One round: SHA-256 gives as much as the longest of the keys.
    context.update(&1_u32.to_be_bytes());
    context.update(secret.as_slice());
    // Agreed directly, the algorithm is that of the content (§4.6.2).
    for part in [agreed.encryption.as_str().as_bytes(), agreed.apu, agreed.apv] {
        context.update(&u32::try_from(part.len()).ok()?.to_be_bytes());
        context.update(part);
    }
    context.update(&u32::try_from(length * 8).ok()?.to_be_bytes());
    let digest = context.finish();
    digest.as_ref().get(..length).map(|key| Zeroizing::new(key.to_vec()))
}
