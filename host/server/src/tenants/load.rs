//! Puts a tenant together as it issues: opens its secrets, derives its key, loads its templates and
//! renders its public documents, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chancery_credential::ClientTokens;
use chancery_credential::did::{did_document, did_web};
use chancery_credential::jose::Jwk;
use chancery_credential::keys::{KeyUse, Keyring};
use chancery_credential::x509::{Anchors, CertificateChain, Founder};
use chancery_domain::halt::Halt;
use chancery_domain::plugin::Part;
use chancery_domain::settings::Settings;
use chancery_domain::{Clock, EventType, Tenant, TenantId};
use chancery_engine::{Engine, Template};
use chancery_protocol::issuer_metadata::{IssuerDisplay, Logo};
use chancery_store::{Configurations, InForce, PublicEndpoint, Store, StoreError, StoredKey};
use serde::Serialize;
use serde_json::json;
use tokio::sync::OnceCell;
use url::Url;

use super::certificates::Certificates;
use super::keys::{PrivateKeys, TOKEN_ALGORITHM, active_key, first_key, open_keys, published_keys};
use super::templates::Templates;
use super::vouched::{found_authority, revocation_list, vouched};
use crate::active_template::ActiveTemplate;
use crate::certificate_fault::CertificateFault;
use crate::issuer::{Documents, Issuer, configurations};
use crate::wallet::encryption::{decryption_keys, describe_encryption};
use crate::wallet::keys::describe_keys;
use crate::wallet::metadata::{describe_issuer, describe_server};
use crate::wallet::type_metadata::describe_type;

/// The service whose URL is the issuer identifier.
pub(crate) const ISSUER: &str = "issuer";

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
    pub(crate) fn unusable(reason: impl std::fmt::Display) -> Self {
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
    /// Below which tenants have hosts of their own.
    pub(crate) platform_base: Option<String>,
    /// Self-hosted: the operator's choice, `ISSUER_DID`.
    pub(crate) did: Option<String>,
    pub(crate) development: bool,
}

impl Workshop {
    /// The tenant as it issues; none if it is not, or no longer, one that the public may see.
    ///
    /// A tenant may have several identifiers; `asked` is the one that the request's address stands for. If it
    /// is none of them, or there is no such address, the primary counts.
    pub(super) async fn load(&self, id: TenantId, asked: Option<&str>) -> Result<Option<Issuer>, LoadError> {
        let mut tx = self.store.tenant(id).await?;
        let tenant = tx.itself().await?;
        let (secrets, mut stored) = (tx.secrets().await?, tx.signing_keys().await?);
        let imported = tx.imported_keys().await?;
        let (activations, switched_off) = (tx.activations().await?, tx.switched_off().await?);
        let endpoints = tx.public_endpoints().await?;
        let halts = tx.halts().await?;
        let configurations = tx.configurations().await?;
        let listened = tx.listened().await?;
        let public = tenant.filter(|tenant| tenant.status.is_public()).zip(secrets);
        let Some((tenant, secrets)) = public else {
            tx.commit().await?;
            return Ok(None);
        };
        let keys = open_keys(&self.keyring, id, &secrets)?;
        // Tenants of before there were client tokens have no key for them yet.
        if active_key(&stored, KeyUse::Token).is_none() {
            let key = first_key(&keys, KeyUse::Token, TOKEN_ALGORITHM, self.clock.now());
            tx.add_signing_key(&key).await?;
            stored.push(key);
        }
        let settings = settings_of(&configurations);
        let (identifier, primary) = self.identifiers(&tenant, &endpoints, asked);
        if settings.certifies_itself() {
            let founder = Founder { called: &tenant.name, issuer: &primary, country: settings.country() };
            found_authority(&mut tx, &keys, &mut stored, &founder, self.clock.now()).await?;
        }
        tx.commit().await?;
        // Who administers the deployment need not issue.
        let (activations, switched_off) =
            if self.saas && tenant.system { (Vec::new(), Vec::new()) } else { (activations, switched_off) };
        let templates = self.load_templates(id, &activations).await;
        let mut former = Vec::new();
        for activation in &switched_off {
            // What it issued is still about; nothing depends on it but its description.
            former.extend(self.templates.load(&self.store, &self.engine, activation).await.ok());
        }
        let private = PrivateKeys { keyring: &self.keyring, keys, imported: &imported };
        let parts =
            Parts { private, stored: &stored, endpoints, templates, former, halts, listened, configurations };
        self.assemble(tenant, identifier, &primary, parts).map(Some)
    }

