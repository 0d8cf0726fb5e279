//! A tenant as it issues: its identifier, keys and templates, held in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chancery_credential::jose::jwe::DecryptionKey;
use chancery_credential::keys::{Signer, TenantKeys};
use chancery_credential::w3c;
use chancery_credential::x509::{Anchors, CertificateChain};
use chancery_credential::{ClientTokens, Envelopes, Nonces, Tokens};
use chancery_domain::halt::Halt;
use chancery_domain::settings::{Overrides, Profile, Settings};
use chancery_domain::template::{Definition, Format};
use chancery_domain::{EventType, Random, Tenant, TenantId};
use chancery_engine::Template;
use chancery_store::Principal;
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::active_template::ActiveTemplate;
use crate::certificate_fault::CertificateFault;

/// How many copies of a credential one request may ask for.
pub(crate) const BATCH_SIZE: u16 = 20;

/// A tenant as it issues. Immutable: a change of configuration makes a new one.
pub(crate) struct Issuer {
    pub(crate) tenant: Tenant,
    /// The issuer identifier, byte for byte as wallets compare it: no trailing slash.
    pub(crate) identifier: String,
    pub(crate) url: Url,
    pub(crate) keys: TenantKeys,
    /// Tells the order in which status indices are handed out from that under other keys.
    pub(crate) permutation_tag: [u8; 32],
    pub(crate) nonces: Nonces,
    /// What wallets carry.
    pub(crate) tokens: Tokens,
    /// What wallets and browsers carry until there is a token.
    pub(crate) envelopes: Envelopes,
    /// What clients carry that manage the tenant.
    pub(crate) client_tokens: ClientTokens,
    pub(crate) signer: Arc<dyn Signer>,
    /// The version of the signing key, as intents record it.
    pub(crate) key_version: u32,
    /// What opens requests that are encrypted, the one that is advertised first.
    pub(crate) decryption_keys: Vec<DecryptionKey>,
    pub(crate) chain: Option<CertificateChain>,
    /// Whose word counts for wallets.
    pub(crate) wallet_providers: Anchors,
    /// Whose word counts for the keys of holders.
    pub(crate) key_attesters: Anchors,
    /// Its DID, if there is one: what W3C credentials name.
    pub(crate) did: Option<String>,
    /// By credential configuration id.
    pub(crate) templates: BTreeMap<String, ActiveTemplate>,
    /// What was chosen about how it issues.
    pub(crate) settings: Settings,
    /// What was chosen for some of its callers.
    pub(crate) chosen_for: BTreeMap<Uuid, Overrides>,
    /// What is not to be signed for now, as far as this process has heard.
    pub(crate) halts: Vec<Halt>,
    /// What its webhooks want to be told of, as far as this process has heard.
    pub(crate) listened: Vec<EventType>,
    /// Whether it administers the deployment of many tenants and issues nothing itself.
    pub(crate) is_platform: bool,
    pub(crate) documents: Documents,
    /// The first of the documents, signed when somebody asks.
    pub(crate) signed_metadata: OnceCell<Bytes>,
}

/// The public documents, rendered once.
pub(crate) struct Documents {
    pub(crate) issuer_metadata: Bytes,
    pub(crate) server_metadata: Bytes,
    pub(crate) jwt_vc_issuer: Bytes,
    /// Keys of credentials and what belongs to them.
    pub(crate) jwks: Bytes,
    /// Keys of the authorization server, and of those the ones that sign status lists.
    pub(crate) token_keys: Bytes,
    pub(crate) did: Option<Bytes>,
    /// Type metadata, by where it is.
    pub(crate) types: BTreeMap<String, Bytes>,
    /// The certificate of its own authority, in PEM.
    pub(crate) authority: Option<Bytes>,
    /// The certificates that it withdrew, in DER, if its certificates say where to ask.
    pub(crate) revocation_list: Option<Bytes>,
}

