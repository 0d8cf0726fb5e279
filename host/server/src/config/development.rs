//! `chancery dev`: nothing needs to be set. Keys are made once and kept in the data directory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chancery_credential::{Master, SystemRandom};
use chancery_domain::random_bytes;
use zeroize::Zeroizing;

use super::environment::{self, Environment};
use super::{Config, ConfigError, Mode, Saas, SelfHosted, key_from_hex, plugins_beside_the_program};

/// What `chancery dev` is told on the command line.
#[derive(Debug, Clone)]
pub struct DevOptions {
    /// Where to listen on the loopback interface; 0 takes any free port.
    pub port: u16,
    /// The data directory; made if it is not there.
    pub data: PathBuf,
    /// Many tenants; so does `SAAS_MODE=true`.
    pub saas: bool,
}

pub(super) fn read(options: DevOptions, environment: Environment<'_>) -> Result<Config, ConfigError> {
    let DevOptions { port, data, saas } = options;
    let saas = saas || environment::is_saas(environment)?;
    make_private_folder(&data)?;
    let port = if port == 0 { free_port(&data)? } else { port };
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let public_url = variable("CHANCERY_PUBLIC_URL").unwrap_or_else(|| format!("http://127.0.0.1:{port}"));
    let public_url = environment::public_url_of(&public_url)?;
    let algorithm = environment::algorithm(environment)?;
    let mode = if saas {
        environment::saas_url(&public_url)?;
        let master = match environment::master(environment)? {
            Some(master) => master,
            None => kept_master(&data.join("master.key"))?,
        };
        // A name that browsers and resolvers take for this machine (RFC 6761 §6.3).
        let platform_base = environment::platform_base(environment)?.or_else(|| Some("localhost".to_owned()));
        let previous_master = environment::previous_master(environment)?;
        Mode::Saas(Saas { master, previous_master, platform_base, algorithm })
    } else {
        Mode::SelfHosted(SelfHosted {
            name: variable("ISSUER_NAME").unwrap_or_else(|| "Chancery demo".to_owned()),
            slug: "demo".to_owned(),
            signing_key: kept_key(&data.join("signing.key"))?,
            algorithm,
            master: environment::master(environment)?,
            previous_master: environment::previous_master(environment)?,
            did: environment::did(environment)?,
            certificate: environment::certificate(environment)?,
        })
    };
    Ok(Config {
        listen: ([127, 0, 0, 1], port).into(),
        ops_listen: None,
        public_url,
        plugins_apart: environment::plugins_apart(environment)?,
        plugin_memory: environment::plugin_memory(environment)?,
        plugins: variable("CHANCERY_PLUGINS").map_or_else(plugins_beside_the_program, PathBuf::from),
        database: environment::database(environment)?,
        dns: environment::address(environment, "CHANCERY_DNS")?,
        // Only here may it be this machine itself.
        egress_allow: environment::networks(
            environment,
            "CHANCERY_EGRESS_ALLOW",
            "it would allow every address",
        )?,
        tenant_rate: environment::tenant_rate(environment)?,
        trusted_proxies: environment::trusted_proxies(environment)?,
        mode,
        data,
        development: true,
    })
}

/// The URL must be known before anything listens, so the port is found first.
fn free_port(data: &Path) -> Result<u16, ConfigError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| ConfigError::File { path: data.to_owned(), source })
}

fn make_private_folder(path: &Path) -> Result<(), ConfigError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// The master that is made at the first start.
fn kept_master(path: &Path) -> Result<Master, ConfigError> {
    let key = kept_key(path)?;
    Master::from_hex(&hex::encode(*key)).map_err(|error| ConfigError::unusable("ISSUER_MASTER_KEY", error))
}

/// A key that is made at the first start and read ever after.
fn kept_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let failed = |source| ConfigError::File { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) => return key_from_hex("the key in the data directory", &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let key = Zeroizing::new(random_bytes::<32>(&SystemRandom));
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", hex::encode(*key)).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(key)
}
