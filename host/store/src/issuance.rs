//! Record first, sign second: the one statement that permits signatures.

use chancery_domain::template::Revision;
use chancery_domain::{
    CredentialId, Event, EventType, IssuanceId, IssuanceToken, OfferId, OfferState, StatusEntry,
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::{hour_after, hour_of, signed, signed_list};
use crate::{Seen, Settled, StoreError, TenantTx};

/// What is about to be signed.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Names the decision to sign.
    pub issuance: IssuanceId,
    /// The offer that it uses up one item of.
    pub offer: OfferId,
    /// The item.
    pub configuration_id: String,
    /// The revision that made the dataset; it must be the one that the offer pins.
    pub revision: Revision,
    /// The key that will sign; it must be active.
    pub key: SigningKeyName,
    /// One for each copy to sign.
    pub copies: Vec<NewCopy>,
    /// The nonces that the key proofs were made over, each once.
    pub nonces: Vec<UsedOnce>,
    /// The `jti` of the request's `DPoP` proof.
    pub dpop_proof: Option<UsedOnce>,
    /// What the template was asked for it, and what its answer cost.
    pub asked: Option<Asked>,
    /// What somebody had to decide first, where the item is deferred.
    pub deferral: Option<Settled>,
    /// Whether the wallet may have again what was issued to it before.
    pub repeats: Option<Repeats>,
    /// Now.
    pub now: OffsetDateTime,
    /// When the copies expire, the last of them.
    pub expires_at: OffsetDateTime,
    /// What webhooks are told of it; nothing where nobody listens, which costs nothing.
    pub events: Vec<Event>,
}

/// What a plugin was asked, told apart and never told, and what its answer cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Keyed, over the digest of the question.
    pub input_tag: [u8; 32],
    /// In units of fuel.
    pub fuel: u64,
}

/// How often a wallet may have a credential again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// After the first time, each credential of an offer.
    pub most: u8,
    /// When its token is over at the latest; the subject is kept no longer than that.
    pub until: OffsetDateTime,
}

/// A signing key, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyName {
    /// What it is for.
    pub key_use: String,
    /// Its JOSE algorithm.
    pub algorithm: String,
    /// Its version.
    pub version: u32,
}

/// One copy of a credential that is about to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCopy {
    /// Names the copy.
    pub credential: CredentialId,
    /// Where its status will be published, out of a [`Lease`](crate::Lease).
    pub status: StatusEntry,
}

/// Something that may be used once, and until when it would be accepted at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedOnce {
    /// Its hash.
    pub hash: [u8; 32],
    /// After that it may be forgotten.
    pub expires_at: OffsetDateTime,
}

/// Why nothing may be signed. Nothing was recorded either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntentRefused {
    /// Somebody ordered that this is not to be signed for now.
    #[error("a halt is in force")]
    Halted,
    /// The tenant does not issue at present.
    #[error("the tenant is not active")]
    TenantNotActive,
    /// The key was replaced since it was looked up.
    #[error("the signing key is not active")]
    KeyNotActive,
    /// The plugin was halted.
    #[error("the plugin is quarantined")]
    PluginHalted,
    /// Another request made its proofs over one of the nonces.
    #[error("the nonce was used before")]
    NonceUsed,
    /// The same `DPoP` proof was sent before.
    #[error("the DPoP proof was used before")]
    ProofReplayed,
    /// The offer was not redeemed, was withdrawn, ran out, or is from before a restore.
    #[error("the offer cannot be issued, it is {}", .0.as_str())]
    OfferNotIssuable(OfferState),
    /// No offer of that id offers that configuration in that revision.
    #[error("the offer does not offer this")]
    NotOffered,
    /// The item was issued before, and as often as it may be.
    #[error("the credential was issued before")]
    AlreadyIssued,
    /// It was issued before, and what was issued was revoked or suspended since.
    #[error("what was issued before is revoked or suspended")]
    Withdrawn,
    /// The item is deferred, and that was not decided, or otherwise since.
    #[error("the credential is deferred")]
    Deferred,
}

/// What the one statement found.
#[expect(clippy::struct_excessive_bools, reason = "one answer to each question of the statement")]
struct Findings {
    halted: bool,
    tenant_active: bool,
    key_active: bool,
    component_available: bool,
    fresh: Vec<String>,
    item_taken: bool,
    is_repeat: bool,
    copies: i64,
}