    /// By configuration id. One broken template does not keep the others from issuing.
    async fn load_templates(
        &self,
        tenant: TenantId,
        activations: &[InForce],
    ) -> BTreeMap<String, ActiveTemplate> {
        let mut templates: BTreeMap<String, ActiveTemplate> = BTreeMap::new();
        let (active, trials): (Vec<_>, Vec<_>) =
            activations.iter().partition(|in_force| in_force.part == Some(Part::Active));
        // Trials come after what they stand beside; of two that play one part, the tenant's own is the first.
        for InForce { activation, part, .. } in active.into_iter().chain(trials.into_iter().rev()) {
            let id = &activation.configuration_id;
            match (self.templates.load(&self.store, &self.engine, activation).await, part) {
                (Ok(template), Some(Part::Active)) => {
                    drop(templates.insert(id.clone(), ActiveTemplate::new(template)));
                }
                (Ok(template), Some(part)) => {
                    if let Some(active) = templates.get_mut(id) {
                        active.try_beside(template, *part);
                    }
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    tracing::error!(%tenant, configuration = id, %error, "a template cannot be loaded");
                }
            }
        }
        templates
    }

    /// The issuer identifier that a tenant has at the platform: no trailing slash.
    pub(crate) fn default_identifier(&self, slug: &str) -> String {
        if self.saas { format!("{}/{slug}", self.base()) } else { self.base().to_owned() }
    }

