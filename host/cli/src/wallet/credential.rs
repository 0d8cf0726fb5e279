//! Nonce, proofs and the credential request.

use chancery_credential::jose;
use chancery_protocol::credential::{CredentialAnswer, CredentialRequest};
use chancery_protocol::token::NonceResponse;
use reqwest::Method;
use serde_json::{Map, json};

use super::deferred::complete;
use super::failure::{ClaimError, Problem, Step};
use super::grant::Grant;
use super::issuer::Issuer;
use super::keys::HolderKey;
use super::{Wallet, json, link, not_stored};

/// How a credential is asked for: exactly one of the two (OpenID4VCI §8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By configuration, when the token response named no identifiers.
    Configuration(String),
    /// By identifier, when it did.
    Identifier {
        /// From the token response.
        identifier: String,
        /// The configuration that it belongs to.
        configuration_id: String,
    },
}

impl Wanted {
    /// The configuration.
    pub fn configuration_id(&self) -> &str {
        match self {
            Self::Configuration(id) | Self::Identifier { configuration_id: id, .. } => id,
        }
    }
}

impl Wallet {
    /// A fresh nonce for key proofs, if the issuer has a nonce endpoint.
    pub async fn nonce(&self, issuer: &Issuer, grant: &mut Grant) -> Result<Option<String>, ClaimError> {
        let step = Step::Nonce;
        let Some(endpoint) = &issuer.metadata().nonce_endpoint else { return Ok(None) };
        let url = link::endpoint(step, endpoint)?;
        let request = self.http.request(Method::POST, &url).map_err(step.of_http())?;
        let answer = self.send(step, &url, request).await?;
        let nonce: NonceResponse = json(step, &answer)?;
        not_stored(step, &answer)?;
        step.expect(!nonce.c_nonce.is_empty(), "a c_nonce", "an empty one")?;
        // The endpoint may deliver the next DPoP nonce beforehand (OpenID4VCI §7.2).
        grant.learn(&answer);
        Ok(Some(nonce.c_nonce))
    }

    /// Proofs of possession (OpenID4VCI Appendix F.1): one for each key, or where the keys are vouched for, one by the
    /// first, which brings what is said of all of them.
    pub async fn prove(
        &self,
        issuer: &Issuer,
        wanted: &Wanted,
        nonce: Option<&str>,
        keys: &[HolderKey],
    ) -> Result<Vec<String>, ClaimError> {
        let attestation = self.attestation(issuer, wanted, nonce, keys).await?;
        let proving = if attestation.is_some() { keys.get(..1).unwrap_or(keys) } else { keys };
        let mut proofs = Vec::with_capacity(proving.len());
        for key in proving {
            // No `iss`: this wallet is nobody's client.
            let mut claims = Map::new();
            claims.insert("aud".into(), issuer.identifier().into());
            claims.insert("iat".into(), self.now().unix_timestamp().into());
            if let Some(nonce) = nonce {
                claims.insert("nonce".into(), nonce.into());
            }
            let mut header = Map::from_iter([("jwk".into(), json!(key.public_jwk()))]);
            header.extend(attestation.clone().map(|said| ("key_attestation".to_owned(), said.into())));
            let proof = jose::sign("openid4vci-proof+jwt", header, &claims, key.signing()).await;
            proofs.push(proof.map_err(|error| Step::Proof.failed(Problem::Caller(error.to_string())))?);
        }
        Ok(proofs)
    }

    /// What the provider says of the keys, if the issuer wants to hear it and somebody vouches for this wallet.
    async fn attestation(
        &self,
        issuer: &Issuer,
        wanted: &Wanted,
        nonce: Option<&str>,
        keys: &[HolderKey],
    ) -> Result<Option<String>, ClaimError> {
        let configuration = issuer.configuration(wanted.configuration_id())?;
        let proof_type = configuration.proof_types_supported.get("jwt");
        let required = proof_type.and_then(|proof_type| proof_type.key_attestations_required.as_ref());
        let Some((provider, required)) = self.settings.provider.as_ref().zip(required) else {
            return Ok(None);
        };
        provider.attest_keys(keys, nonce, required, self.now()).await.map(Some)
    }

    /// The credential request, for so many copies.
    pub async fn request(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        wanted: &Wanted,
        proofs: Vec<String>,
        copies: usize,
    ) -> Result<CredentialAnswer, ClaimError> {
        let step = Step::Credential;
        let url = link::endpoint(step, &issuer.metadata().credential_endpoint)?;
        let (credential_identifier, credential_configuration_id) = match wanted {
            Wanted::Configuration(id) => (None, Some(id.clone())),
            Wanted::Identifier { identifier, .. } => (Some(identifier.clone()), None),
        };
        let request = CredentialRequest {
            credential_identifier,
            credential_configuration_id,
            proofs: Some(json!({"jwt": proofs})),
            credential_response_encryption: None,
        };
        let answer = self.exchange(issuer, grant, step, &url, &request).await?;
        if let CredentialAnswer::Issued(response) = &answer {
            complete(step, response, copies)?;
        }
        Ok(answer)
    }

    /// Nonce, proofs and request; once more with a fresh nonce if the issuer no longer takes the first.
    pub(crate) async fn obtain(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        wanted: &Wanted,
        keys: &[HolderKey],
    ) -> Result<CredentialAnswer, ClaimError> {
        let mut tried = false;
        loop {
            let nonce = self.nonce(issuer, grant).await?;
            let proofs = self.prove(issuer, wanted, nonce.as_deref(), keys).await?;
            match self.request(issuer, grant, wanted, proofs, keys.len()).await {
                Err(error) if error.refusal_code() == Some("invalid_nonce") && !tried => tried = true,
                result => return result,
            }
        }
    }
}
