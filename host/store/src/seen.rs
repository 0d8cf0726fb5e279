//! What was used up, and what was answered: the two memories of a request.

use sqlx::query;
use time::OffsetDateTime;

use crate::convert::digest;
use crate::{StoreError, TenantTx};

/// A kind of value that may be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// A nonce that a key proof was made over.
    Nonce,
    /// The `jti` of a `DPoP` proof (RFC 9449 §11.1).
    DpopProof,
    /// The `jti` of a client assertion (RFC 7523 §3).
    ClientAssertion,
    /// The `jti` of the proof of an attested client.
    ClientAttestation,
    /// The `state` of a sign-in at an OpenID Provider.
    SignIn,
}

impl Seen {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::DpopProof => "dpop",
            Self::ClientAssertion => "assertion",
            Self::ClientAttestation => "attestation",
            Self::SignIn => "sign-in",
        }
    }
}

/// The answer to a request that carried an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Hash of the request, so that the same key with another request is noticed.
    pub request_hash: [u8; 32],
    /// The answer, sealed.
    pub sealed_answer: Vec<u8>,
}

impl TenantTx {
    /// Whether the value was used before. It uses nothing up: only [`remember`](Self::remember) and
    /// [`record_issuance`](Self::record_issuance) decide between two who come at the same time.
    pub async fn was_seen(&mut self, kind: Seen, hash: &[u8; 32]) -> Result<bool, StoreError> {
        let seen = sqlx::query_scalar!(
            r#"select exists (select from seen where kind = $1 and hash = $2) as "seen!""#,
            kind.as_str(),
            hash.as_slice(),
        )
        .fetch_one(self.session.statement())
        .await;
        self.session.settle(seen)
    }

    /// Uses the value up. `false` if it was used before: whoever comes second, waits for the first and
    /// then hears so.
    pub async fn remember(
        &mut self,
        kind: Seen,
        hash: &[u8; 32],
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "insert into seen (kind, hash, expires_at) values ($1, $2, $3)
             on conflict (tenant_id, kind, hash) do nothing",
            kind.as_str(),
            hash.as_slice(),
            expires_at
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// The answer that was given under the key.
    pub async fn recall_answer(
        &mut self,
        key_hash: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let row = query!(
            "select request_hash, sealed_answer from idempotent_answers
             where key_hash = $1 and expires_at > $2",
            key_hash.as_slice(),
            now
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session
            .settle(row)?
            .map(|row| {
                Ok(StoredAnswer {
                    request_hash: digest(&row.request_hash, "idempotent_answers", "request_hash")?,
                    sealed_answer: row.sealed_answer,
                })
            })
            .transpose()
    }

    /// Keeps an answer, in the transaction of what it answers. `false` if another request with the same
    /// key was quicker: roll back and recall its answer.
    pub async fn remember_answer(
        &mut self,
        key_hash: &[u8; 32],
        answer: &StoredAnswer,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "insert into idempotent_answers as a (key_hash, request_hash, sealed_answer, expires_at)
             values ($1, $2, $3, $4)
             on conflict (tenant_id, key_hash) do update
             set request_hash = excluded.request_hash,
                 sealed_answer = excluded.sealed_answer,
                 expires_at = excluded.expires_at
             where a.expires_at <= $5",
            key_hash.as_slice(),
            answer.request_hash.as_slice(),
            answer.sealed_answer,
            expires_at,
            now,
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}