    fn base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }

    /// The host below the platform's base that leads to the tenant.
    pub(crate) fn subdomain(&self, slug: &str) -> Option<String> {
        self.platform_base.as_ref().map(|base| format!("{slug}.{base}"))
    }

    /// The issuer identifier at a host of the tenant's own: the platform's scheme and port, no path.
    pub(crate) fn identifier_at(&self, host: &str) -> String {
        let port = self.public_url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{host}{port}", self.public_url.scheme())
    }

    /// Whether the platform itself is found under this name, or tenants are below it.
    pub(crate) fn is_platforms(&self, name: &str) -> bool {
        let bases = [self.public_url.host_str(), self.platform_base.as_deref()];
        bases
            .into_iter()
            .flatten()
            .any(|base| name == base || name.strip_suffix(base).is_some_and(|rest| rest.ends_with('.')))
    }

    /// The identifier under which the tenant was asked, and the one that it advertises; byte for byte as
    /// wallets compare them.
    fn identifiers(
        &self,
        tenant: &Tenant,
        bound: &[PublicEndpoint],
        asked: Option<&str>,
    ) -> (String, String) {
        let issuers: Vec<_> = issuers(bound).collect();
        let is_platform = self.saas && tenant.system;
        let default =
            if is_platform { self.base().to_owned() } else { self.default_identifier(&tenant.slug) };
        let primary = issuers.iter().find(|endpoint| endpoint.is_primary);
        let primary = primary.map_or_else(|| default.clone(), |primary| primary.url.clone());
        let is_own =
            |asked: &&str| *asked == default || issuers.iter().any(|endpoint| endpoint.url == *asked);
        (asked.filter(is_own).map_or_else(|| primary.clone(), str::to_owned), primary)
    }

    fn assemble(
        &self,
        tenant: Tenant,
        identifier: String,
        primary: &str,
        parts: Parts<'_>,
    ) -> Result<Issuer, LoadError> {
        let Parts { private, stored, endpoints, templates, former, halts, listened, configurations: chosen } =
            parts;
        let settings = settings_of(&chosen);
        let (signer, key_version) = private.signing_key(stored, KeyUse::Credential)?;
        let (token_signer, _) = private.signing_key(stored, KeyUse::Token)?;
        let algorithm = signer.algorithm();
        let is_platform = self.saas && tenant.system;
        let url = Url::parse(&identifier).map_err(LoadError::unusable)?;
        let authority = private.authority(stored, &settings)?;
        let vouched = vouched(stored, authority.as_ref())?;
        let now = self.clock.now();
        let chain = self.certificates.chain(signer.public_jwk(), &vouched, &identifier, now)?;
        let ends = chain.as_ref().map(CertificateChain::expires_at);
        if let Some(fault) = CertificateFault::find(settings.profile, ends, now).filter(|_| !is_platform) {
            let cause = fault.to_managers();
            tracing::warn!(tenant = %tenant.id, cause, "nothing is issued until somebody mends it");
        }
        let default = self.default_identifier(&tenant.slug);
        let identifiers = issuers(&endpoints).map(|endpoint| endpoint.url.as_str()).chain([default.as_str()]);
        let identifiers: BTreeSet<&str> = identifiers.collect();
        let identifiers: Vec<&str> = identifiers.into_iter().collect();
        let withdrawn = revocation_list(stored, authority.as_ref(), &identifiers, now)?;
        let keys = private.keys;
        let decryption_keys = decryption_keys(&keys, stored);
        let did = self.did.clone().or_else(|| self.default_did(&url));
        let (token_keys, published) = published_keys(stored);
        let client_tokens = ClientTokens::new(
            tenant.id,
            primary.to_owned(),
            format!("{primary}/api"),
            token_signer,
            token_keys,
        );
        let definitions = templates.values().map(|active| active.current.definition());
        let configurations: Vec<_> = configurations(definitions, chain.as_ref()).collect();
        let documents = Documents {
            issuer_metadata: render(&describe_issuer(
                &identifier,
                &display(&tenant, &settings),
                algorithm,
                decryption_keys.first().map(|key| describe_encryption(key, &settings)),
                &settings,
                &configurations,
            ))?,
            server_metadata: render(&describe_server(&identifier, is_platform, &settings, &configurations))?,
            jwt_vc_issuer: render(&json!({ "issuer": identifier, "jwks": describe_keys(&published) }))?,
            jwks: render(&describe_keys(&published))?,
            token_keys: render(&describe_keys(&of_the_server(&client_tokens, &published, is_platform)))?,
            types: types_below(&identifier, &templates, &former)?,
            did: did.as_deref().map(|did| render(&did_document(did, &published))).transpose()?,
            authority: authority.as_ref().map(|own| own.certificate.to_owned().into()),
            revocation_list: withdrawn.map(Bytes::from),
        };
        Ok(Issuer {
            nonces: keys.nonces(),
            tokens: keys.tokens(),
            envelopes: keys.envelopes(),
            client_tokens,
            permutation_tag: keys.mac("status-permutation-tag/v1", b""),
            keys,
            decryption_keys,
            key_version,
            signer: Arc::new(signer),
            chain,
            wallet_providers: Anchors::from_pem(&settings.wallet_providers).unwrap_or_default(),
            key_attesters: Anchors::from_pem(&settings.key_attesters).unwrap_or_default(),
            did,
            templates,
            settings,
            chosen_for: chosen
                .principals
                .into_iter()
                .map(|(principal, configuration)| (principal, configuration.overrides))
                .collect(),
            halts,
            listened,
            is_platform,
            documents,
            signed_metadata: OnceCell::new(),
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

/// How wallets are to show the issuer.
fn display(tenant: &Tenant, settings: &Settings) -> IssuerDisplay {
    let chosen = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    IssuerDisplay {
        name: chosen(&settings.display_name).unwrap_or_else(|| tenant.name.clone()),
        locale: chosen(&settings.display_locale),
        logo: chosen(&settings.logo_uri).map(|uri| Logo { uri, alt_text: None }),
    }
}

/// The URLs that are issuer identifiers.
fn issuers(bound: &[PublicEndpoint]) -> impl Iterator<Item = &PublicEndpoint> {
    bound.iter().filter(|endpoint| endpoint.service == ISSUER)
}

/// What is put together.
struct Parts<'a> {
    private: PrivateKeys<'a>,
    stored: &'a [StoredKey],
    endpoints: Vec<PublicEndpoint>,
    templates: BTreeMap<String, ActiveTemplate>,
    /// Those that were switched off.
    former: Vec<Template>,
    halts: Vec<Halt>,
    listened: Vec<EventType>,
    configurations: Configurations,
}

/// What the tenant's documents and rules follow.
fn settings_of(chosen: &Configurations) -> Settings {
    Settings::default().with(&chosen.application).with(&chosen.tenant.overrides)
}

/// Whoever has no certificates to go by, looks for the key of a status list among those of the authorization server
/// that names the lists (`status_list_aggregation_endpoint`). They come last; nothing that we read is verified by them.
fn of_the_server(tokens: &ClientTokens, published: &[Jwk], is_platform: bool) -> Vec<Jwk> {
    let of_lists = if is_platform { &[] } else { published };
    tokens.keys().iter().chain(of_lists).cloned().collect()
}

/// The descriptions of all types whose names lead here: what is active speaks for its type, before what was.
fn types_below(
    identifier: &str,
    templates: &BTreeMap<String, ActiveTemplate>,
    former: &[Template],
) -> Result<BTreeMap<String, Bytes>, LoadError> {
    let mut types = BTreeMap::new();
    let active = templates.values().map(|active| &active.current);
    for definition in active.chain(former).map(Template::definition) {
        let Some(vct) = definition.sd_jwt.as_ref().map(|form| form.vct_at(identifier)) else { continue };
        if !vct.strip_prefix(identifier).is_some_and(|path| path.starts_with('/'))
            || types.contains_key(&*vct)
        {
            continue;
        }
        if let Some(described) = describe_type(definition, &vct) {
            types.insert(vct.into_owned(), render(&described)?);
        }
    }
    Ok(types)
}

fn render(document: &impl Serialize) -> Result<Bytes, LoadError> {
    serde_json::to_vec(document).map(Bytes::from).map_err(LoadError::unusable)
}
