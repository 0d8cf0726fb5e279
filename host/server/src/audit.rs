//! What the audit trail is told of a change, and the chain of seals that lets nobody rewrite it.
//!
//! ```text
//! digest(entry) = SHA-256("audit-entry/v1", canonical bytes of the entry)
//! hash(seal)    = SHA-256(name of the trail, tenant ‖ number ‖ time ‖ hash of the seal before ‖ digests)
//! mac(seal)     = HMAC-SHA256(MAC key of the tenant, name of the trail ‖ hash)
//! ```

use chancery_credential::keys::TenantKeys;
use chancery_credential::secret_hash;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::{AuditEntry, AuditEntryId, random_bytes};
use chancery_store::Seal;
use time::OffsetDateTime;

use crate::app::App;

impl App {
    /// The entry of a change that is about to be written.
    pub(crate) fn entry(
        &self,
        author: Author,
        action: Action,
        target: impl Into<String>,
        changed: &Changed,
    ) -> AuditEntry {
        let now = self.now();
        let id = AuditEntryId::new(now, random_bytes(self.random.as_ref()));
        AuditEntry::new(id, now, author, action, target, changed)
    }
}

/// The chain of one trail.
pub(crate) struct Chain<'a> {
    name: &'static str,
    keys: &'a TenantKeys,
}

impl<'a> Chain<'a> {
    /// Of a tenant's own trail.
    pub(crate) fn of_tenant(keys: &'a TenantKeys) -> Self {
        Self { name: "audit-seal/v1", keys }
    }

    /// Of the platform's trail, under the keys of the application tenant.
    pub(crate) fn of_platform(keys: &'a TenantKeys) -> Self {
        Self { name: "platform-audit-seal/v1", keys }
    }

    /// What a seal is over, of one entry.
    pub(crate) fn digest(entry: &AuditEntry) -> [u8; 32] {
        secret_hash("audit-entry/v1", &entry.canonical())
    }

    /// The seal that follows another, or is the first.
    pub(crate) fn seal(&self, previous: Option<&Seal>, digests: &[[u8; 32]], at: OffsetDateTime) -> Seal {
        let number = previous.map_or(0, |seal| seal.number) + 1;
        let sealed_at = at.truncate_to_second();
        let hash = self.hash(number, sealed_at, previous, digests);
        Seal { number, sealed_at, hash, mac: self.keys.mac(self.name, &hash) }
    }

    /// Whether the seal is ours, follows that other and is over these entries.
    pub(crate) fn holds(&self, seal: &Seal, previous: Option<&Seal>, digests: &[[u8; 32]]) -> bool {
        let hash = self.hash(seal.number, seal.sealed_at, previous, digests);
        seal.hash == hash && self.keys.verify_mac(self.name, &hash, &seal.mac)
    }

    fn hash(
        &self,
        number: u32,
        sealed_at: OffsetDateTime,
        previous: Option<&Seal>,
        digests: &[[u8; 32]],
    ) -> [u8; 32] {
        // All of fixed length, so the concatenation is injective.
        let mut bytes = self.keys.tenant().uuid().as_bytes().to_vec();
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&sealed_at.unix_timestamp_nanos().to_be_bytes());
        bytes.extend_from_slice(&previous.map_or([0; 32], |seal| seal.hash));
        bytes.extend(digests.iter().flatten());
        secret_hash(self.name, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use chancery_credential::keys::{Keyring, Master};
    use chancery_domain::TenantId;

    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30.5 UTC);

    fn keys(tenant: u8, seed: u8) -> TenantKeys {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        keyring.tenant(TenantId::new(NOW, [tenant; 10]), &[seed; 32], &[3; 32])
    }

    #[test]
    fn a_seal_holds_over_what_it_was_made_over_and_over_nothing_else() {
        let keys = keys(1, 1);
        let chain = Chain::of_tenant(&keys);
        let first = chain.seal(None, &[[1; 32], [2; 32]], NOW);
        let second = chain.seal(Some(&first), &[[3; 32]], NOW);
        assert_eq!((first.number, second.number), (1, 2));
        assert!(chain.holds(&first, None, &[[1; 32], [2; 32]]));
        assert!(chain.holds(&second, Some(&first), &[[3; 32]]));
        for (seal, previous, digests) in [
            (first, None, vec![[2; 32], [1; 32]]),
            (first, None, vec![[1; 32]]),
            (first, Some(&second), vec![[1; 32], [2; 32]]),
            (second, None, vec![[3; 32]]),
            (second, Some(&Seal { hash: [0; 32], ..first }), vec![[3; 32]]),
            (Seal { number: 3, ..second }, Some(&first), vec![[3; 32]]),
            (Seal { sealed_at: NOW + time::Duration::DAY, ..second }, Some(&first), vec![[3; 32]]),
        ] {
            assert!(!chain.holds(&seal, previous, &digests), "{seal:?} {digests:?}");
        }
    }

    #[test]
    fn nobody_makes_a_seal_without_the_key() {
        let keys_of = [keys(1, 1), keys(1, 2), keys(2, 1)];
        let ours = Chain::of_tenant(&keys_of[0]);
        // The same tenant under another seed, another tenant, another trail under the same key.
        for forger in
            [Chain::of_tenant(&keys_of[1]), Chain::of_tenant(&keys_of[2]), Chain::of_platform(&keys_of[0])]
        {
            let forged = forger.seal(None, &[[1; 32]], NOW);
            assert!(!ours.holds(&forged, None, &[[1; 32]]));
        }
    }
}
