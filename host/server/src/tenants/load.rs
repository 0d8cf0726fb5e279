//! Puts a tenant together as it issues: opens its secrets, derives its key, loads its templates and
//! renders its public documents, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chancery_credential::did::{did_document, did_web};
use chancery_credential::jose::Jwk;
use chancery_credential::keys::{
    Algorithm, KeyCheck, KeyUse, Keyring, PrivateKey, SealedFor, SecretKind, SigningKey, TenantKeys,
};
use chancery_domain::{Clock, Tenant, TenantId};
use chancery_engine::Engine;
use chancery_store::{ImportedKey, KeyState, Store, StoreError, StoredKey, TenantSecrets};
use serde::Serialize;
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::certificates::Certificates;
use super::templates::Templates;
use crate::issuer::{Documents, Issuer};
use crate::operations::import_key::imported_key_of;
use crate::wallet::keys::describe_keys;
use crate::wallet::metadata::{describe_issuer, describe_server};

/// Why a tenant cannot be put together. For the log: a client learns only that the issuer is unavailable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open under this deployment's key.
    #[error("the stored secrets of the tenant do not open")]
    Sealed,
    /// The certificate does not fit the key, or is over.
    #[error("the certificate is unusable: {0}")]
    Certificate(String),
    /// What is stored does not make an issuer.
    #[error("{0}")]
    Unusable(String),
}

impl LoadError {
    pub(super) fn unusable(reason: impl std::fmt::Display) -> Self {
        Self::Unusable(reason.to_string())
    }
}

/// What it takes to put a tenant together.
pub(crate) struct Workshop {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) keyring: Keyring,
    pub(crate) templates: Templates,
    pub(crate) certificates: Certificates,
    /// The base of every issuer identifier, without a trailing slash.
    pub(crate) public_url: Url,
    /// Whether there are many tenants, so that the slug is part of the identifier.
    pub(crate) saas: bool,
    /// Self-hosted: the operator's choice, `ISSUER_DID`.
    pub(crate) did: Option<String>,
    pub(crate) development: bool,
}

impl Workshop {
    /// The tenant as it issues; none if it is not, or no longer, one that the public may see.
    pub(super) async fn load(&self, id: TenantId) -> Result<Option<Issuer>, LoadError> {
        let mut tx = self.store.tenant(id).await?;
        let tenant = tx.itself().await?;
        let (secrets, keys) = (tx.secrets().await?, tx.signing_keys().await?);
        let imported = tx.imported_keys().await?;
        let activations = tx.activations().await?;
        tx.commit().await?;
        let (Some(tenant), Some(secrets)) = (tenant, secrets) else { return Ok(None) };
        if !tenant.status.is_public() {
            return Ok(None);
        }
        let mut templates = BTreeMap::new();
        for activation in &activations {
            match self.templates.load(&self.store, &self.engine, activation).await {
                Ok(template) => drop(templates.insert(activation.configuration_id.clone(), template)),
                // One broken template does not keep the others from issuing.
                Err(error) => {
                    tracing::error!(tenant = %id, configuration = activation.configuration_id, %error, "a template cannot be loaded");
                }
            }
        }
        self.assemble(tenant, &secrets, &keys, &imported, templates).map(Some)
    }

