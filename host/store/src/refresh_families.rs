//! Families of refresh tokens: one current token each, and a past one ends the family.

use chancery_domain::OfferId;
use sqlx::query;
use time::OffsetDateTime;

use crate::convert::digest;
use crate::{PinnedItem, StoreError, TenantTx};

/// A family that begins.
#[derive(Clone)]
pub struct NewFamily {
    /// The offer that the access token beside it is for; it names the family.
    pub offer: OfferId,
    /// Hash of its first token.
    pub token_hash: [u8; 32],
    /// What it renews, sealed under a key that needs the token itself.
    pub sealed: Vec<u8>,
    /// When it ends, however often it is used.
    pub expires_at: OffsetDateTime,
}

/// A family as it stands, held until the transaction ends.
#[derive(Clone)]
pub struct Family {
    /// Hash of the current token.
    pub token_hash: [u8; 32],
    /// What it renews.
    pub sealed: Vec<u8>,
    /// Whether a credential that came of it is suspended or revoked.
    pub is_halted: bool,
    /// The offer of its latest access token, if the wallet waits for something of it.
    pub awaits: Option<OfferId>,
}

/// An offer that the host makes for a renewal; redeemed as it is made.
#[derive(Clone)]
pub struct Renewal {
    /// The family.
    pub family: OfferId,
    /// Hash of its next token.
    pub token_hash: [u8; 32],
    /// What it renews, sealed under a key that needs that token.
    pub sealed: Vec<u8>,
    /// Names the offer.
    pub offer: OfferId,
    /// Hash of a secret that nobody has: an offer has one.
    pub handle_hash: [u8; 32],
    /// Hash of the code that opens the subject.
    pub code_hash: [u8; 32],
    /// What is renewed.
    pub items: Vec<PinnedItem>,
    /// The subject's data, sealed under a key that needs the code.
    pub sealed_subject: Vec<u8>,
    /// Now.
    pub now: OffsetDateTime,
    /// Until when it may be issued.
    pub issue_by: OffsetDateTime,
}

impl TenantTx {
    /// Begins a family.
    pub async fn begin_family(&mut self, family: &NewFamily) -> Result<(), StoreError> {
        let done = query!(
            "with family as (
                 insert into refresh_families (offer_id, latest_offer_id, token_hash, sealed, expires_at, restore_epoch)
                 values ($1, $1, $2, $3, $4, coalesce((select restore_epoch from deployment where one), 0))
             )
             insert into due (kind, at) values ('sweep', $4) on conflict do nothing",
            family.offer.uuid(),
            family.token_hash.as_slice(),
            family.sealed,
            family.expires_at,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// The family, if it has not ended. Whoever asks for it next waits for this transaction.
    ///
    /// A family from before a restore has ended: nobody knows any more which of its tokens were used.
    pub async fn family(
        &mut self,
        offer: OfferId,
        now: OffsetDateTime,
    ) -> Result<Option<Family>, StoreError> {
        let row = query!(
            r#"select token_hash, sealed, exists (
                 select from credentials where status <> 'valid' and issuance_id = any(array(
                     select id from issuances where offer_id = any(array(
                         select $1::uuid union all select id from offers where renews = $1))))
             ) as "is_halted!", case when exists (
                 select from deferrals d
                 where d.offer_id = latest_offer_id and d.state in ('pending', 'completed')
                   and d.transaction_hash is not null and d.expires_at > $2
             ) then latest_offer_id end as awaits
             from refresh_families
             where offer_id = $1 and expires_at > $2
               and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)
             for update"#,
            offer.uuid(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session
            .settle(row)?
            .map(|row| {
                let token_hash = digest(&row.token_hash, "refresh_families", "token_hash")?;
                let awaits = row.awaits.map(OfferId::from_uuid);
                Ok(Family { token_hash, sealed: row.sealed, is_halted: row.is_halted, awaits })
            })
            .transpose()
    }

    /// Gives the family its next token, and makes the offer that the next access token is for: so a renewal is
    /// counted, listed and revoked like everything else that is issued. The family must be held.
    pub async fn renew(&mut self, renewal: &Renewal) -> Result<(), StoreError> {
        let (mut ids, mut components, mut configurations) = (Vec::new(), Vec::new(), Vec::new());
        for item in &renewal.items {
            ids.push(item.configuration_id.clone());
            components.push(item.revision.component.to_vec());
            configurations.push(item.revision.configuration.to_vec());
        }
        let done = query!(
            "with family as (
                 update refresh_families set latest_offer_id = $2, token_hash = $3, sealed = $4 where offer_id = $1
             ), subject as (
                 insert into offer_subjects (offer_id, sealed, expires_at, erase_at) values ($2, $5, $6, $6)
             ), due as (
                 insert into due (kind, at) values ('sweep', $6) on conflict do nothing
             )
             insert into offers (
                 id, handle_hash, code_hash, state, items_left, restore_epoch, created_at, expires_at, issue_by,
                 configuration_ids, components, configuration_hashes, issuance_ids, renews, grant_type
             )
             values (
                 $2, $7, $8, 'redeemed', cardinality($10::text[])::smallint,
                 coalesce((select restore_epoch from deployment where one), 0), $9, $6, $6,
                 $10, $11, $12, array_fill(null::uuid, array[cardinality($10)]), $1,
                 coalesce((select grant_type from offers where id = $1), 'pre-authorized_code')
             )",
            renewal.family.uuid(),
            renewal.offer.uuid(),
            renewal.token_hash.as_slice(),
            renewal.sealed,
            renewal.sealed_subject,
            renewal.issue_by,
            renewal.handle_hash.as_slice(),
            renewal.code_hash.as_slice(),
            renewal.now,
            &ids,
            &components,
            &configurations,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Gives the family its next token, and nothing else: the wallet waits for what the last one is for. The family
    /// must be held.
    pub async fn wait_on(
        &mut self,
        family: OfferId,
        token_hash: &[u8; 32],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let done = query!(
            "update refresh_families set token_hash = $2, sealed = $3 where offer_id = $1",
            family.uuid(),
            token_hash.as_slice(),
            sealed,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Ends the family that an offer began or belongs to, and the offer that its latest access token is for.
    pub async fn end_family(&mut self, offer: OfferId) -> Result<(), StoreError> {
        let done = query!(
            "with ended as (
                 delete from refresh_families
                 where offer_id = coalesce((select renews from offers where id = $1), $1)
                 returning latest_offer_id
             ), failed as (
                 update offers set state = 'failed' from ended
                 where offers.id = ended.latest_offer_id and offers.renews is not null
                   and (state = 'redeemed' or (state = 'issued' and items_left > 0))
             )
             delete from offer_subjects using ended, offers
             where offer_subjects.offer_id = ended.latest_offer_id and offers.id = ended.latest_offer_id
               and offers.renews is not null",
            offer.uuid(),
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Forgets families that have ended.
    pub(crate) async fn forget_families(&mut self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = query!("delete from refresh_families where expires_at <= $1", now)
            .execute(self.session.statement())
            .await;
        Ok(self.session.settle(done)?.rows_affected())
    }
}