/// The one statement, in two forms of one text: where a wallet may come again it looks at more, and starting that has
/// its cost, which nobody else pays.
macro_rules! record {
    ($tx:ident, $intent:ident, $set:literal, $may:literal, $told:literal, $kept:literal $(, $more:expr)*) => {{
        let (kinds, hashes, expiries) = used_up($intent);
        let (mut ids, mut lists, mut indices): (Vec<Uuid>, _, _) = (Vec::new(), Vec::new(), Vec::new());
        for copy in &$intent.copies {
            ids.push(copy.credential.uuid());
            lists.push(signed_list(copy.status.list, "credentials")?);
            indices.push(signed(copy.status.index, "credentials", "idx")?);
        }
        let row = query!(
            r#"with halt as (
                 select 1 from halts where (tenant_id is null or tenant_id = $1)
                   and (component is null or component = $5) and (key_version is null or key_version = $4)
             ), tenant as (
                 select 1 from tenants where id = $1 and status = 'active' and not exists (select from halt)
             ), key as (
                 select 1 from signing_keys
                 where key_use = $2 and algorithm = $3 and version = $4 and state = 'active'
             ), component as (
                 select 1 from plugin_components where digest = $5 and status = 'available'
             ), used as (
                 insert into seen (kind, hash, expires_at)
                 select u.* from unnest($6::text[], $7::bytea[], $8::timestamptz[]) u, tenant, key, component
                 on conflict (tenant_id, kind, hash) do nothing
                 returning kind
             ), offer as (
                 update offers
                 set state = case state when 'redeemed' then 'issued' else state end,
                     "# + $set + r#"
                 from tenant, key, component
                 where id = $9 and issue_by > $10
                   and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)
                   and components[array_position(configuration_ids, $12)] = $5
                   and configuration_hashes[array_position(configuration_ids, $12)] = $13
                   and deferral_ids[array_position(configuration_ids, $12)] is not distinct from $21::uuid
                   and (select count(*) from used) = cardinality($6)
                   and "# + $may + r#"
                 returning restore_epoch, "# + $told + r#"
             ), erased as (
                 delete from offer_subjects using offer where offer_id = $9 and is_over
"# + $kept + r#"
             ), issuance as (
                 insert into issuances (
                     id, offer_id, configuration_id, component, configuration_hash, key_use,
                     key_algorithm, key_version, restore_epoch, hour, expires_hour, state, input_tag, fuel
                 )
                 select $11, $9, $12, $5, $13, $2, $3, $4, offer.restore_epoch, $14, $15, 'intended', $19, $20
                 from offer
                 returning id
             ), copies as (
                 insert into credentials (id, issuance_id, list, idx, status)
                 select c.id, issuance.id, c.list, c.idx, 'valid'
                 from issuance, unnest($16::uuid[], $17::bigint[], $18::integer[]) c (id, list, idx)
                 returning id
             )
             select exists (select from halt) as "halted!", exists (select from tenant) as "tenant_active!",
                 exists (select from key) as "key_active!",
                 exists (select from component) as "component_available!",
                 array(select kind from used) as "fresh!",
                 exists (select from offer) as "item_taken!",
                 coalesce((select is_repeat from offer), false) as "is_repeat!",
                 (select count(*) from copies) as "copies!""#,
            $tx.tenant.uuid(),
            $intent.key.key_use,
            $intent.key.algorithm,
            signed($intent.key.version, "signing_keys", "version")?,
            $intent.revision.component.as_slice(),
            &kinds,
            &hashes,
            &expiries,
            $intent.offer.uuid(),
            $intent.now,
            $intent.issuance.uuid(),
            $intent.configuration_id,
            $intent.revision.configuration.as_slice(),
            hour_of($intent.now),
            hour_after($intent.expires_at),
            &ids,
            &lists,
            &indices,
            $intent.asked.as_ref().map(|asked| asked.input_tag.as_slice()),
            $intent.asked.map(|asked| i64::try_from(asked.fuel).unwrap_or(i64::MAX)),
            $intent.deferral.as_ref().map(|settled| settled.deferral.uuid()),
            $($more,)*
        )
        .fetch_one($tx.session.statement())
        .await;
        let row = $tx.session.settle(row)?;
        Ok(Findings {
            halted: row.halted,
            tenant_active: row.tenant_active,
            key_active: row.key_active,
            component_available: row.component_available,
            fresh: row.fresh,
            item_taken: row.item_taken,
            is_repeat: row.is_repeat,
            copies: row.copies,
        })
    }};
}

