//! Invitations to own a tenant: each lets one person in, once.

use chancery_domain::InvitationId;
use sqlx::{query, query_scalar};
use time::OffsetDateTime;

use crate::{StoreError, TenantTx};

/// An invitation that is about to be sent; the secret itself never comes here.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Names the invitation.
    pub id: InvitationId,
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// Whom it is for, sealed.
    pub sealed_email: Vec<u8>,
    /// Until when it may be accepted.
    pub expires_at: OffsetDateTime,
}

impl TenantTx {
    /// Keeps an invitation until its time is over.
    pub async fn invite(&mut self, invitation: &NewInvitation) -> Result<(), StoreError> {
        let done = query!(
            "with kept as (
                 insert into invitations (id, hash, sealed_email, expires_at) values ($1, $2, $3, $4)
             )
             insert into due (kind, at) values ('sweep', $4)
             on conflict (tenant_id, kind) do update set at = least(due.at, excluded.at)",
            invitation.id.uuid(),
            invitation.hash.as_slice(),
            invitation.sealed_email,
            invitation.expires_at,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done).map(drop)
    }

    /// Accepts the invitation of that hash. None if there is none, or if it is used or over; of many who
    /// come at the same time, one is let in.
    pub async fn accept_invitation(
        &mut self,
        hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<InvitationId>, StoreError> {
        let id = query_scalar!(
            "update invitations set accepted_at = $2
             where hash = $1 and accepted_at is null and expires_at > $2
             returning id",
            hash.as_slice(),
            now,
        )
        .fetch_optional(self.session.statement())
        .await;
        Ok(self.session.settle(id)?.map(InvitationId::from_uuid))
    }
}
