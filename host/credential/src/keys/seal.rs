//! Sealed blobs: AES-256-GCM under a random nonce; the layout is in [`super`].

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use chancery_domain::{Random, random_bytes};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const TAG_LENGTH: usize = 16;

/// The blob was not sealed under this key for this purpose, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not sealed under this key for this purpose")]
pub struct Unsealable;

fn key(bytes: &[u8; 32]) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "the type fixes the length, the only condition")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("an AES-256 key has 32 bytes"))
}

pub(crate) fn seal(secret: &[u8; 32], context: &[u8], plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = random_bytes(random);
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plaintext.len() + TAG_LENGTH);
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    // Encrypted apart, so that plaintext is never left behind in a buffer that grew.
    let mut body = Vec::with_capacity(plaintext.len() + TAG_LENGTH);
    body.extend_from_slice(plaintext);
    #[expect(clippy::expect_used, reason = "only 64 GiB and more are refused")]
    key(secret)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut body)
        .expect("the plaintext is below the limit of AES-GCM");
    sealed.append(&mut body);
    sealed
}

pub(crate) fn open(
    secret: &[u8; 32],
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
    let (&version, rest) = sealed.split_first().ok_or(Unsealable)?;
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
    if version != VERSION {
        return Err(Unsealable);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length =
        key(secret).open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| Unsealable)?.len();
    body.truncate(length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn what_is_sealed_opens_only_unchanged() {
        let sealed = seal(&[1; 32], b"context", b"plain", &SystemRandom);
        assert_eq!(open(&[1; 32], b"context", &sealed).unwrap().as_slice(), b"plain");
        assert_eq!(open(&[2; 32], b"context", &sealed), Err(Unsealable));
        assert_eq!(open(&[1; 32], b"other", &sealed), Err(Unsealable));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(open(&[1; 32], b"context", &changed), Err(Unsealable), "byte {position}");
            assert_eq!(open(&[1; 32], b"context", &sealed[..position]), Err(Unsealable));
        }
    }

    #[test]
    fn the_same_plaintext_is_never_sealed_alike() {
        let one = seal(&[1; 32], b"", b"plain", &SystemRandom);
        assert_ne!(one, seal(&[1; 32], b"", b"plain", &SystemRandom));
    }
}
