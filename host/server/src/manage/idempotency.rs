//! `Idempotency-Key`: a repeated request gets the first answer again, and
//! nothing happens twice. Answers are kept sealed, under a key that needs the
//! caller's own secret.

use chancery_credential::secret_hash;
use chancery_store::{StoredAnswer, TenantTx};
use http::HeaderMap;
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::caller::{Manager, May};
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// How long an answer is kept.
const MEMORY: Duration = Duration::hours(24);

/// A request that names an `Idempotency-Key`.
pub(crate) struct Idempotent {
    key: String,
    key_hash: [u8; 32],
    request_hash: [u8; 32],
}

impl Idempotent {
    /// The key of the request, if it has one.
    pub(crate) fn from_request<M: May>(
        headers: &HeaderMap,
        manager: &Manager<M>,
        route: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len())).ok_or_else(|| {
            Problem::new(ProblemCode::Malformed).detail("Idempotency-Key must be 1 to 255 ASCII characters")
        })?;
        let of_the_key = [manager.principal.uuid().as_bytes(), key.as_bytes()].concat();
        let of_the_request = [route.as_bytes(), b"\n", body].concat();
        let key_hash = secret_hash("idempotency-key/v1", &of_the_key);
        let request_hash = secret_hash("idempotent-request/v1", &of_the_request);
        Ok(Some(Self { key: key.to_owned(), key_hash, request_hash }))
    }

    /// The answer that was given before.
    pub(crate) async fn recall<M: May>(
        &self,
        issuer: &Issuer,
        manager: &Manager<M>,
        tx: &mut TenantTx,
        now: OffsetDateTime,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let Some(answer) = tx.recall_answer(&self.key_hash, now).await? else { return Ok(None) };
        if answer.request_hash != self.request_hash {
            return Err(Problem::new(ProblemCode::IdempotencyMismatch));
        }
        let opened = issuer
            .keys
            .open_answer(&self.key, &manager.sealing_secret, &answer.sealed_answer)
            .map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
        Ok(Some(opened.to_vec()))
    }

    /// Keeps the answer, in the transaction of the work itself. `false`: somebody else was faster.
    pub(crate) async fn keep<M: May>(
        &self,
        app: &App,
        issuer: &Issuer,
        manager: &Manager<M>,
        tx: &mut TenantTx,
        answer: &[u8],
    ) -> Result<bool, Problem> {
        let sealed_answer =
            issuer.keys.seal_answer(&self.key, &manager.sealing_secret, answer, app.random.as_ref());
        let answer = StoredAnswer { request_hash: self.request_hash, sealed_answer };
        let now = app.now();
        Ok(tx.remember_answer(&self.key_hash, &answer, now, now + MEMORY).await?)
    }
}
