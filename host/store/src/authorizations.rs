//! What holders decided, once for each request, and the exchange of the codes that follow from it.

use chancery_domain::{AuthorizationId, OfferGrant, OfferId};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::offers::{OfferItem, items};
use crate::{ISSUE_WITHIN, StoreError, TenantTx};

/// What a holder decided about a request.
#[derive(Debug, Clone, Copy)]
pub struct NewAuthorization {
    /// Names the request.
    pub id: AuthorizationId,
    /// What the holder consented to receive; none if they refused.
    pub offer: Option<OfferId>,
    /// Until when the code may be redeemed; of a refusal, until when the request could be decided.
    pub expires_at: OffsetDateTime,
    /// Now.
    pub now: OffsetDateTime,
}

/// An offer that waits for its holder's consent.
#[derive(Clone)]
pub struct OfferedToHolder {
    /// The offer.
    pub id: OfferId,
    /// What it offers.
    pub items: Vec<OfferItem>,
    /// Whether the holder must enter a transaction code.
    pub needs_tx_code: bool,
    /// The subject's data, as it was given to [`create_offer`](TenantTx::create_offer).
    pub sealed_subject: Vec<u8>,
}

impl std::fmt::Debug for OfferedToHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfferedToHolder").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of an attempt to exchange an authorization code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorized {
    /// It is exchanged, by this transaction alone.
    Redeemed {
        /// Whether something of its offer has to be decided first.
        is_deferred: bool,
    },
    /// It was exchanged before: whoever came first has lost what they got (RFC 6749 §4.1.2). Commit.
    Replayed,
    /// It is over, or what it is for is.
    Over,
}

impl TenantTx {
    /// The offer behind an issuer state, if a holder may still consent to it.
    pub async fn offer_by_issuer_state(
        &mut self,
        hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<OfferedToHolder>, StoreError> {
        let row = query!(
            r#"select id, tx_code_mac is not null as "needs_tx_code!",
                 configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>",
                 (select sealed from offer_subjects where offer_id = offers.id) as sealed_subject
             from offers
             where code_hash = $1 and grant_type = $3 and state in ('created', 'fetched') and expires_at > $2
               and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)"#,
            hash.as_slice(),
            now,
            OfferGrant::AuthorizationCode.as_str(),
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        // Erased a moment ago, if it is not there: then the offer is over, whatever its mark says.
        let Some(sealed_subject) = row.sealed_subject else { return Ok(None) };
        Ok(Some(OfferedToHolder {
            id: OfferId::from_uuid(row.id),
            items: items(
                row.configuration_ids,
                &row.components,
                &row.configuration_hashes,
                row.issuance_ids,
                row.deferral_ids,
            )?,
            needs_tx_code: row.needs_tx_code,
            sealed_subject,
        }))
    }

    /// Whether the request was decided before.
    pub async fn is_decided(&mut self, id: AuthorizationId) -> Result<bool, StoreError> {
        let decided = query_scalar!(
            r#"select exists (select from authorizations where id = $1) as "decided!""#,
            id.uuid()
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(decided)
    }

    /// Notes what the holder decided. `false` if the request was decided before: a request is decided once.
    pub async fn decide(&mut self, decided: &NewAuthorization) -> Result<bool, StoreError> {
        let done = query!(
            "with decided as (
                 insert into authorizations (id, offer_id, state, expires_at, forget_at)
                 values ($1, $2, case when $2::uuid is null then 'refused' else 'granted' end, $3, $4)
                 on conflict (tenant_id, id) do nothing
                 returning id
             ), due as (
                 insert into due (kind, at) select 'sweep', $4 from decided on conflict do nothing
             )
             select id from decided",
            decided.id.uuid(),
            decided.offer.map(OfferId::uuid),
            decided.expires_at,
            decided.expires_at.max(decided.now) + ISSUE_WITHIN,
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.is_some())
    }

    /// Exchanges an authorization code. Of any number of attempts one succeeds, and a second one undoes it: the
    /// offer is over then, its subject is erased, and no token for it issues any more.
    pub async fn redeem_authorization(
        &mut self,
        id: AuthorizationId,
        offer: OfferId,
        now: OffsetDateTime,
    ) -> Result<Authorized, StoreError> {
        let row = query!(
            r#"with exchanged as (
                 update authorizations set state = 'redeemed'
                 where id = $1 and offer_id = $2 and state = 'granted' and expires_at > $3
                 returning offer_id
             ), offer as (
                 update offers set state = 'redeemed'
                 from exchanged
                 where id = $2 and state in ('created', 'fetched') and expires_at > $3 and grant_type = $4
                   and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)
                 returning deferral_ids is not null as is_deferred
             )
             select exists (select from exchanged) as "exchanged!", (select is_deferred from offer) as is_deferred"#,
            id.uuid(),
            offer.uuid(),
            now,
            OfferGrant::AuthorizationCode.as_str(),
        )
        .fetch_one(self.session.statement())
        .await;
        let row = self.session.settle(row)?;
        if let Some(is_deferred) = row.is_deferred {
            return Ok(Authorized::Redeemed { is_deferred });
        }
        if row.exchanged {
            // The offer was redeemed by another authorization, withdrawn, or ran out.
            return Ok(Authorized::Over);
        }
        self.end_if_replayed(id, offer).await
    }

    async fn end_if_replayed(
        &mut self,
        id: AuthorizationId,
        offer: OfferId,
    ) -> Result<Authorized, StoreError> {
        let replayed = query_scalar!(
            r#"with replayed as (
                 update authorizations set state = 'replayed'
                 where id = $1 and offer_id = $2 and state in ('redeemed', 'replayed')
                 returning offer_id
             ), ended as (
                 update offers set state = 'failed'
                 from replayed
                 where id = $2 and (state = 'redeemed' or (state = 'issued' and items_left > 0))
             ), erased as (
                 delete from offer_subjects using replayed where offer_subjects.offer_id = $2
             )
             select exists (select from replayed) as "replayed!""#,
            id.uuid(),
            offer.uuid(),
        )
        .fetch_one(self.session.statement())
        .await;
        let replayed = self.session.settle(replayed)?;
        Ok(if replayed { Authorized::Replayed } else { Authorized::Over })
    }

    /// Forgets decisions that nobody can ask about any more.
    pub(crate) async fn forget_authorizations(&mut self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = query!("delete from authorizations where forget_at <= $1", now)
            .execute(self.session.statement())
            .await;
        Ok(self.session.settle(done)?.rows_affected())
    }
}
