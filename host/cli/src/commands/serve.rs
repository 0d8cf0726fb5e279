//! `chancery serve` and `chancery migrate`: what the environment describes.

use chancery_server::Server;
use chancery_server::config::Config;

use super::stop::StopSignals;
use crate::failure::Failure;

/// Serves until told to stop.
pub(super) async fn serve() -> Result<(), Failure> {
    let mut signals = StopSignals::catch()?;
    let config = Config::from_environment()?;
    let Some(server) = start(&config, &mut signals).await? else { return Ok(()) };
    tracing::info!(url = server.public_url(), "serving");
    server.run_until(signals.first()).await;
    Ok(())
}

/// Starts a host; none if it was told to stop meanwhile.
pub(super) async fn start(config: &Config, signals: &mut StopSignals) -> Result<Option<Server>, Failure> {
    tokio::select! {
        started = Server::start(config) => Ok(Some(started?)),
        () = signals.next() => Ok(None),
    }
}

/// Brings the database to the newest schema.
pub(super) async fn migrate() -> Result<(), Failure> {
    chancery_server::migrate(&Config::from_environment()?).await?;
    crate::output::talk("the database has the newest schema");
    Ok(())
}
