//! The x5c chain: the operator's, or one of a development authority that is made once and kept.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chancery_credential::jose::Jwk;
use chancery_credential::x509::{CertificateChain, DevelopmentCa};
use chancery_domain::{Clock, Random};
use time::{Duration, OffsetDateTime};

use super::LoadError;
use crate::config::Config;
use crate::startup::StartError;

/// How long a development certificate is good for; it is renewed whenever the tenant is loaded.
const DEVELOPMENT_LIFETIME: Duration = Duration::days(397);

/// Where chains come from.
pub(crate) enum Certificates {
    /// `ISSUER_CERTIFICATE_FILE`, of the one self-hosted issuer: PEM, leaf first.
    Operator(String),
    /// `chancery dev`: every tenant gets a leaf.
    Development(Box<DevelopmentCa>),
    /// Verifiers have `jwt-vc-issuer` and `did.json`.
    None,
}

impl Certificates {
    /// What the configuration provides for.
    pub(crate) fn of(config: &Config, clock: &dyn Clock, random: &dyn Random) -> Result<Self, StartError> {
        if let Some(pem) = config.self_hosted().and_then(|issuer| issuer.certificate.clone()) {
            return Ok(Self::Operator(pem));
        }
        if !config.development {
            tracing::warn!("credentials carry no x5c: verifiers need jwt-vc-issuer or did.json");
            return Ok(Self::None);
        }
        let authority = development_authority(&config.data.join("development-ca.pem"), clock, random)?;
        let public_path = config.data.join("development-ca.crt");
        fs::write(&public_path, authority.certificate_pem())
            .map_err(|source| StartError::File { path: public_path.clone(), source })?;
        Ok(Self::Development(Box::new(authority)))
    }

    /// The chain of a key under an issuer identifier.
    pub(super) fn chain(
        &self,
        public: &Jwk,
        identifier: &str,
        now: OffsetDateTime,
    ) -> Result<Option<CertificateChain>, LoadError> {
        let unusable = |error: &dyn std::fmt::Display| LoadError::Certificate(error.to_string());
        match self {
            Self::None => Ok(None),
            Self::Operator(pem) => {
                let chain = CertificateChain::from_pem(pem, public)
                    .map_err(|error| unusable(&format_args!("{error} (ISSUER_CERTIFICATE_FILE)")))?;
                if chain.expires_at() <= now {
                    return Err(LoadError::Certificate(
                        "it has expired (ISSUER_CERTIFICATE_FILE)".to_owned(),
                    ));
                }
                if !chain.names(identifier) {
                    tracing::warn!("the certificate does not name the issuer; some verifiers will refuse it");
                }
                Ok(Some(chain))
            }
            Self::Development(authority) => authority
                .issue_leaf(public, identifier, now, now + DEVELOPMENT_LIFETIME)
                .map(Some)
                .map_err(|error| unusable(&error)),
        }
    }
}
/// The authority of this data directory; wallets under development may come to trust it.
fn development_authority(
    path: &Path,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<DevelopmentCa, StartError> {
    let file = |source| StartError::File { path: path.to_owned(), source };
    let unusable =
        |error: &dyn std::fmt::Display| StartError::Certificate(format!("{}: {error}", path.display()));
    match fs::read_to_string(path) {
        Ok(pem) => return DevelopmentCa::from_pem(&pem).map_err(|error| unusable(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(file(error)),
    }
    let authority = DevelopmentCa::generate(clock.now(), random).map_err(|error| unusable(&error))?;
    let pem = authority.to_pem().map_err(|error| unusable(&error))?;
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file)?;
    out.write_all(pem.as_bytes()).and_then(|()| out.sync_all()).map_err(file)?;
    Ok(authority)
}
