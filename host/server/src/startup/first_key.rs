//! The first API key: somebody must be able to make the others.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use chancery_domain::audit::Author;
use chancery_domain::scope::Scope;

use super::StartError;
use crate::app::App;
use crate::config::Config;
use crate::issuer::Issuer;
use crate::manage::api_keys::create_api_key;

/// The file in the data directory that holds it, for its owner alone.
const FILE: &str = "first-api-key";

/// Makes a key that may do everything, if the issuer has none, and puts it in a file rather than in a log.
pub(super) async fn ensure_first_api_key(
    app: &App,
    issuer: &Issuer,
    config: &Config,
) -> Result<(), StartError> {
    let mut tx = app.tenant(issuer).await?;
    let keys = tx.api_keys().await?;
    tx.commit().await?;
    if !keys.is_empty() {
        return Ok(());
    }
    let path = config.data.join(FILE);
    let file = |source| StartError::File { path: path.clone(), source };
    fs::create_dir_all(&config.data).map_err(file)?;
    // Opened before the key is made: a key that nobody can read would lock everybody out.
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(file)?;
    let (_, secret) =
        create_api_key(app, issuer, Author::HOST, "first key".to_owned(), vec![Scope::Owner]).await?;
    writeln!(out, "{}", secret.as_str()).and_then(|()| out.sync_all()).map_err(file)?;
    tracing::info!(path = %path.display(), "made the first API key; take it from the file, then delete the file");
    Ok(())
}
