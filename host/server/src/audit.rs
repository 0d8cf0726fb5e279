//! What the audit trail is told of a change, and the chain of seals that lets nobody rewrite it.
//!
//! ```text
//! digest(entry) = SHA-256("audit-entry/v1", canonical bytes of the entry)
//! hash(seal)    = SHA-256(name of the trail, tenant ‖ number ‖ time ‖ hash of the seal before ‖ digests)
//! mac(seal)     = HMAC-SHA256(MAC key of the tenant, name of the trail ‖ hash)
//! ```
//!
//! A tenant that is moved to new keys has another MAC key from then on. The one before is kept, with the number and
//! the hash of the last seal that it made: so its seals are still known as ours, and whoever stole it makes none.

use chancery_credential::SystemRandom;
use chancery_credential::keys::{Keyring, LastSeal, MacKey, SupersededMac, TenantKeys};
use chancery_credential::secret_hash;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::scope::Scope;
use chancery_domain::{AuditEntry, AuditEntryId, TenantId, random_bytes};
use chancery_store::{Seal, StoreError, TenantSecrets, TenantTx};
use time::OffsetDateTime;

use crate::app::App;
use crate::tenants::LoadError;
use crate::tenants::keys::open_keys;

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

/// Tells of a change to who gets in, in the transaction that makes it: the platform, of those who may administer the
/// deployment, and the tenant itself of all others.
pub(crate) async fn record_access(
    tx: &mut TenantTx,
    scopes: &[Scope],
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    if scopes.contains(&Scope::PlatformAdmin) {
        tx.record_for_platform(entry).await
    } else {
        tx.record(entry).await
    }
}

/// What sealed the trails of a tenant, and what seals them now.
pub(crate) struct Sealers {
    pub(crate) keys: TenantKeys,
    /// By version, the first of all first.
    superseded: Vec<SupersededMac>,
}

impl Sealers {
    /// As they are now. None of a tenant that is gone: nothing is sealed with any others.
    pub(crate) async fn read(keyring: &Keyring, tx: &mut TenantTx) -> Result<Option<Self>, LoadError> {
        match tx.secrets().await? {
            Some(secrets) => Self::open(keyring, tx, &secrets).await.map(Some),
            None => Ok(None),
        }
    }