impl TenantTx {
    /// Records what is about to be signed and commits, in two round trips; every token permits one
    /// signature. If it is refused, nothing is recorded and the connection is kept.
    ///
    /// Everything that permits the signature is checked again by the very statement that
    /// records it, so no stale cache of the caller can issue: halts, the tenant, the key, the plugin, the
    /// nonce, the `DPoP` proof, the offer and its item.
    pub async fn record_issuance(
        mut self,
        intent: &Intent,
    ) -> Result<Result<Vec<IssuanceToken>, IntentRefused>, StoreError> {
        let findings = self.try_to_record(intent).await?;
        let is_recorded =
            findings.item_taken && findings.copies == i64::try_from(intent.copies.len()).unwrap_or(i64::MAX);
        // After the offer, which everybody locks first.
        let is_settled = match &intent.deferral {
            Some(deferral) if is_recorded => self.settle_deferral(deferral, intent.now).await?,
            _ => true,
        };
        if is_recorded && is_settled {
            if !intent.events.is_empty() {
                self.tell_of_issuance(intent, findings.is_repeat).await?;
            }
            self.session.commit().await?;
            return Ok(Ok(tokens(intent)));
        }
        let refused = match refusal(&findings, intent) {
            _ if !is_settled => IntentRefused::Deferred,
            Some(refused) => refused,
            None => self.why_not_issuable(intent).await?,
        };
        self.session.rollback().await?;
        Ok(Err(refused))
    }

    /// Each part that writes depends on the parts before it, so that a refusal needs no error, which
    /// would hide its reason; what was written up to there is rolled back. Two requests for the same
    /// item queue at the offer's row, and PostgreSQL checks the conditions of an UPDATE again on the row
    /// version it waited for: so repeats are counted there, too, by the statement that permits them. Whoever ends them
    /// erases the subject, without which there are none.
    async fn try_to_record(&mut self, intent: &Intent) -> Result<Findings, StoreError> {
        let Some(Repeats { most, until }) = intent.repeats else {
            return record!(
                self,
                intent,
                "items_left = items_left - 1, issuance_ids[array_position(configuration_ids, $12)] = $11",
                "state in ('redeemed', 'issued') and items_left > 0
                   and issuance_ids[array_position(configuration_ids, $12)] is null",
                "false as is_repeat, items_left = 0 as is_over",
                ""
            );
        };
        record!(
            self,
            intent,
            "items_left = case when issuance_ids[array_position(configuration_ids, $12)] is null
                         then items_left - 1 else items_left end,
                     repeats = case when issuance_ids[array_position(configuration_ids, $12)] is null
                         then repeats else array(
                             select coalesce(repeats[place], 0) + (configuration_ids[place] = $12)::int
                             from generate_subscripts(configuration_ids, 1) place order by place)::smallint[] end,
                     issuance_ids[array_position(configuration_ids, $12)] =
                         coalesce(issuance_ids[array_position(configuration_ids, $12)], $11)",
            "case when issuance_ids[array_position(configuration_ids, $12)] is null
                       then state in ('redeemed', 'issued') and items_left > 0
                       else state in ('issued', 'accepted') and $21::uuid is null
                         and coalesce(repeats[array_position(configuration_ids, $12)], 0) < $22::smallint
                         and exists (select from offer_subjects where offer_id = $9 and erase_at > $10)
                         and not exists (
                             select from credentials where status <> 'valid' and issuance_id = any(array(
                                 select i.id from issuances i where i.offer_id = any(array(
                                     select coalesce(offers.renews, offers.id)
                                     union all
                                     select o.id from offers o where o.renews = coalesce(offers.renews, offers.id)
                                 )))))
                       end",
            "issuance_ids[array_position(configuration_ids, $12)] <> $11 as is_repeat,
                     items_left = 0 as is_complete,
                     items_left = 0 and ($22 = 0 or coalesce($22 <= all(repeats), false)) as is_over",
            "             ), kept as (
                 update offer_subjects s set expires_at = least(s.expires_at, $23), erase_at = least(s.erase_at, $23)
                 from offer where s.offer_id = $9 and is_complete and not is_over
             ), due as (
                 update due set at = $23
                 from offer where kind = 'sweep' and at > $23 and is_complete and not is_over",
            i16::from(most),
            until
        )
    }

