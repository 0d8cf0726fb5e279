//! Connections to PostgreSQL, of which only settled ones are used twice.
//!
//! sqlx's own pool returns a connection when it is dropped, in whatever state it is, and repairs it
//! afterwards. A `begin` that is cancelled at the wrong moment then leaves an open transaction in the
//! pool (launchbadge/sqlx#4393), and the next borrower's writes are acknowledged and lost. Here
//! the default is the other way round: a [`Checkout`] that is dropped closes its socket, at which
//! PostgreSQL rolls back; only [`Checkout::put_back`], called after a confirmed COMMIT or ROLLBACK,
//! makes the connection available again. It also spares the two round trips that the other pool
//! spends on asking whether the connection still lives: a BEGIN that fails on a kept connection is
//! simply sent again on another.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::StoreError;
use crate::shares::{Place, Shares};

/// How long to wait for a free connection before the caller is told to come back later.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a new connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait before trying again where too many are connecting.
const QUEUE_FOR: Duration = Duration::from_millis(20);
/// Connections that nobody needed for so long are closed.
const IDLE_FOR: Duration = Duration::from_mins(10);
/// Connections are renewed now and then: a backend's caches only ever grow.
const LIVE_FOR: Duration = Duration::from_hours(1);

/// At most so many connections as one role.
#[derive(Debug)]
pub(crate) struct Pool {
    /// How to connect; more than one way while the passwords of the roles change.
    ways: Vec<PgConnectOptions>,
    kept: Mutex<Vec<Kept>>,
    permits: Arc<Semaphore>,
    shares: Arc<Shares>,
    round_trips: AtomicU64,
    transactions: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

/// How much the database was asked, since the start. What issuance costs is mostly this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Transactions that were opened.
    pub transactions: u64,
    /// Requests that were answered or failed; preparing a statement on a new connection is not counted.
    pub round_trips: u64,
}

/// One connection, out of the pool. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Checkout {
    connection: PgConnection,
    opened: Instant,
    used_before: bool,
    pool: Arc<Pool>,
    held: Held,
}

/// What whoever has a connection holds; given back in this order.
#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

impl Pool {
    /// At most `most` connections, and at most `share` of them for one tenant.
    pub(crate) fn new(ways: Vec<PgConnectOptions>, most: u32, share: u32) -> Arc<Self> {
        Arc::new(Self {
            ways: ways.into_iter().map(PgConnectOptions::disable_statement_logging).collect(),
            kept: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(most.max(1) as usize)),
            shares: Shares::new(share),
            round_trips: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
        })
    }

    pub(crate) fn ways(&self) -> &[PgConnectOptions] {
        &self.ways
    }

    /// A connection in which no transaction is open, out of the share of `whose`.
    pub(crate) async fn check_out(self: &Arc<Self>, whose: Uuid) -> Result<Checkout, StoreError> {
        let place = self.shares.take_turn(whose).await?;
        let permit = timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::unavailable("all connections are in use"))?
            .map_err(|_| StoreError::unavailable("the store is closed"))?;
        let held = Held { _permit: permit, _place: place };
        if let Some(Kept { connection, opened, .. }) = self.take_kept() {
            let pool = Arc::clone(self);
            return Ok(Checkout { connection, opened, used_before: true, pool, held });
        }
        let connection = timeout(CONNECT_WITHIN, self.connect())
            .await
            .map_err(|_| StoreError::unavailable("the database did not answer in time"))??;
        Ok(Checkout { connection, opened: Instant::now(), used_before: false, pool: Arc::clone(self), held })
    }

    /// Opens a connection, in the first way in which the door opens.
    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut refused = None;
        for way in &self.ways {
            match Self::connect_by(way).await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_wrong_password(&error) => refused = Some(error),
                Err(error) => return Err(unavailable_while_connecting(error)),
            }
        }
        Err(refused
            .map_or(StoreError::unavailable("there is no way to connect"), unavailable_while_connecting))
    }

    /// Waits while there is a queue at the door.
    async fn connect_by(way: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
        loop {
            match PgConnection::connect_with(way).await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_crowded(&error) => sleep(QUEUE_FOR).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// No new connections; those that are out close when their transaction ends.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.kept.lock().clear();
    }

    /// The connection that was used last, so that the others grow old and go.
    fn take_kept(&self) -> Option<Kept> {
        let mut kept = self.kept.lock();
        kept.retain(|kept| kept.since.elapsed() < IDLE_FOR && kept.opened.elapsed() < LIVE_FOR);
        kept.pop()
    }

    /// What the pool's connections did so far.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            transactions: self.transactions.load(Ordering::Relaxed),
            round_trips: self.round_trips.load(Ordering::Relaxed),
        }
    }
}

impl Checkout {
    /// Counts one round trip to the database.
    pub(crate) fn count_round_trip(&self) {
        self.pool.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a transaction that was opened.
    pub(crate) fn count_transaction(&self) {
        self.pool.transactions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Whether the connection was opened for an earlier transaction, and so may have died since.
    pub(crate) fn used_before(&self) -> bool {
        self.used_before
    }

    /// Makes the connection available again. Only for the moment after a confirmed COMMIT or ROLLBACK.
    pub(crate) fn put_back(self) {
        let Self { connection, opened, pool, held: _held, .. } = self;
        if pool.permits.is_closed() {
            return;
        }
        pool.kept.lock().push(Kept { connection, opened, since: Instant::now() });
    }
}

/// Whether too many are connecting, or were connected a moment ago: the backlog of a Unix socket is full,
/// or PostgreSQL has not yet noticed that others hung up.
fn is_crowded(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == ErrorKind::WouldBlock,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("53300"),
        _ => false,
    }
}

/// Not, or not any more, the password of the role.
pub(crate) fn is_wrong_password(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("28P01")
}

/// While connecting, everything but a wrong password or name is a passing trouble.
fn unavailable_while_connecting(error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Driver(error) => StoreError::Configuration(error.to_string()),
        other => other,
    }
}