    /// As they are until the transaction is over.
    pub(crate) async fn hold(keyring: &Keyring, tx: &mut TenantTx) -> Result<Option<Self>, LoadError> {
        match tx.hold_secrets().await? {
            Some(secrets) => Self::open(keyring, tx, &secrets).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn open(
        keyring: &Keyring,
        tx: &mut TenantTx,
        secrets: &TenantSecrets,
    ) -> Result<Self, LoadError> {
        let keys = open_keys(keyring, tx.tenant_id(), secrets)?;
        let sealed = tx.superseded_macs().await?;
        // What was tampered with is missing, and so the seals that it vouched for are broken.
        let opened =
            sealed.iter().map_while(|(version, sealed)| keys.open_superseded_mac(*version, sealed).ok());
        Ok(Self { superseded: opened.collect(), keys })
    }

    /// Gives way to other keys, in the transaction that makes them the tenant's; these are the last seals.
    pub(crate) async fn give_way(
        mut self,
        tx: &mut TenantTx,
        to: &TenantKeys,
        own: Option<&Seal>,
        platform: Option<&Seal>,
    ) -> Result<(), LoadError> {
        let last = |seal: Option<&Seal>| {
            seal.map_or_else(LastSeal::default, |seal| LastSeal { number: seal.number, hash: seal.hash })
        };
        let key = self.keys.mac_key().clone();
        self.superseded.push(SupersededMac { key, own: last(own), platform: last(platform) });
        for (superseded, version) in self.superseded.iter().zip(1..) {
            tx.keep_superseded_mac(version, &to.seal_superseded_mac(version, superseded, &SystemRandom))
                .await?;
        }
        Ok(())
    }
}

/// The chain of one trail.
pub(crate) struct Chain {
    name: &'static str,
    tenant: TenantId,
    superseded: Vec<(MacKey, LastSeal)>,
    key: MacKey,
}

impl Chain {
    /// Of a tenant's own trail.
    pub(crate) fn of_tenant(sealers: &Sealers) -> Self {
        Self::of("audit-seal/v1", sealers, |superseded| superseded.own)
    }

    /// Of the platform's trail, under the keys of the application tenant.
    pub(crate) fn of_platform(sealers: &Sealers) -> Self {
        Self::of("platform-audit-seal/v1", sealers, |superseded| superseded.platform)
    }

    fn of(name: &'static str, sealers: &Sealers, last: impl Fn(&SupersededMac) -> LastSeal) -> Self {
        let superseded = sealers.superseded.iter().map(|mac| (mac.key.clone(), last(mac))).collect();
        Self { name, tenant: sealers.keys.tenant(), superseded, key: sealers.keys.mac_key().clone() }
    }

    /// Whose chain it is.
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// How many seals there were at least, whatever the database says.
    pub(crate) fn reaches(&self) -> u32 {
        self.superseded.iter().map(|(_, last)| last.number).max().unwrap_or_default()
    }

    /// The key of that seal: the first that had not given way yet.
    fn key_of(&self, number: u32) -> &MacKey {
        let superseded = self.superseded.iter().find(|(_, last)| number <= last.number);
        superseded.map_or(&self.key, |(key, _)| key)
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
        Seal { number, sealed_at, hash, mac: self.key.mac(self.name, &hash) }
    }

    /// Whether the seal is ours, follows that other and is over these entries.
    pub(crate) fn holds(&self, seal: &Seal, previous: Option<&Seal>, digests: &[[u8; 32]]) -> bool {
        let number = seal.number;
        let hash = self.hash(number, seal.sealed_at, previous, digests);
        let is_known = |(_, last): &(MacKey, LastSeal)| last.number != number || last.hash == hash;
        seal.hash == hash
            && self.key_of(number).verify(self.name, &hash, &seal.mac)
            && self.superseded.iter().all(is_known)
    }

    fn hash(
        &self,
        number: u32,
        sealed_at: OffsetDateTime,
        previous: Option<&Seal>,
        digests: &[[u8; 32]],
    ) -> [u8; 32] {
        // All of fixed length, so the concatenation is injective.
        let mut bytes = self.tenant.uuid().as_bytes().to_vec();
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&sealed_at.unix_timestamp_nanos().to_be_bytes());
        bytes.extend_from_slice(&previous.map_or([0; 32], |seal| seal.hash));
        bytes.extend(digests.iter().flatten());
        secret_hash(self.name, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use chancery_credential::keys::Master;

    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30.5 UTC);

    fn sealers(tenant: u8, seed: u8) -> Sealers {
        let keyring = Keyring::from_master(&Master::from_hex(&"11".repeat(32)).unwrap());
        let keys = keyring.tenant(TenantId::new(NOW, [tenant; 10]), &[seed; 32], &[3; 32]);
        Sealers { keys, superseded: Vec::new() }
    }

    #[test]
    fn a_seal_holds_over_what_it_was_made_over_and_over_nothing_else() {
        let chain = Chain::of_tenant(&sealers(1, 1));
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
        let ours = Chain::of_tenant(&sealers(1, 1));
        // The same tenant under another seed, another tenant, another trail under the same key.
        for forger in [
            Chain::of_tenant(&sealers(1, 2)),
            Chain::of_tenant(&sealers(2, 1)),
            Chain::of_platform(&sealers(1, 1)),
        ] {
            let forged = forger.seal(None, &[[1; 32]], NOW);
            assert!(!ours.holds(&forged, None, &[[1; 32]]));
        }
    }

    #[test]
    fn a_key_that_gave_way_vouches_for_what_it_sealed_and_for_nothing_else() {
        let before = Chain::of_tenant(&sealers(1, 1));
        let first = before.seal(None, &[[1; 32]], NOW);
        let last = LastSeal { number: first.number, hash: first.hash };
        let key = sealers(1, 1).keys.mac_key().clone();
        let superseded = SupersededMac { key, own: last, platform: LastSeal::default() };
        let after = Sealers { superseded: vec![superseded], ..sealers(1, 2) };
        let (platforms, after) = (Chain::of_platform(&after), Chain::of_tenant(&after));
        let second = after.seal(Some(&first), &[[2; 32]], NOW);
        assert!(after.holds(&first, None, &[[1; 32]]));
        assert!(after.holds(&second, Some(&first), &[[2; 32]]));
        assert_eq!((after.reaches(), platforms.reaches()), (1, 0));
        // Whoever stole it rewrites what it sealed, or goes on sealing.
        let rewritten = before.seal(None, &[[9; 32]], NOW);
        assert!(!after.holds(&rewritten, None, &[[9; 32]]));
        let continued = before.seal(Some(&first), &[[2; 32]], NOW);
        assert!(!after.holds(&continued, Some(&first), &[[2; 32]]));
        assert!(!platforms.holds(&first, None, &[[1; 32]]));
    }
}