    /// Reads the offer after the fact.
    async fn why_not_issuable(&mut self, intent: &Intent) -> Result<IntentRefused, StoreError> {
        let row = query!(
            r#"select state, issuance_ids[array_position(configuration_ids, $2)] as issuance_id,
                   deferral_ids[array_position(configuration_ids, $2)] is distinct from $6::uuid as "deferred!",
                   coalesce(repeats[array_position(configuration_ids, $2)], 0) < $7::smallint
                     and state in ('issued', 'accepted')
                     and exists (select from offer_subjects where offer_id = $1 and erase_at > $5) as "repeats_left!",
                   issue_by <= $5
                   or restore_epoch <> coalesce((select restore_epoch from deployment where one), 0) as "late!"
             from offers
             where id = $1 and components[array_position(configuration_ids, $2)] = $3
               and configuration_hashes[array_position(configuration_ids, $2)] = $4"#,
            intent.offer.uuid(),
            intent.configuration_id,
            intent.revision.component.as_slice(),
            intent.revision.configuration.as_slice(),
            intent.now,
            intent.deferral.as_ref().map(|settled| settled.deferral.uuid()),
            intent.repeats.map_or(0, |repeats| i16::from(repeats.most)),
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(IntentRefused::NotOffered) };
        if row.issuance_id.is_some() && row.repeats_left && !row.late && !row.deferred {
            return Ok(IntentRefused::Withdrawn);
        }
        if row.issuance_id.is_some() {
            return Ok(IntentRefused::AlreadyIssued);
        }
        if row.deferred {
            return Ok(IntentRefused::Deferred);
        }
        if row.late {
            return Ok(IntentRefused::OfferNotIssuable(OfferState::Expired));
        }
        let state = OfferState::parse(&row.state);
        state.map(IntentRefused::OfferNotIssuable).ok_or_else(|| StoreError::corrupt("offers", "state"))
    }

    /// Notes that the signatures were made and handed out. An intent without this note may or may not have
    /// reached its wallet; its index stays taken.
    pub async fn mark_issued(&mut self, issuances: &[IssuanceId]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = issuances.iter().map(|id| id.uuid()).collect();
        let done =
            query!("update issuances set state = 'issued' where id = any($1) and state = 'intended'", &ids)
                .execute(self.session.statement())
                .await;
        self.session.settle(done).map(drop)
    }

    /// Tells webhooks of it; that the offer is issued, they are told with the first credential only.
    async fn tell_of_issuance(&mut self, intent: &Intent, is_repeat: bool) -> Result<(), StoreError> {
        let is_first = query_scalar!(
            r#"select items_left + 1 = cardinality(configuration_ids) as "is_first!" from offers where id = $1"#,
            intent.offer.uuid(),
        )
        .fetch_one(self.session.statement())
        .await;
        let is_first = self.session.settle(is_first)? && !is_repeat;
        let of_offer = EventType::OfferIssued.as_str();
        let events: Vec<Event> =
            intent.events.iter().filter(|event| is_first || event.kind != of_offer).cloned().collect();
        self.tell(&events).await
    }
}

/// What the request uses up: kinds, hashes, and until when each is remembered.
fn used_up(intent: &Intent) -> (Vec<String>, Vec<Vec<u8>>, Vec<OffsetDateTime>) {
    let nonces = intent.nonces.iter().map(|nonce| (Seen::Nonce, nonce));
    let proof = intent.dpop_proof.iter().map(|proof| (Seen::DpopProof, proof));
    let mut used: Vec<_> = nonces.chain(proof).collect();
    // Everybody in the same order, so that two who use the same ones wait, and do not deadlock.
    used.sort_unstable_by_key(|(kind, used)| (kind.as_str(), used.hash));
    let (mut kinds, mut hashes, mut expiries) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, UsedOnce { hash, expires_at }) in used {
        kinds.push(kind.as_str().to_owned());
        hashes.push(hash.to_vec());
        expiries.push(*expires_at);
    }
    (kinds, hashes, expiries)
}

/// The reason, where the one statement found it itself.
fn refusal(findings: &Findings, intent: &Intent) -> Option<IntentRefused> {
    let fresh = |kind: Seen| findings.fresh.iter().filter(|word| *word == kind.as_str()).count();
    if findings.halted {
        return Some(IntentRefused::Halted);
    }
    if !findings.tenant_active {
        return Some(IntentRefused::TenantNotActive);
    }
    if !findings.key_active {
        return Some(IntentRefused::KeyNotActive);
    }
    if !findings.component_available {
        return Some(IntentRefused::PluginHalted);
    }
    if fresh(Seen::DpopProof) < usize::from(intent.dpop_proof.is_some()) {
        return Some(IntentRefused::ProofReplayed);
    }
    if fresh(Seen::Nonce) < intent.nonces.len() {
        return Some(IntentRefused::NonceUsed);
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "the intent is committed, this is the one door")]
fn tokens(intent: &Intent) -> Vec<IssuanceToken> {
    let token =
        |copy: &NewCopy| IssuanceToken::from_committed_intent(intent.issuance, copy.credential, copy.status);
    intent.copies.iter().map(token).collect()
}
