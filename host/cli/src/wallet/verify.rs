//! Believing nothing: is what came the credential that was asked for, and is it good?

use std::collections::BTreeSet;

use chancery_credential::jose::Jws;
use chancery_credential::sd_jwt::{self, StatusReference};
use chancery_credential::status_list::{Purpose, StatusEntryReference};
use chancery_credential::w3c::Model;
use chancery_domain::CredentialStatus;
use chancery_protocol::credential::CredentialResponse;
use chancery_protocol::issuer_metadata::{CredentialConfiguration, PathElement};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::Wallet;
use super::credential::Wanted;
use super::failure::{ClaimError, Step};
use super::issuer::{Issuer, JWT_VC_JSON, MDOC, VC_JWT};
use super::issuer_keys::PublishedKeys;
use super::keys::HolderKey;
use super::status::StatusLists;

pub use super::issuer_keys::KeySource;

/// A verified credential and the key that it is bound to.
#[derive(Debug)]
pub struct HeldCredential {
    /// As it was issued: compact SD-JWT with all disclosures, or mdoc in base64url.
    pub credential: String,
    /// Its claims, disclosures put in their places; in the order in which the metadata describes them. Of an mdoc, its
    /// elements by namespace.
    pub claims: Map<String, Value>,
    /// What its status list says now.
    pub status: CredentialStatus,
    /// Where its status is published.
    pub status_reference: StatusReference,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// The ways that led to the issuer's key.
    pub key_found_by: Vec<KeySource>,
    /// The key that it is bound to.
    pub holder: HolderKey,
}

/// Where a status is published.
pub(super) enum Published {
    /// In a Token Status List.
    Token(StatusReference),
    /// In Bitstring Status Lists, one for each purpose.
    Bitstrings(Vec<(Purpose, StatusEntryReference)>),
}

impl Published {
    /// The place, whatever form the list has: all purposes have one index.
    fn reference(&self) -> Option<StatusReference> {
        match self {
            Self::Token(reference) => Some(reference.clone()),
            Self::Bitstrings(entries) => entries
                .first()
                .map(|(_, entry)| StatusReference { uri: entry.uri.clone(), index: entry.index }),
        }
    }
}

/// A credential whose signature and claims are good, before its status is known.
pub(super) struct Sound {
    pub(super) claims: Map<String, Value>,
    pub(super) expires_at: OffsetDateTime,
    pub(super) status: Published,
    pub(super) key_found_by: Vec<KeySource>,
    pub(super) holder: HolderKey,
}

impl Wallet {
    /// Verifies everything that a response brought.
    pub async fn verify(
        &self,
        issuer: &Issuer,
        wanted: &Wanted,
        response: CredentialResponse,
        mut keys: Vec<HolderKey>,
    ) -> Result<Vec<HeldCredential>, ClaimError> {
        let configuration = issuer.configuration(wanted.configuration_id())?;
        let published = self.published_keys(issuer.identifier()).await?;
        let mut lists = StatusLists::default();
        let mut held = Vec::with_capacity(response.credentials.len());
        for issued in response.credentials {
            let credential = &issued.credential;
            let sound = match configuration.format.as_str() {
                MDOC => self.verify_mdoc(issuer, configuration, &published, credential, &mut keys)?,
                JWT_VC_JSON => {
                    let model = Model::JwtVcJson;
                    self.verify_w3c(issuer, configuration, &published, (model, credential), &mut keys).await?
                }
                VC_JWT => {
                    let model = Model::VcJwt;
                    self.verify_w3c(issuer, configuration, &published, (model, credential), &mut keys).await?
                }
                _ => self.verify_one(issuer, configuration, &published, credential, &mut keys)?,
            };
            let status = match &sound.status {
                Published::Token(reference) => {
                    lists.status(self, issuer.identifier(), &published, reference).await?
                }
                Published::Bitstrings(entries) => self.status_of_w3c(issuer, &published, entries).await?,
            };
            let status_reference = sound.status.reference();
            let status_reference =
                status_reference.ok_or_else(|| Step::Verification.unexpected("a status entry", "none"))?;
            held.push(HeldCredential {
                status_reference,
                credential: issued.credential,
                claims: sound.claims,
                status,
                expires_at: sound.expires_at,
                key_found_by: sound.key_found_by,
                holder: sound.holder,
            });
        }
        unlinkable(&held)?;
        Ok(held)
    }

    /// Verifies one copy; the key that it is bound to leaves `keys`, since no two copies may share one.
    fn verify_one(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        published: &PublishedKeys,
        credential: &str,
        keys: &mut Vec<HolderKey>,
    ) -> Result<Sound, ClaimError> {
        let step = Step::Verification;
        let jwt = credential.split('~').next().unwrap_or_default();
        let jws = Jws::parse(jwt).map_err(|error| step.unexpected("an SD-JWT", error))?;
        let (key, key_found_by) = self.issuer_key(jws.header(), issuer.identifier(), published)?;
        let verified = sd_jwt::verify(credential, &|_| Some(key.clone()), self.now())
            .map_err(|error| step.unexpected("an SD-JWT VC whose signature and disclosures verify", error))?;

        let claims = verified.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        step.expect(
            text("iss") == issuer.identifier(),
            format_args!("iss {:?}", issuer.identifier()),
            format_args!("{:?}", text("iss")),
        )?;
        let vct = configuration.vct.as_deref().unwrap_or_default();
        step.expect(
            text("vct") == vct,
            format_args!("vct {vct:?} as in the metadata"),
            format_args!("{:?}", text("vct")),
        )?;
        let expires_at = self.expiry(&claims)?;
        mandatory_claims(configuration, &claims)?;
        let bound_to =
            verified.holder.ok_or_else(|| step.unexpected("cnf.jwk, one of the proven keys", "none"))?;
        let holder = take_proven(&mut *keys, &bound_to)?;
        let status = verified.status.ok_or_else(|| step.unexpected("a status_list reference", "none"))?;
        let status = Published::Token(status);
        let claims = in_display_order(configuration, claims);
        Ok(Sound { claims, expires_at, status, key_found_by, holder })
    }

