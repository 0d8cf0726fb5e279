//! The x5c chain: the operator's, one that an authority made for the tenant, one of the tenant's own authority, or one of
//! a development authority that is made once and kept.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chancery_credential::jose::Jwk;
use chancery_credential::x509::{CertificateChain, DevelopmentCa, OwnAuthority};
use chancery_domain::{Clock, Random};
use time::{Duration, OffsetDateTime};

use super::LoadError;
use crate::config::Config;
use crate::startup::StartError;

/// How long a certificate of ours is good for; it is renewed whenever the tenant is loaded.
const LEAF_LIFETIME: Duration = Duration::days(397);

/// Where chains come from.
pub(crate) enum Certificates {
    /// `ISSUER_CERTIFICATE_FILE`, of the one self-hosted issuer: PEM, leaf first.
    Operator(String),
    /// `chancery dev`: every tenant gets a leaf.
    Development(Box<DevelopmentCa>),
    /// Verifiers have `jwt-vc-issuer` and `did.json`, unless a tenant brings a chain.
    None,
}

impl Certificates {
    /// What the configuration provides for.
    pub(crate) fn of(config: &Config, clock: &dyn Clock, random: &dyn Random) -> Result<Self, StartError> {
        if let Some(pem) = config.self_hosted().and_then(|issuer| issuer.certificate.clone()) {
            return Ok(Self::Operator(pem));
        }
        if !config.development {
            tracing::info!("credentials carry x5c where tenants chose who vouches for their keys");
            return Ok(Self::None);
        }
        let authority = development_authority(&config.data.join("development-ca.pem"), clock, random)?;
        let public_path = config.data.join("development-ca.crt");
        fs::write(&public_path, authority.certificate_pem())
            .map_err(|source| StartError::File { path: public_path.clone(), source })?;
        Ok(Self::Development(Box::new(authority)))
    }

    /// Whether a tenant may say who vouches for its keys; otherwise its operator did.
    pub(crate) fn may_be_chosen(&self) -> bool {
        !matches!(self, Self::Operator(_))
    }

    /// The chain of a key under an issuer identifier. One that has expired is one: nothing is issued under it, and
    /// status lists are signed on.
    pub(super) fn chain(
        &self,
        public: &Jwk,
        vouched: &Vouched<'_>,
        identifier: &str,
        now: OffsetDateTime,
    ) -> Result<Option<CertificateChain>, LoadError> {
        let unusable = |error: &dyn std::fmt::Display| LoadError::Certificate(error.to_string());
        let until = now + LEAF_LIFETIME;
        match (self, vouched) {
            (Self::Operator(pem), _) => {
                let chain = CertificateChain::from_pem(pem, public)
                    .map_err(|error| unusable(&format_args!("{error} (ISSUER_CERTIFICATE_FILE)")))?;
                if !chain.names(identifier) {
                    tracing::warn!("the certificate does not name the issuer; some verifiers will refuse it");
                }
                if !chain.may_sign_documents() {
                    tracing::warn!("the certificate is not for mobile documents; none are offered");
                }
                Ok(Some(chain))
            }
            (_, Vouched::Outside(pem)) => {
                CertificateChain::from_pem(pem, public).map(Some).map_err(|error| unusable(&error))
            }
            (_, Vouched::Own(authority)) => {
                let leaf = authority.issue_leaf(public, identifier, now);
                leaf.map(Some).map_err(|error| unusable(&error))
            }
            (Self::Development(authority), Vouched::Nobody) => {
                let leaf = authority.issue_leaf(public, identifier, now, until);
                leaf.map(Some).map_err(|error| unusable(&error))
            }
            (Self::None, Vouched::Nobody) => Ok(None),
        }
    }
}

/// Who vouches for a tenant's signing key, as the tenant chose.
pub(super) enum Vouched<'a> {
    /// An authority outside, by this chain in PEM.
    Outside(&'a str),
    /// The tenant itself.
    Own(Box<OwnAuthority<'a>>),
    /// Whoever the deployment has.
    Nobody,
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
