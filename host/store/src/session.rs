//! One transaction on one connection, and the rule that an unsettled one is never committed.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use tokio::time::timeout;
use uuid::Uuid;

use crate::StoreError;
use crate::pool::{Checkout, Pool};

/// How long PostgreSQL may take to begin or to end a transaction.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A transaction that is open until [`commit`](Self::commit) or [`rollback`](Self::rollback);
/// dropping it closes the connection.
///
/// Every statement goes through [`statement`](Self::statement) and [`settle`](Self::settle). Between
/// the two the session is unsettled; if the statement fails or its future is dropped, it stays
/// so, and `commit` refuses. PostgreSQL alone would answer such a COMMIT with a polite ROLLBACK.
#[derive(Debug)]
pub(crate) struct Session {
    checkout: Checkout,
    unsettled: bool,
}

impl Session {
    /// Opens a transaction for one tenant, in one round trip.
    pub(crate) async fn for_tenant(pool: &Arc<Pool>, tenant: Uuid) -> Result<Self, StoreError> {
        // A typed id in a simple query: SET takes no parameters, and SET LOCAL (unlike set_config) is
        // passed on by a distributed PostgreSQL.
        Self::begin(pool, tenant, &format!("begin; set local chancery.tenant = '{tenant}'")).await
    }

    /// Opens a transaction that names no tenant. All of these share as if they were one: whoever asks for names
    /// that nobody has keeps no tenant waiting.
    pub(crate) async fn for_platform(pool: &Arc<Pool>) -> Result<Self, StoreError> {
        Self::begin(pool, Uuid::nil(), "begin").await
    }

    async fn begin(pool: &Arc<Pool>, whose: Uuid, opening: &str) -> Result<Self, StoreError> {
        loop {
            let mut checkout = pool.check_out(whose).await?;
            checkout.count_round_trip();
            // Nothing has happened yet in this transaction, so trying again is safe. Each turn takes one
            // kept connection out of the pool, hence the end.
            match within(raw_sql(AssertSqlSafe(opening)).execute(checkout.connection())).await {
                Ok(_) => {
                    checkout.count_transaction();
                    return Ok(Self { checkout, unsettled: false });
                }
                Err(_) if checkout.used_before() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on as another tenant's, in the same transaction: what the two are told is told together or not at all.
    pub(crate) async fn turn_to(&mut self, tenant: Uuid) -> Result<(), StoreError> {
        let turn = format!("set local chancery.tenant = '{tenant}'");
        let done = raw_sql(AssertSqlSafe(turn)).execute(self.statement()).await;
        self.settle(done).map(drop)
    }

    /// The connection, for one statement whose result goes to [`settle`](Self::settle).
    pub(crate) fn statement(&mut self) -> &mut PgConnection {
        self.unsettled = true;
        self.checkout.count_round_trip();
        self.checkout.connection()
    }

    /// Takes the result of a statement.
    pub(crate) fn settle<T>(&mut self, result: sqlx::Result<T>) -> Result<T, StoreError> {
        let value = result?;
        self.unsettled = false;
        Ok(value)
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        if self.unsettled {
            return Err(StoreError::Aborted);
        }
        self.checkout.count_round_trip();
        within(raw_sql("commit").execute(self.checkout.connection())).await?;
        self.checkout.put_back();
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), StoreError> {
        self.checkout.count_round_trip();
        within(raw_sql("rollback").execute(self.checkout.connection())).await?;
        self.checkout.put_back();
        Ok(())
    }
}

/// Gives up on an answer that does not come: the server limits its statements itself, but not a network
/// that swallows them.
async fn within<T>(answer: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::unavailable("the database does not answer")),
    }
}
