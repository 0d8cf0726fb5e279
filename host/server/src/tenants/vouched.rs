//! Who vouches for a tenant's signing key: an authority outside, whose chain the tenant keeps with the key, or the
//! tenant's own, whose certificate is kept with the key that it signs with.

use chancery_credential::keys::{Algorithm, KeyUse, SigningKey, TenantKeys};
use chancery_credential::x509::OwnAuthority;
use chancery_domain::settings::Settings;
use chancery_store::{SigningKeyName, StoredKey, TenantTx};
use time::OffsetDateTime;

use super::certificates::Vouched;
use super::keys::{PrivateKeys, active_key, first_key};
use super::load::LoadError;

/// What an authority signs with, whatever the keys are that it certifies.
const ALGORITHM: Algorithm = Algorithm::Es256;

/// A key that certifies, and its certificate in PEM.
pub(super) struct Authority<'a> {
    key: SigningKey,
    pub(super) certificate: &'a str,
}

impl PrivateKeys<'_> {
    /// The tenant's own authority, if it is to have one.
    pub(super) fn authority<'a>(
        &self,
        stored: &'a [StoredKey],
        settings: &Settings,
    ) -> Result<Option<Authority<'a>>, LoadError> {
        let active = active_key(stored, KeyUse::Authority).filter(|_| settings.certifies_itself());
        let Some(certificate) = active.and_then(|key| key.certificate.as_deref()) else { return Ok(None) };
        let (key, _) = self.signing_key(stored, KeyUse::Authority)?;
        Ok(Some(Authority { key, certificate }))
    }
}

/// Who vouches for the key that signs credentials. What an authority outside said of this very key counts most.
pub(super) fn vouched<'a>(
    stored: &'a [StoredKey],
    own: Option<&'a Authority<'a>>,
) -> Result<Vouched<'a>, LoadError> {
    let outside = active_key(stored, KeyUse::Credential).and_then(|key| key.certificate.as_deref());
    Ok(match (outside, own) {
        (Some(chain), _) => Vouched::Outside(chain),
        (None, Some(own)) => {
            let authority = OwnAuthority::of(own.certificate, &own.key);
            Vouched::Own(Box::new(authority.map_err(|error| LoadError::Certificate(error.to_string()))?))
        }
        (None, None) => Vouched::Nobody,
    })
}

/// Makes the tenant an authority of its own, unless it is one.
pub(super) async fn found_authority(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    stored: &mut Vec<StoredKey>,
    called: &str,
    now: OffsetDateTime,
) -> Result<(), LoadError> {
    let unusable = |error| LoadError::Certificate(format!("{error}"));
    let found = |key: &SigningKey| OwnAuthority::found(key, called, now).map_err(unusable);
    let of_use = KeyUse::Authority.as_str();
    let Some(active) = stored.iter_mut().find(|key| key.key_use == of_use && key.is_active()) else {
        let certificate = found(&keys.signing_key(KeyUse::Authority, ALGORITHM, 1))?;
        let key = StoredKey {
            certificate: Some(certificate),
            ..first_key(keys, KeyUse::Authority, ALGORITHM, now)
        };
        // Another replica may have been faster; its certificate counts, and is read next time.
        if tx.add_signing_key(&key).await? {
            stored.push(key);
        }
        return Ok(());
    };
    // The tenant was moved to new keys.
    if active.certificate.is_none() {
        let certificate = found(&keys.signing_key(KeyUse::Authority, ALGORITHM, active.version))?;
        let name = SigningKeyName {
            key_use: of_use.to_owned(),
            algorithm: active.algorithm.clone(),
            version: active.version,
        };
        tx.certify_key(&name, Some(&certificate)).await?;
        active.certificate = Some(certificate);
    }
    Ok(())
}
