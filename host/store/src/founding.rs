//! What a database says of its founding, to be read before anything is written to it.

use sqlx::{Connection as _, PgConnection, query_scalar};

use crate::{Store, StoreError};

impl Store {
    /// The key check value that the deployment was founded with; none if it was not founded yet.
    ///
    /// To be compared before [`Store::migrate`], which sets the passwords of the serving roles: those of
    /// another key would lock out every host that runs on this database.
    pub async fn founding_key(admin_url: &str) -> Result<Option<[u8; 16]>, StoreError> {
        let mut admin = PgConnection::connect(admin_url).await?;
        let key = query_scalar!("select key_check from chancery.deployment").fetch_optional(&mut admin).await;
        admin.close().await?;
        match key {
            Ok(key) => key
                .map(|key| key.try_into().map_err(|_| StoreError::corrupt("deployment", "key_check")))
                .transpose(),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Neither the schema nor the table was made yet.
fn is_missing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P01" | "3F000"))
}
