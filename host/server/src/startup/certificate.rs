//! The x5c chain: the operator's, or one of a development authority that is made once and kept.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chancery_credential::jose::Jwk;
use chancery_credential::x509::{CertificateChain, DevelopmentCa};
use chancery_domain::{Clock, Random};
use time::Duration;

use super::StartError;
use crate::config::Config;
use crate::serve::identifier_of;

/// How long a development certificate is good for; it is renewed at every start.
const DEVELOPMENT_LIFETIME: Duration = Duration::days(397);

pub(super) fn chain(
    config: &Config,
    public: &Jwk,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Option<CertificateChain>, StartError> {
    let now = clock.now();
    if let Some(pem) = &config.issuer.certificate {
        let chain = CertificateChain::from_pem(pem, public)
            .map_err(|error| StartError::Certificate(format!("{error} (ISSUER_CERTIFICATE_FILE)")))?;
        if chain.expires_at() <= now {
            return Err(StartError::Certificate("it has expired (ISSUER_CERTIFICATE_FILE)".to_owned()));
        }
        if !chain.names(&identifier_of(&config.public_url)) {
            tracing::warn!("the certificate does not name the issuer; some verifiers will refuse it");
        }
        return Ok(Some(chain));
    }
    if !config.development {
        tracing::warn!(
            "no ISSUER_CERTIFICATE_FILE: credentials carry no x5c, verifiers need jwt-vc-issuer or did.json"
        );
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| StartError::Certificate(error.to_string());
    let authority = development_authority(&config.data.join("development-ca.pem"), clock, random)?;
    let public_path = config.data.join("development-ca.crt");
    fs::write(&public_path, authority.certificate_pem())
        .map_err(|source| StartError::File { path: public_path.clone(), source })?;
    let leaf = authority
        .issue_leaf(public, &identifier_of(&config.public_url), now, now + DEVELOPMENT_LIFETIME)
        .map_err(|error| failed(&error))?;
    Ok(Some(leaf))
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
