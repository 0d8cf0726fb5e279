//! `chancery doctor`: looks at everything that a start needs and says how to mend it.

use chancery_credential::keys::SigningKey;
use chancery_store::History;

use super::{StartError, database, keys};
use crate::config::{Config, Database, Mode};
use crate::witness::Witness;

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// How it is.
    pub outcome: Outcome,
}

/// How a thing is.
#[derive(Debug)]
pub enum Outcome {
    /// Fine; what was found.
    Ok(String),
    /// It works, but not as it should.
    Warn {
        /// What was found.
        found: String,
        /// How to mend it.
        fix: String,
    },
    /// The host would not start.
    Fail {
        /// What was found.
        found: String,
        /// How to mend it.
        fix: String,
    },
}

fn fail(found: impl std::fmt::Display, fix: &str) -> Outcome {
    Outcome::Fail { found: found.to_string(), fix: fix.to_owned() }
}

fn warn(found: impl std::fmt::Display, fix: &str) -> Outcome {
    Outcome::Warn { found: found.to_string(), fix: fix.to_owned() }
}

/// Looks at everything; an embedded cluster is started and stopped for it, and nothing is written but migrations.
pub async fn doctor(config: &Config) -> Vec<Check> {
    vec![
        Check { name: "signing key", outcome: signing_key(config) },
        Check { name: "public URL", outcome: public_url(config) },
        Check { name: "certificate", outcome: certificate(config) },
        Check { name: "plugins", outcome: plugins(config) },
        Check { name: "port", outcome: port(config) },
        Check { name: "database", outcome: database(config).await },
    ]
}

fn signing_key(config: &Config) -> Outcome {
    let issuer = match &config.mode {
        Mode::SelfHosted(issuer) => issuer,
        Mode::Saas(_) => return Outcome::Ok("every tenant's derives from the master key".to_owned()),
    };
    match SigningKey::new(issuer.algorithm, &issuer.signing_key) {
        Ok(key) => Outcome::Ok(format!("{} {}", key.algorithm().as_str(), key.key_id())),
        Err(error) => fail(error, "set ISSUER_SIGNING_KEY to another 32 random bytes"),
    }
}

fn public_url(config: &Config) -> Outcome {
    let is_loopback = match config.public_url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_loopback {
        return warn(
            format!("{} is reachable from this machine only", config.public_url),
            "set CHANCERY_PUBLIC_URL to a URL that a phone can reach; `chancery wallet claim` works meanwhile",
        );
    }
    Outcome::Ok(config.public_url.to_string())
}

fn certificate(config: &Config) -> Outcome {
    let supplied = config.self_hosted().and_then(|issuer| issuer.certificate.as_ref());
    match (supplied, config.development) {
        (Some(_), _) => Outcome::Ok("supplied by the operator".to_owned()),
        (None, true) => Outcome::Ok("from the development authority in the data directory".to_owned()),
        (None, false) => warn(
            "none: credentials carry no x5c unless tenants choose who vouches for their keys, and under the profile haip \
             nothing is issued without",
            "set ISSUER_CERTIFICATE_FILE to a PEM chain, leaf first, or see `chancery key request`",
        ),
    }
}

fn plugins(config: &Config) -> Outcome {
    let fix =
        "set CHANCERY_PLUGINS to a folder of components (`cargo xtask plugins` builds the bundled ones)";
    let entries = match std::fs::read_dir(&config.plugins) {
        Ok(entries) => entries,
        Err(error) => return fail(format!("{}: {error}", config.plugins.display()), fix),
    };
    let is_component = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".wasm");
    match entries.flatten().filter(is_component).count() {
        0 => fail(format!("{} holds no component", config.plugins.display()), fix),
        count => Outcome::Ok(format!("{count} in {}", config.plugins.display())),
    }
}

fn port(config: &Config) -> Outcome {
    match std::net::TcpListener::bind(config.listen) {
        Ok(_) => Outcome::Ok(format!("{} is free", config.listen)),
        Err(error) => {
            warn(format!("{}: {error}", config.listen), "stop what runs there, or choose another address")
        }
    }
}

/// Whether the database is as late as what this host saw of it, and what came of it when it was not.
fn went_back(config: &Config, moved: bool, here: &History) -> Outcome {
    let seen = Witness::open(&config.data).ok().and_then(|witness| witness.seen());
    if moved || seen.as_ref().is_some_and(|seen| seen.is_ahead_of(here)) {
        return warn(
            "the database was put back to before what was last seen of it, or a standby took over",
            "keep this data directory: the next start ends open offers, begins new status lists and revokes what \
             the published ones say is revoked",
        );
    }
    match seen {
        Some(seen) if !seen.left.is_empty() => warn(
            format!(
                "after the last restore, these revocations could not be put back: {}",
                seen.left.join("; ")
            ),
            "look at what those lists said, in `status-lists` in the data directory, and revoke it again",
        ),
        _ => Outcome::Ok("migrated, the key fits".to_owned()),
    }
}

async fn database(config: &Config) -> Outcome {
    let kind = match config.database {
        Database::Embedded { .. } => "embedded PostgreSQL",
        Database::Server { .. } => "PostgreSQL server",
    };
    let looked = async {
        let keyring = keys::keyring(config)?;
        let opened = database::open(config, &keyring).await?;
        let mut tx = opened.store.platform(chancery_store::By::Job("doctor")).await?;
        let (deployment, here) = (tx.deployment().await?, tx.history().await?);
        tx.commit().await?;
        opened.store.close();
        if let Some(cluster) = opened.cluster {
            cluster.stop().await;
        }
        match deployment {
            Some(deployment) if keyring.sealing_under(deployment.key_check).is_none() => {
                Err(StartError::WrongKey)
            }
            Some(deployment) => Ok(went_back(config, deployment.restored, &here)),
            None => Ok(Outcome::Ok("migrated, no issuer yet".to_owned())),
        }
    };
    match looked.await {
        Ok(Outcome::Ok(state)) => Outcome::Ok(format!("{kind}: {state}")),
        Ok(outcome) => outcome,
        Err(error) => {
            fail(error, "mend what the message names; `DATABASE_URL` unset means an embedded PostgreSQL")
        }
    }
}