    /// Every credential ends, and this one has not.
    fn expiry(&self, claims: &Map<String, Value>) -> Result<OffsetDateTime, ClaimError> {
        let step = Step::Verification;
        let exp = claims.get("exp").and_then(Value::as_i64);
        let exp = exp.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let exp = exp.ok_or_else(|| step.unexpected("exp in seconds", "none"))?;
        step.expect(exp > self.now(), "exp in the future", exp)?;
        Ok(exp)
    }
}

/// The proven key that a copy is bound to; no other copy may be.
pub(super) fn take_proven(
    keys: &mut Vec<HolderKey>,
    bound_to: &chancery_credential::Jwk,
) -> Result<HolderKey, ClaimError> {
    let place = keys.iter().position(|key| key.public_jwk() == bound_to);
    let place = place.ok_or_else(|| {
        let expected = "a credential bound to one of the proven keys, each used once";
        Step::Verification.unexpected(expected, format_args!("the key {}", bound_to.thumbprint()))
    })?;
    Ok(keys.swap_remove(place))
}

/// The metadata promises these claims in every credential.
pub(super) fn mandatory_claims(
    configuration: &CredentialConfiguration,
    claims: &Map<String, Value>,
) -> Result<(), ClaimError> {
    let described = configuration.credential_metadata.iter().flat_map(|metadata| &metadata.claims);
    let root = Value::Object(claims.clone());
    for claim in described.filter(|claim| claim.mandatory) {
        Step::Verification.expect(
            exists(&root, &claim.path),
            format_args!("the mandatory claim {}", serde_json::to_string(&claim.path).unwrap_or_default()),
            "a credential without it",
        )?;
    }
    Ok(())
}

/// Disclosures come shuffled; people read claims in the order of the metadata (OpenID4VCI Appendix B.2).
fn in_display_order(
    configuration: &CredentialConfiguration,
    mut claims: Map<String, Value>,
) -> Map<String, Value> {
    let described = configuration.credential_metadata.iter().flat_map(|metadata| &metadata.claims);
    let mut ordered = Map::new();
    for claim in described {
        if let Some(PathElement::Member(name)) = claim.path.first()
            && let Some((name, value)) = claims.shift_remove_entry(name)
        {
            ordered.insert(name, value);
        }
    }
    claims.append(&mut ordered);
    claims
}

/// Whether a claims path pointer (OpenID4VCI Appendix C) selects anything.
fn exists(value: &Value, path: &[PathElement]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match first {
        PathElement::Member(name) => value.get(name).is_some_and(|member| exists(member, rest)),
        PathElement::Index(index) => {
            let element = usize::try_from(*index).ok().and_then(|index| value.get(index));
            element.is_some_and(|element| exists(element, rest))
        }
        PathElement::All(()) => {
            value.as_array().is_some_and(|elements| elements.iter().any(|element| exists(element, rest)))
        }
    }
}

/// Copies of one credential must not be linkable (RFC 9901 §10.1): no disclosure and no status
/// index twice, and times that say nothing about the moment.
fn unlinkable(held: &[HeldCredential]) -> Result<(), ClaimError> {
    let step = Step::Verification;
    let mut disclosures = BTreeSet::new();
    let mut indices = BTreeSet::new();
    for one in held {
        let fresh =
            one.credential.split('~').skip(1).filter(|d| !d.is_empty()).all(|d| disclosures.insert(d));
        step.expect(fresh, "a fresh salt for every disclosure", "the same disclosure twice")?;
        step.expect(
            indices.insert((&one.status_reference.uri, one.status_reference.index)),
            "a status index for each copy",
            format_args!("index {} twice", one.status_reference.index),
        )?;
        for name in ["iat", "nbf", "exp"] {
            let Some(seconds) = one.claims.get(name).and_then(Value::as_i64) else { continue };
            step.expect(
                held.len() < 2 || seconds % 3600 == 0,
                format_args!("{name} rounded to the hour, since there are several copies"),
                seconds,
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(value: Value) -> Vec<PathElement> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_claims_path_selects_members_elements_and_all_elements() {
        let claims =
            json!({"name": "Ada", "address": {"city": "London"}, "degrees": [{"year": 1}, {}], "none": []});
        for there in [
            json!(["name"]),
            json!(["address", "city"]),
            json!(["degrees", null, "year"]),
            json!(["degrees", 0, "year"]),
        ] {
            assert!(exists(&claims, &path(there.clone())), "{there}");
        }
        for absent in [
            json!(["surname"]),
            json!(["address", "street"]),
            json!(["degrees", 1, "year"]),
            json!(["degrees", 2]),
            json!(["none", null]),
            json!(["name", null]),
        ] {
            assert!(!exists(&claims, &path(absent.clone())), "{absent}");
        }
    }
}