    /// The issuer identifier of a tenant, byte for byte as wallets compare it: no trailing slash.
    pub(crate) fn identifier(&self, slug: &str) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        if self.saas { format!("{base}/{slug}") } else { base.to_owned() }
    }

    fn assemble(
        &self,
        tenant: Tenant,
        secrets: &TenantSecrets,
        stored: &[StoredKey],
        imported: &[ImportedKey],
        templates: BTreeMap<String, chancery_engine::Template>,
    ) -> Result<Issuer, LoadError> {
        let keys = open_keys(&self.keyring, tenant.id, secrets)?;
        let active = active_key(stored).ok_or_else(|| LoadError::unusable("the tenant has no active key"))?;
        let algorithm = Algorithm::parse(&active.algorithm)
            .ok_or_else(|| LoadError::unusable("the algorithm of the active key is unknown"))?;
        let signer = match imported.iter().find(|key| is_of(key, active)) {
            Some(key) => open_imported(&self.keyring, tenant.id, key, algorithm)?,
            None => keys.signing_key(KeyUse::Credential, algorithm, active.version),
        };
        if signer.public_jwk().to_value() != active.public_jwk {
            return Err(LoadError::unusable("the private key is not that of the published one"));
        }
        let identifier = self.identifier(&tenant.slug);
        let url = Url::parse(&identifier).map_err(LoadError::unusable)?;
        let chain = self.certificates.chain(signer.public_jwk(), &identifier, self.clock.now())?;
        let did = self.did.clone().or_else(|| self.default_did(&url));
        let published: Vec<Jwk> = stored
            .iter()
            .filter(|key| key.state != KeyState::Retired)
            .filter_map(|key| Jwk::parse(&key.public_jwk).ok())
            .collect();
        let definitions = templates.values().map(chancery_engine::Template::definition);
        let documents = Documents {
            issuer_metadata: render(&describe_issuer(
                &identifier,
                &tenant.name,
                algorithm.as_str(),
                definitions,
            ))?,
            server_metadata: render(&describe_server(&identifier))?,
            jwt_vc_issuer: render(&json!({ "issuer": identifier, "jwks": describe_keys(&published) }))?,
            jwks: render(&describe_keys(&published))?,
            did: did.as_deref().map(|did| render(&did_document(did, &published))).transpose()?,
        };
        Ok(Issuer {
            nonces: keys.nonces(),
            tokens: keys.tokens(),
            permutation_tag: keys.mac("status-permutation-tag/v1", b""),
            keys,
            key_version: active.version,
            signer: Arc::new(signer),
            chain,
            templates,
            documents,
            identifier,
            url,
            tenant,
        })
    }

    /// `did:web` of the identifier. It knows no IP addresses, so under development a loopback address goes
    /// by its name.
    fn default_did(&self, url: &Url) -> Option<String> {
        let mut url = url.clone();
        if self.development && matches!(url.host_str(), Some("127.0.0.1" | "[::1]")) {
            url.set_host(Some("localhost")).ok()?;
        }
        did_web(url.as_str().trim_end_matches('/'))
    }
}

/// The key that signs credentials.
pub(crate) fn active_key(stored: &[StoredKey]) -> Option<&StoredKey> {
    let of_use = KeyUse::Credential.as_str();
    stored.iter().find(|key| key.key_use == of_use && key.state == KeyState::Active)
}

/// Whether the private key is that of the stored one.
fn is_of(private: &ImportedKey, stored: &StoredKey) -> bool {
    let name = &private.name;
    (name.key_use.as_str(), name.algorithm.as_str(), name.version)
        == (stored.key_use.as_str(), stored.algorithm.as_str(), stored.version)
}

fn open_imported(
    keyring: &Keyring,
    tenant: TenantId,
    key: &ImportedKey,
    algorithm: Algorithm,
) -> Result<SigningKey, LoadError> {
    let bytes = keyring
        .open(&imported_key_of(tenant, key.name.version), &key.sealed)
        .map_err(|_| LoadError::Sealed)?;
    let private = PrivateKey::from_bytes(algorithm, &bytes).ok_or(LoadError::Sealed)?;
    private.signing_key().ok_or(LoadError::Sealed)
}

/// Opens a tenant's stored secrets and derives its keys.
pub(crate) fn open_keys(
    keyring: &Keyring,
    tenant: TenantId,
    secrets: &TenantSecrets,
) -> Result<TenantKeys, LoadError> {
    let open = |what: &SealedFor, sealed: &[u8]| -> Result<(Zeroizing<[u8; 32]>, KeyCheck), LoadError> {
        let (opened, master) = keyring.open_and_tell(what, sealed).map_err(|_| LoadError::Sealed)?;
        let opened = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| LoadError::Sealed)?;
        Ok((Zeroizing::new(opened), master))
    };
    let (seed, master) = open(&seed_of(tenant), &secrets.sealed_seed)?;
    let (data_key, _) = open(&data_key_of(tenant), &secrets.sealed_data_key)?;
    let root = secrets.root.unwrap_or(master);
    keyring.tenant_from(root, tenant, &seed, &data_key).ok_or(LoadError::Sealed)
}

pub(crate) fn seed_of(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::Seed, version: 1 }
}

pub(crate) fn data_key_of(tenant: TenantId) -> SealedFor {
    SealedFor { tenant, kind: SecretKind::DataKey, version: 1 }
}

fn render(document: &impl Serialize) -> Result<Bytes, LoadError> {
    serde_json::to_vec(document).map(Bytes::from).map_err(LoadError::unusable)
}
