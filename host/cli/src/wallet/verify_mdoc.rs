//! Believing nothing of an mdoc (ISO/IEC 18013-5 §9.3.1).

use chancery_credential::mdoc;
use chancery_protocol::issuer_metadata::CredentialConfiguration;

use super::Wallet;
use super::failure::{ClaimError, Step};
use super::issuer::Issuer;
use super::issuer_keys::{KeySource, PublishedKeys};
use super::keys::HolderKey;
use super::verify::{Published, Sound, mandatory_claims, take_proven};

impl Wallet {
    /// Verifies one copy; the key that it is bound to leaves `keys`, since no two copies may share one.
    pub(super) fn verify_mdoc(
        &self,
        issuer: &Issuer,
        configuration: &CredentialConfiguration,
        published: &PublishedKeys,
        credential: &str,
        keys: &mut Vec<HolderKey>,
    ) -> Result<Sound, ClaimError> {
        let step = Step::Verification;
        let key = |chain: &[String]| self.key_of_chain(chain, issuer.identifier(), published);
        let verified = mdoc::verify(credential, &key, self.now())
            .map_err(|error| step.unexpected("an mdoc whose signature and digests verify", error))?;
        let doctype = configuration.doctype.as_deref().unwrap_or_default();
        step.expect(
            verified.doctype == doctype,
            format_args!("docType {doctype:?} as in the metadata"),
            format_args!("{:?}", verified.doctype),
        )?;
        step.expect(
            verified.signed.unix_timestamp() % 3600 == 0,
            "times that are rounded to the hour, since they would link copies",
            verified.signed,
        )?;
        mandatory_claims(configuration, &verified.elements)?;
        let status = verified.status.ok_or_else(|| step.unexpected("a status_list reference", "none"))?;
        Ok(Sound {
            claims: verified.elements,
            expires_at: verified.expires_at,
            status: Published::Token(status),
            key_found_by: vec![KeySource::Certificate, KeySource::JwtVcIssuer],
            holder: take_proven(keys, &verified.holder)?,
        })
    }
}
