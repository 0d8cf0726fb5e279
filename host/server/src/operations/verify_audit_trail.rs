//! Looks for what was changed in a trail by somebody who could write to the database, a part at a time.

use std::collections::{HashMap, HashSet};

use chancery_domain::{AuditEntry, AuditEntryId};
use chancery_store::{AuditTrail, Seal, StoreError};
use uuid::Uuid;

use crate::audit::Chain;

/// How many seals one part is about.
const MOST_SEALS: u32 = 20;
/// How many entries that are under none of them are looked for elsewhere.
const MOST_STRAYS: usize = 100;

/// What was found in one part of a trail.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    /// How many sealed entries were looked at.
    pub(crate) entries: usize,
    /// How many seals were looked at.
    pub(crate) seals: usize,
    /// The last seal that was looked at.
    pub(crate) head: Option<Seal>,
    /// How many entries wait for a seal; told with the last part.
    pub(crate) waiting: Option<u64>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// After which seal the next part begins; none on the last part.
    pub(crate) next: Option<u32>,
}

/// What is wrong with a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The entry is not what it was when it was sealed.
    Changed { entry: AuditEntryId, seal: u32 },
    /// The entry is gone.
    Missing { entry: AuditEntryId, seal: Option<u32> },
    /// The entry neither is sealed nor waits for it, as every entry does that the host wrote.
    Stray { entry: AuditEntryId },
    /// The seal is not what was made, or not over what is under it, or not in its place.
    Broken { seal: u32 },
    /// The seal is gone.
    SealMissing { seal: u32 },
    /// There is no seal of the hash that the caller knows.
    UnknownHead,
}

/// Verifies the part of the trail that follows the seal of that number. `known` is the hash of a seal that the
/// caller saw before: a trail that lost its end, or is that of an older backup, is sound in itself.
pub(crate) async fn verify_audit_trail(
    trail: &mut impl AuditTrail,
    chain: &Chain,
    after: u32,
    known: Option<&[u8; 32]>,
) -> Result<Verification, StoreError> {
    let mut found = Verification::default();
    let mut previous = trail.seal(after).await?;
    // Ids are divided among the parts by the last entry of each, so that every entry is looked for once.
    let mut looked_up_to = AuditEntryId::from_uuid(Uuid::nil());
    if after > 0 {
        match &previous {
            Some(_) => looked_up_to = last_entry(trail, after).await?.unwrap_or(looked_up_to),
            None => found.findings.push(Finding::SealMissing { seal: after }),
        }
    }
    let mut seals = trail.seals_after(after, MOST_SEALS + 1).await?;
    let is_last = seals.len() <= MOST_SEALS as usize;
    seals.truncate(MOST_SEALS as usize);
    let mut expected = after + 1;
    let mut sealed = HashSet::new();
    for seal in seals {
        for missing in (expected..seal.number).take(100) {
            found.findings.push(Finding::SealMissing { seal: missing });
        }
        expected = seal.number + 1;
        sealed.extend(verify_seal(trail, chain, &seal, previous.as_ref(), &mut found).await?);
        previous = Some(seal);
    }
    found.head = previous;
    let mut up_to = AuditEntryId::from_uuid(Uuid::max());
    if !is_last && let Some(seal) = previous {
        found.next = Some(seal.number);
        up_to = last_entry(trail, seal.number).await?.unwrap_or(looked_up_to);
    }
    let most = u32::try_from(sealed.len() + MOST_STRAYS).unwrap_or(u32::MAX);
    let mut strays = trail.entries_between(looked_up_to, up_to, most).await?;
    strays.retain(|entry| !sealed.contains(entry));
    if !strays.is_empty() {
        // Whatever committed late is under a seal of another part.
        let strays = trail.sealed_nowhere(&strays).await?;
        found.findings.extend(strays.into_iter().map(|entry| Finding::Stray { entry }));
    }
    if is_last {
        for missing in (expected..=chain.reaches()).take(100) {
            found.findings.push(Finding::SealMissing { seal: missing });
        }
        let lost = trail.lost_entries().await?;
        found.findings.extend(lost.into_iter().map(|entry| Finding::Missing { entry, seal: None }));
        found.waiting = Some(trail.count_unsealed().await?);
        if let Some(known) = known
            && !trail.has_seal(known).await?
        {
            found.findings.push(Finding::UnknownHead);
        }
    }
    Ok(found)
}

/// Verifies one seal and what is under it; tells what that is.
async fn verify_seal(
    trail: &mut impl AuditTrail,
    chain: &Chain,
    seal: &Seal,
    previous: Option<&Seal>,
    found: &mut Verification,
) -> Result<Vec<AuditEntryId>, StoreError> {
    let links = trail.links(seal.number).await?;
    let ids: Vec<AuditEntryId> = links.iter().map(|link| link.entry).collect();
    let entries: HashMap<AuditEntryId, AuditEntry> =
        trail.audit_entries_of(&ids).await?.into_iter().map(|entry| (entry.id, entry)).collect();
    for link in &links {
        match entries.get(&link.entry) {
            Some(entry) if Chain::digest(entry) == link.digest => {}
            Some(_) => found.findings.push(Finding::Changed { entry: link.entry, seal: seal.number }),
            None => found.findings.push(Finding::Missing { entry: link.entry, seal: Some(seal.number) }),
        }
    }
    let digests: Vec<[u8; 32]> = links.iter().map(|link| link.digest).collect();
    if !chain.holds(seal, previous, &digests) {
        found.findings.push(Finding::Broken { seal: seal.number });
    }
    found.seals += 1;
    found.entries += links.len();
    Ok(ids)
}

async fn last_entry(trail: &mut impl AuditTrail, seal: u32) -> Result<Option<AuditEntryId>, StoreError> {
    Ok(trail.links(seal).await?.last().map(|link| link.entry))
}