impl Issuer {
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant.id
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// An absolute URL below the issuer identifier; `path` begins with a slash.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.identifier)
    }

    /// Where the management API lives.
    pub(crate) fn management_url(&self) -> String {
        self.at("/api")
    }

    /// The active template of a credential configuration, if it has that format.
    pub(crate) fn template(&self, configuration_id: &str) -> Option<&Template> {
        self.active_template(configuration_id).map(|active| &active.current)
    }

    /// The same, with the trials beside it.
    pub(crate) fn active_template(&self, configuration_id: &str) -> Option<&ActiveTemplate> {
        let (id, format) = Format::of_configuration(configuration_id);
        let active = self.templates.get(id)?;
        can_issue(active.current.definition(), format, self.chain.as_ref()).then_some(active)
    }

    /// What is asked as well when this template is, to be compared.
    pub(crate) fn shadow_of(&self, template: &Template) -> Option<&Template> {
        let active = self.templates.get(&template.definition().configuration_id)?;
        active.shadow.as_ref().filter(|_| active.current.revision() == template.revision())
    }

    /// Every credential configuration.
    pub(crate) fn configuration_ids(&self) -> Vec<String> {
        let definitions = self.templates.values().map(|active| active.current.definition());
        configurations(definitions, self.chain.as_ref()).map(|(_, _, id)| id).collect()
    }

    /// Whether a template of its has this format, whether it can be signed now or not.
    pub(crate) fn has_templates_for(&self, format: Format) -> bool {
        self.templates.values().any(|active| active.current.definition().has(format))
    }

    /// What is wrong with the certificate of its key, so that it issues nothing now.
    pub(crate) fn certificate_fault(&self, now: OffsetDateTime) -> Option<CertificateFault> {
        let ends = self.chain.as_ref().map(CertificateChain::expires_at);
        CertificateFault::find(self.settings.profile, ends, now)
    }

    /// Whether it issues to wallets that it knows, under HAIP 1.0, and to no others.
    pub(crate) fn is_haip(&self) -> bool {
        self.settings.profile == Profile::Haip
    }

    /// Whether every token of a wallet is bound to a key.
    pub(crate) fn binds_tokens(&self) -> bool {
        self.settings.dpop_required || self.is_haip()
    }

    /// Whether wallets may renew what they were given.
    pub(crate) fn renews(&self) -> bool {
        !self.is_platform && self.settings.refresh_token_days > 0
    }

    /// What counts for what this caller does.
    pub(crate) fn settings_of(&self, caller: Principal) -> Settings {
        match self.chosen_for.get(&caller.uuid()) {
            Some(chosen) => self.settings.with(chosen),
            None => self.settings.clone(),
        }
    }

    /// Whether what this component makes is not to be signed for now.
    pub(crate) fn is_halted(&self, component: &[u8; 32]) -> bool {
        self.halts.iter().any(|halt| halt.scope.stops(self.tenant.id, self.key_version, component))
    }

    /// Whether anybody wants to be told of that.
    pub(crate) fn listens(&self, kind: EventType) -> bool {
        self.listened.contains(&kind)
    }

    /// Whom W3C credentials and their status lists are by.
    pub(crate) fn of_w3c(&self) -> w3c::Issuer<'_> {
        let (signer, chain) = (self.signer.as_ref(), self.chain.as_ref());
        w3c::Issuer { identifier: &self.identifier, did: self.did.as_deref(), signer, chain }
    }

    /// Where all status lists are named.
    pub(crate) fn status_aggregation_uri(&self) -> String {
        self.at("/status-lists")
    }

    /// Where a status list is published.
    pub(crate) fn status_list_uri(&self, list: u64) -> String {
        status_list_uri(&self.identifier, list)
    }

    /// What its credentials are signed with, and under which names.
    pub(crate) fn signatory<'a>(&'a self, random: &'a dyn Random) -> Signatory<'a> {
        Signatory {
            identifier: &self.identifier,
            signer: self.signer.as_ref(),
            chain: self.chain.as_ref(),
            did: self.did.as_deref(),
            random,
        }
    }
}

/// Who signs credentials: a key, and what it goes by.
#[derive(Clone, Copy)]
pub(crate) struct Signatory<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) signer: &'a dyn Signer,
    pub(crate) chain: Option<&'a CertificateChain>,
    pub(crate) did: Option<&'a str>,
    pub(crate) random: &'a dyn Random,
}

impl<'a> Signatory<'a> {
    /// Whom W3C credentials are by.
    pub(crate) fn of_w3c(self) -> w3c::Issuer<'a> {
        w3c::Issuer { identifier: self.identifier, did: self.did, signer: self.signer, chain: self.chain }
    }

    /// Where a status list is published.
    pub(crate) fn status_list_uri(self, list: u64) -> String {
        status_list_uri(self.identifier, list)
    }
}

fn status_list_uri(identifier: &str, list: u64) -> String {
    format!("{identifier}/status-lists/{list}")
}

/// The credential configurations of templates: each with every format that it declares and that can be signed.
pub(crate) fn configurations<'a>(
    definitions: impl Iterator<Item = &'a Definition>,
    chain: Option<&CertificateChain>,
) -> impl Iterator<Item = (&'a Definition, Format, String)> {
    definitions.flat_map(move |definition| {
        let formats = Format::ALL.into_iter().filter(move |format| can_issue(definition, *format, chain));
        formats.map(move |format| (definition, format, format.configuration_id(&definition.configuration_id)))
    })
}

/// An mdoc is verified by its certificates and by nothing else: by such as are for documents.
fn can_issue(definition: &Definition, format: Format, chain: Option<&CertificateChain>) -> bool {
    let for_documents = chain.is_some_and(CertificateChain::may_sign_documents);
    definition.has(format) && (format != Format::Mdoc || for_documents)
}
