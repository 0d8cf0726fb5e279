//! What can go wrong between us and PostgreSQL.

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// What can go wrong between us and PostgreSQL. The text completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded or out of room: try again later.
    #[error("reach the database")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tenant uses its share of the connections, and too many wait for them: try again later.
    #[error("find a connection among those of the tenant")]
    Crowded,
    /// A constraint refused the statement; the name is the constraint's.
    #[error("keep the constraint {0}")]
    Conflict(String),
    /// A stored value is none that we ever write.
    #[error("understand column {column} of table {table}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// An earlier statement of the transaction failed, was refused or was cancelled.
    #[error("commit, because an earlier statement of the transaction did not complete")]
    Aborted,
    /// A serving role could bypass row-level security, or could come to.
    #[error("serve as role {role}, which {why}")]
    UnsafeRole {
        /// The role of the connection.
        role: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The database has not been migrated to the version this program needs.
    #[error("serve from a database at schema version {found}, this program needs {needed}")]
    Unmigrated {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration that the program knows.
        needed: i64,
    },
    /// A setting of the connection is not usable.
    #[error("use the database URL: {0}")]
    Configuration(String),
    /// The migration did not succeed.
    #[error("migrate the database")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else that PostgreSQL or its driver reports: a mistake of ours.
    #[error("execute a statement")]
    Driver(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether the statement ran into the named constraint.
    pub fn is_conflict_on(&self, constraint: &str) -> bool {
        matches!(self, Self::Conflict(name) if name == constraint)
    }

    pub(crate) fn corrupt(table: &'static str, column: &'static str) -> Self {
        Self::Corrupt { table, column }
    }

    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable(reason.into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Self::Unavailable(Box::new(error))
            }
            sqlx::Error::Configuration(reason) => Self::Configuration(reason.to_string()),
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::Other => Self::from_code(error),
                _ => Self::Conflict(constraint_of(database.as_ref())),
            },
            _ => Self::Driver(Box::new(error)),
        }
    }
}

impl StoreError {
    /// Sorts the errors that are no constraint's by SQLSTATE (PostgreSQL, appendix A).
    fn from_code(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
        match code.as_ref() {
            // Deadlock or serialization failure; lock, statement or idle time-out; shut down.
            "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => {
                Self::Unavailable(Box::new(error))
            }
            // Connection exceptions and insufficient resources (a full disk, too many connections).
            code if code.starts_with("08") || code.starts_with("53") => Self::Unavailable(Box::new(error)),
            _ => Self::Driver(Box::new(error)),
        }
    }
}

/// A column that must not be null has no constraint name before PostgreSQL 18.
fn constraint_of(error: &dyn DatabaseError) -> String {
    let of_column = || {
        let error = error.try_downcast_ref::<PgDatabaseError>()?;
        Some(format!("{}_{}_not_null", error.table()?, error.column()?))
    };
    error.constraint().map(str::to_owned).or_else(of_column).unwrap_or_default()
}
