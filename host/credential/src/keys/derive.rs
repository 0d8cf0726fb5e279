//! Derivation of a tenant's keys: the exact bytes.
//!
//! ```text
//! key = HKDF-SHA256(ikm = root, salt = tenant seed, info), 32 bytes
//!
//! info = field("v1")            version of this layout
//!      ‖ field(use)             "credential", "document-signer", "status", "token",
//!                               "metadata", "encryption" or "mac"
//!      ‖ field(algorithm)       "ES256", "EdDSA", "ECDH-ES", or "HS256" for the MAC key
//!      ‖ field(tenant id)       the 16 bytes of the UUID
//!      ‖ field(key version)     u32
//!      ‖ field(counter)         u32
//!
//! field(x) = length of x as u16 ‖ x
//! ```
//!
//! Integers are big-endian, text is ASCII. The lengths make the encoding
//! injective: no two sets of fields give the same bytes.
//!
//! ES256 and ECDH-ES take the first counter, from 0, whose value lies in [1, n−1]
//! (FIPS 186-5 A.2.2, rejection sampling); `EdDSA` and the MAC key take counter 0.

use chancery_domain::TenantId;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyUse;

/// 32 secret bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// HKDF-SHA256 with no salt and a label for `info`.
pub(crate) fn labelled<const N: usize>(ikm: &[u8], label: &str) -> Zeroizing<[u8; N]> {
    expand(&Hkdf::<Sha256>::new(None, ikm), label.as_bytes())
}

/// HKDF-Expand. `N` is a compile-time constant far below the limit of 255 blocks.
fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "HKDF-SHA256 gives at most 255 blocks") };
    let mut key = Zeroizing::new([0; N]);
    #[expect(clippy::expect_used, reason = "the assertion above is the only condition")]
    hkdf.expand(info, key.as_mut_slice()).expect("the length is within the limit");
    key
}

/// HKDF-Extract over root and seed: all that a tenant's derivations need of them.
pub(crate) fn tenant_prk(root: &[u8; 32], seed: &[u8; 32]) -> Secret {
    let (prk, _) = Hkdf::<Sha256>::extract(Some(seed), root);
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&prk);
    secret
}

/// HKDF-Expand from what [`tenant_prk`] extracted.
pub(crate) fn expand_prk(prk: &[u8; 32], info: &[u8]) -> Secret {
    #[expect(clippy::expect_used, reason = "the type fixes the length")]
    let hkdf = Hkdf::<Sha256>::from_prk(prk).expect("a SHA-256 key has 32 bytes");
    expand(&hkdf, info)
}

/// Appends `field` preceded by its length as u16. Fields are labels, ids and integers:
/// nothing that a stranger could make 64 KiB long.
pub(crate) fn append_field(bytes: &mut Vec<u8>, field: &[u8]) {
    debug_assert!(u16::try_from(field.len()).is_ok(), "a field is short");
    let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(field);
}

/// The `info` of one derivation; the layout is in the module's documentation.
pub(crate) fn key_info(
    key_use: KeyUse,
    algorithm: &str,
    tenant: TenantId,
    version: u32,
    counter: u32,
) -> Vec<u8> {
    let mut info = Vec::with_capacity(72);
    append_field(&mut info, b"v1");
    append_field(&mut info, key_use.as_str().as_bytes());
    append_field(&mut info, algorithm.as_bytes());
    append_field(&mut info, tenant.uuid().as_bytes());
    append_field(&mut info, &version.to_be_bytes());
    append_field(&mut info, &counter.to_be_bytes());
    info
}

/// The first of `candidate(0)`, `candidate(1)`, … that is a P-256 private key.
/// One in 2^32 is not, so the second is hardly ever asked for.
pub(crate) fn first_scalar(mut candidate: impl FnMut(u32) -> Secret) -> Secret {
    let mut counter = 0;
    loop {
        let bytes = candidate(counter);
        if is_scalar(&bytes) {
            return bytes;
        }
        counter += 1;
    }
}

/// Whether the big-endian integer lies in [1, n−1], n being the order of P-256.
pub(crate) fn is_scalar(bytes: &[u8; 32]) -> bool {
    p256::SecretKey::from_slice(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cannot_be_shifted_into_one_another() {
        let mut left = Vec::new();
        append_field(&mut left, b"ab");
        append_field(&mut left, b"c");
        let mut right = Vec::new();
        append_field(&mut right, b"a");
        append_field(&mut right, b"bc");
        assert_ne!(left, right);
    }

    #[test]
    fn a_value_outside_the_group_moves_to_the_next_counter() {
        let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
        let order: [u8; 32] = order.try_into().unwrap();
        let mut last = order;
        last[31] -= 1;
        let candidates = [order, [0xff; 32], [0; 32], last];
        let mut asked = 0;
        let chosen = first_scalar(|counter| {
            asked = counter;
            Zeroizing::new(candidates[counter as usize])
        });
        assert_eq!((*chosen, asked), (last, 3));
    }
}
