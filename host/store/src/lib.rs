//! Tenant transactions and every SQL statement.
