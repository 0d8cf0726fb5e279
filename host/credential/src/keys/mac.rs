//! The key by which a tenant recognises what it authenticated itself, and those that gave way to it.

use std::fmt;

use aws_lc_rs::hmac;
use chancery_domain::{Random, TenantId};
use zeroize::Zeroizing;

use super::derive::{Secret, append_field, labelled};
use super::seal::{self, Unsealable};

const SUPERSEDED: &str = "chancery/superseded-mac/v1";

/// Authenticates by HMAC-SHA256; wiped when dropped.
#[derive(Clone)]
pub struct MacKey {
    bytes: Secret,
    key: hmac::Key,
}

impl MacKey {
    pub(crate) fn new(bytes: Secret) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        Self { bytes, key }
    }

    /// Authenticates `data` for one purpose.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut prefix = Vec::with_capacity(2 + purpose.len());
        append_field(&mut prefix, purpose.as_bytes());
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&prefix);
        context.update(data);
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    /// Whether `mac` is the one of `data` for this purpose; takes the same time either way.
    pub fn verify(&self, purpose: &str, data: &[u8], mac: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.mac(purpose, data), mac).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(withheld)")
    }
}

/// The last seal that a MAC key made in a trail; zero and zeros if it made none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastSeal {
    /// Its number.
    pub number: u32,
    /// Its hash, over everything before it.
    pub hash: [u8; 32],
}

/// A MAC key that gave way to another. Whoever has it rewrites nothing: what it sealed ends in seals that are known.
#[derive(Debug, Clone)]
pub struct SupersededMac {
    /// The key.
    pub key: MacKey,
    /// Of the tenant's own trail.
    pub own: LastSeal,
    /// Of the platform's trail, which the application tenant's keys seal.
    pub platform: LastSeal,
}

const LENGTH: usize = 32 + 2 * (4 + 32);

impl SupersededMac {
    pub(crate) fn seal(
        &self,
        data_key: &Secret,
        tenant: TenantId,
        version: u32,
        random: &dyn Random,
    ) -> Vec<u8> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(LENGTH));
        plaintext.extend_from_slice(self.key.bytes.as_slice());
        for last in [self.own, self.platform] {
            plaintext.extend_from_slice(&last.number.to_be_bytes());
            plaintext.extend_from_slice(&last.hash);
        }
        seal::seal(&labelled(data_key.as_slice(), SUPERSEDED), &context(tenant, version), &plaintext, random)
    }

    pub(crate) fn open(
        data_key: &Secret,
        tenant: TenantId,
        version: u32,
        sealed: &[u8],
    ) -> Result<Self, Unsealable> {
        let key = labelled(data_key.as_slice(), SUPERSEDED);
        let opened = seal::open(&key, &context(tenant, version), sealed)?;
        let plaintext: &[u8; LENGTH] = opened.as_slice().try_into().map_err(|_| Unsealable)?;
        let (key, rest) = plaintext.split_at(32);
        let (own, platform) = rest.split_at(4 + 32);
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(key);
        Ok(Self { key: MacKey::new(bytes), own: last_seal(own), platform: last_seal(platform) })
    }
}

fn last_seal(bytes: &[u8]) -> LastSeal {
    let (head, tail) = bytes.split_at(4);
    let (mut number, mut hash) = ([0; 4], [0; 32]);
    number.copy_from_slice(head);
    hash.copy_from_slice(tail);
    LastSeal { number: u32::from_be_bytes(number), hash }
}

fn context(tenant: TenantId, version: u32) -> Vec<u8> {
    let mut context = Vec::with_capacity(64);
    append_field(&mut context, SUPERSEDED.as_bytes());
    append_field(&mut context, tenant.uuid().as_bytes());
    append_field(&mut context, &version.to_be_bytes());
    context
}

#[cfg(test)]
mod tests {
    use crate::SystemRandom;
    use crate::keys::{Keyring, Master, TenantKeys};
    use chancery_domain::TenantId;

    use super::*;

    fn keys(tenant: u8, data_key: u8) -> TenantKeys {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        let tenant = TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [tenant; 10]);
        keyring.tenant(tenant, &[data_key; 32], &[data_key; 32])
    }

    #[test]
    fn a_superseded_key_is_kept_for_its_successor_alone() {
        let own = LastSeal { number: 7, hash: [9; 32] };
        let superseded =
            SupersededMac { key: keys(1, 2).mac_key().clone(), own, platform: LastSeal::default() };
        let sealed = keys(1, 3).seal_superseded_mac(1, &superseded, &SystemRandom);
        let opened = keys(1, 3).open_superseded_mac(1, &sealed).unwrap();
        assert_eq!((opened.own, opened.platform), (own, LastSeal::default()));
        assert!(opened.key.verify("x", b"data", &keys(1, 2).mac("x", b"data")));
        assert!(keys(1, 3).open_superseded_mac(2, &sealed).is_err());
        assert!(keys(2, 3).open_superseded_mac(1, &sealed).is_err());
        assert!(keys(1, 2).open_superseded_mac(1, &sealed).is_err());
    }
}
