//! A private PostgreSQL.

/// A private PostgreSQL.
#[derive(Debug)]
pub struct Cluster;
