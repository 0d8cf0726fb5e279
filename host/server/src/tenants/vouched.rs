//! Who vouches for a tenant's signing key: an authority outside, whose chain the tenant keeps with the key, or the
//! tenant's own, whose certificate is kept with the key that it signs with.

use chancery_credential::jose::Jwk;
use chancery_credential::keys::{Algorithm, KeyUse, SigningKey, TenantKeys};
use chancery_credential::x509::{Founder, OwnAuthority, Withdrawn, country_of};
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

/// What the authority says of the certificates that it withdrew, if anybody is told where to ask; under every one of
/// these identifiers of the tenant.
pub(super) fn revocation_list(
    stored: &[StoredKey],
    own: Option<&Authority<'_>>,
    identifiers: &[&str],
    now: OffsetDateTime,
) -> Result<Option<Vec<u8>>, LoadError> {
    let Some(own) = own else { return Ok(None) };
    let unusable = |error| LoadError::Certificate(format!("{error}"));
    let keys: Vec<_> = stored.iter().filter(|key| key.key_use == KeyUse::Credential.as_str()).collect();
    let given_up: Vec<(&StoredKey, Jwk)> = keys
        .iter()
        .filter(|key| key.compromised)
        .filter_map(|key| Some((*key, Jwk::parse(&key.public_jwk).ok()?)))
        .collect();
    // Another key stepped in when it was given up, and that is when.
    let successor = |given_up: &StoredKey| {
        let later = keys.iter().filter(|key| key.version > given_up.version);
        later.min_by_key(|key| key.version).and_then(|key| key.not_before)
    };
    let withdrawn: Vec<_> = given_up
        .iter()
        .map(|(stored, key)| Withdrawn {
            key,
            certified_from: stored.created_at,
            at: successor(stored).unwrap_or(now).min(now),
        })
        .collect();
    let authority = OwnAuthority::of(own.certificate, &own.key).map_err(unusable)?;
    authority.revocation_list(&withdrawn, identifiers, now).map_err(unusable)
}

/// Makes the tenant an authority of its own, unless it is one, and where it is.
pub(super) async fn found_authority(
    tx: &mut TenantTx,
    keys: &TenantKeys,
    stored: &mut Vec<StoredKey>,
    founder: &Founder<'_>,
    now: OffsetDateTime,
) -> Result<(), LoadError> {
    let unusable = |error| LoadError::Certificate(format!("{error}"));
    let found = |key: &SigningKey| OwnAuthority::found(key, founder, now).map_err(unusable);
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
    let is_founded = |certificate: &String| country_of(certificate).as_deref() == founder.country;
    // The tenant was moved to new keys, or says that it is somewhere else.
    if !active.certificate.as_ref().is_some_and(is_founded) {
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
