//! A pre-authorized code is exchanged once, and a transaction code is guessed five times at most.

use chancery_domain::offer::TX_CODE_ATTEMPTS;
use chancery_domain::{OfferId, OfferState};
use sqlx::query;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::digest;
use crate::offers::{IssuableOffer, items};
use crate::{StoreError, TenantTx};

/// What became of an attempt to exchange a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// The code is exchanged, by this transaction alone.
    Redeemed {
        /// The offer.
        offer: OfferId,
        /// What it offers, and the subject's data: what [`offer_for_issuance`](TenantTx::offer_for_issuance)
        /// would read next.
        issuable: IssuableOffer,
        /// Until when it may be issued; no access token needs to live longer.
        issue_by: OffsetDateTime,
    },
    /// The offer has a transaction code, and it was not tried in this transaction.
    TxCodeNeeded,
    /// The offer is past being redeemed.
    Over(OfferState),
    /// No offer has that code.
    Unknown,
}

/// One more attempt at a transaction code, already counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxCodeAttempt {
    /// The offer.
    pub offer: OfferId,
    /// What the MAC of the presented code must equal.
    pub mac: [u8; 32],
    /// How many attempts there are after this one.
    pub attempts_left: u8,
}

impl TenantTx {
    /// Counts one attempt at the transaction code, before anybody knows whether it is right, so that no
    /// race and no restart gives a sixth. `None` if there is no such offer to try.
    ///
    /// If the MAC matches, [`redeem`](Self::redeem) in this same transaction; **commit in either
    /// case**. With the last attempt the offer fails, unless that very transaction redeems it.
    pub async fn try_tx_code(
        &mut self,
        code_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<TxCodeAttempt>, StoreError> {
        let row = query!(
            r#"update offers
             set tx_code_attempts = tx_code_attempts + 1,
                 state = case when tx_code_attempts + 1 >= $3 then 'failed' else state end
             where code_hash = $1 and state in ('created', 'fetched') and expires_at > $2
               and tx_code_mac is not null and tx_code_attempts < $3
             returning id, tx_code_mac as "mac!", tx_code_attempts"#,
            code_hash.as_slice(),
            now,
            TX_CODE_ATTEMPTS,
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(None) };
        let offer = OfferId::from_uuid(row.id);
        self.tried = Some(offer);
        Ok(Some(TxCodeAttempt {
            offer,
            mac: digest(&row.mac, "offers", "tx_code_mac")?,
            attempts_left: u8::try_from(TX_CODE_ATTEMPTS - row.tx_code_attempts).unwrap_or(0),
        }))
    }

    /// Exchanges the code. Of any number of attempts at the same time, one succeeds; one statement if
    /// it does, two if not.
    pub async fn redeem(
        &mut self,
        code_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Redemption, StoreError> {
        let row = query!(
            r#"with redeemed as (
                 update offers set state = 'redeemed'
                 where code_hash = $1 and expires_at > $2
                   and restore_epoch = coalesce((select restore_epoch from deployment where one), 0)
                   and ((tx_code_mac is null and state in ('created', 'fetched'))
                        or (id = $3 and state in ('created', 'fetched', 'failed')))
                 returning *
             )
             select id, issue_by, configuration_ids, components, configuration_hashes,
                 issuance_ids as "issuance_ids: Vec<Option<Uuid>>",
                 deferral_ids as "deferral_ids: Vec<Option<Uuid>>",
                 (select sealed from offer_subjects where offer_id = redeemed.id) as sealed_subject
             from redeemed"#,
            code_hash.as_slice(),
            now,
            self.tried.map(OfferId::uuid),
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return self.why_not_redeemed(code_hash, now).await };
        Ok(Redemption::Redeemed {
            offer: OfferId::from_uuid(row.id),
            issuable: IssuableOffer {
                items: items(
                    row.configuration_ids,
                    &row.components,
                    &row.configuration_hashes,
                    row.issuance_ids,
                    row.deferral_ids,
                )?,
                sealed_subject: row
                    .sealed_subject
                    .ok_or_else(|| StoreError::corrupt("offer_subjects", "sealed"))?,
                is_renewal: false,
                repeats: Vec::new(),
            },
            issue_by: row.issue_by,
        })
    }

    async fn why_not_redeemed(
        &mut self,
        code_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Redemption, StoreError> {
        let row = query!(
            r#"select state, expires_at <= $2
                   or restore_epoch <> coalesce((select restore_epoch from deployment where one), 0) as "late!"
             from offers where code_hash = $1"#,
            code_hash.as_slice(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        let Some(row) = self.session.settle(row)? else { return Ok(Redemption::Unknown) };
        let state = OfferState::parse(&row.state).ok_or_else(|| StoreError::corrupt("offers", "state"))?;
        Ok(match state {
            state if !state.is_redeemable() => Redemption::Over(state),
            _ if row.late => Redemption::Over(OfferState::Expired),
            _ => Redemption::TxCodeNeeded,
        })
    }
}
