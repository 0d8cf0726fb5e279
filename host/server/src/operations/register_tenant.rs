//! Adds a tenant: validated first, then allowed by the licence and decided upon by policies, and only then written,
//! in one transaction with everything that it begins with.

use chancery_credential::keys::{KeyUse, Keyring, TenantKeys};
use chancery_credential::secrets::{ApiKeySecret, InvitationSecret};
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::onboarding::{Channel, Held};
use chancery_domain::scope::Scope;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{AuditEntry, InvitationId, Slug, Tenant, TenantId, random_bytes};
use chancery_engine::{Contact, Counts, DecideRequest};
use chancery_store::{Admission, NewInvitation, NewTenant, StoreError};
use serde_json::{Map, json};
use time::Duration;
use zeroize::Zeroizing;

use super::licensing::{allow_registration, lacks_place};
use super::onboarding::{Verdict, decide};
use crate::app::App;
use crate::manage::api_keys::new_api_key;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::keys::{TOKEN_ALGORITHM, data_key_of, first_key, seed_of};

/// Who wants to become a tenant.
pub(crate) struct Registration {
    pub(crate) slug: Slug,
    pub(crate) name: String,
    pub(crate) parent: Option<TenantId>,
    /// By which way it comes.
    pub(crate) channel: Channel,
    /// The e-mail address of who is to be invited to own it.
    pub(crate) owner: Option<String>,
    /// Whether whoever registers it may set it up, by a key that does everything in it.
    pub(crate) set_up: bool,
    /// What the parent's own trail is told, if the parent's people ordered it.
    pub(crate) ordered: Option<AuditEntry>,
}

/// A new tenant, and how people get in; all of it is shown once.
pub(crate) struct Registered {
    pub(crate) tenant: Tenant,
    /// For whoever sets the tenant up, to be revoked by its owner.
    pub(crate) key: Option<ApiKeySecret>,
    /// For the owner, if one was named: who accepts it gets a key that nobody else ever saw.
    pub(crate) invitation: Option<InvitationSecret>,
}

/// How long an invitation may be accepted.
const INVITED_FOR: Duration = Duration::hours(72);
/// The same, where somebody has to let the tenant in first.
const INVITED_WHILE_HELD: Duration = Duration::days(30);
/// Of how many licences one after the other a registration is judged by before it is left to be tried again.
const MOST_LICENSES: usize = 3;

/// Registers an ordinary tenant.
pub(crate) async fn register_tenant(
    app: &App,
    author: Author,
    registration: Registration,
) -> Result<Registered, Problem> {
    let parent = found_parent(app, &registration).await?;
    if app.store.directory().tenant_by_slug(registration.slug.as_str()).await?.is_some() {
        return Err(taken());
    }
    let (counts, depth) = app.store.directory().counts(registration.parent).await?;
    let mut gate = allow_registration(app, &counts, depth).await?;
    let counts = Counts {
        total: counts.total,
        roots: counts.roots,
        siblings: counts.siblings,
        waiting: counts.waiting,
        depth,
    };
    let verdict = decide(app, &asked(app, &registration, parent, counts)).await?;
    let (status, held) = match verdict {
        Verdict::Admit => (TenantStatus::Active, None),
        Verdict::Hold(status, held) => (status, Some(held)),
    };
    let Registration { slug, name, parent, channel, owner, set_up, ordered } = registration;
    let tenant = Tenant {
        id: TenantId::new(app.now(), random_bytes(app.random.as_ref())),
        slug: slug.as_str().to_owned(),
        name,
        status,
        parent,
        system: false,
        version: 1,
        delete_at: None,
    };
    let (mut new, keys) = begin_tenant(app, author, tenant).await?;
    if let Some(held) = &held {
        new.audit = held_registration_of(app, author, &new.tenant, held);
    }
    let (first, key) = set_up.then(|| new_api_key(app, "first key", vec![Scope::Owner])).unzip();
    new.api_key = first;
    let invited_for = if held.is_some() { INVITED_WHILE_HELD } else { INVITED_FOR };
    let invited = owner.map(|email| invite(app, &keys, &email, invited_for));
    let (written, invitation) = invited.unzip();
    new.invitation = written;
    new.ordered = ordered;
    new.held = held.map(|held| (channel, held));
    for _ in 0..MOST_LICENSES {
        let mut tx = app.store.provision().await?;
        let admission = tx.admit(&new, &gate).await?;
        tx.commit().await?;
        match admission {
            Admission::Added => {
                app.tenants.forget(new.tenant.id);
                return Ok(Registered { tenant: new.tenant, key, invitation });
            }
            Admission::Taken => return Err(taken()),
            Admission::Full(full) => return Err(lacks_place(full)),
            Admission::Moved => {
                let (counts, depth) = app.store.directory().counts(parent).await?;
                gate = allow_registration(app, &counts, depth).await?;
            }
        }
    }
    Err(Problem::new(ProblemCode::Unavailable).because("the licence changes all the time"))
}

/// The parent's slug, if there is to be a parent.
async fn found_parent(app: &App, registration: &Registration) -> Result<Option<String>, Problem> {
    let Some(parent) = registration.parent else { return Ok(None) };
    let found = app.store.directory().tenant(parent).await?;
    let found = found.filter(|found| !found.system && found.status == TenantStatus::Active);
    let missing = || Problem::invalid_at("/parent", "parent", "there is no active tenant of that id");
    Ok(Some(found.ok_or_else(missing)?.slug))
}

fn taken() -> Problem {
    Problem::new(ProblemCode::Conflict).detail("the slug is taken, or was once")
}

/// What policies are asked.
fn asked(app: &App, registration: &Registration, parent: Option<String>, counts: Counts) -> DecideRequest {
    let owner = registration.owner.clone();
    DecideRequest {
        registration: chancery_engine::Registration {
            slug: registration.slug.as_str().to_owned(),
            name: registration.name.clone(),
            parent,
            owner: owner.map(|email| Contact { email, name: None, email_verified: false }),
            channel: registration.channel.as_str().to_owned(),
            details: Map::new(),
        },
        counts,
        now: app.now(),
        locale: "en".to_owned(),
    }
}

fn invite(
    app: &App,
    keys: &TenantKeys,
    email: &str,
    invited_for: Duration,
) -> (NewInvitation, InvitationSecret) {
    let (now, random) = (app.now(), app.random.as_ref());
    let secret = InvitationSecret::random(random);
    let id = InvitationId::new(now, random_bytes(random));
    let invitation = NewInvitation {
        id,
        hash: secret.hash(),
        sealed_email: keys.seal_invited(id, email, random),
        expires_at: now + invited_for,
    };
    (invitation, secret)
}

/// Draws the secrets of a tenant that does not exist yet and derives its first keys.
pub(crate) async fn begin_tenant(
    app: &App,
    author: Author,
    tenant: Tenant,
) -> Result<(NewTenant, TenantKeys), StoreError> {
    let (now, random) = (app.now(), app.random.as_ref());
    let keyring = sealing_keyring(app).await?;
    let fresh = || Zeroizing::new(random_bytes::<32>(random));
    let (seed, data_key) = (fresh(), fresh());
    let keys = keyring.tenant(tenant.id, &seed, &data_key);
    let new = NewTenant {
        sealed_under: keyring.check_value(),
        sealed_seed: keyring.seal(&seed_of(tenant.id), &*seed, random),
        sealed_data_key: keyring.seal(&data_key_of(tenant.id), &*data_key, random),
        keys: vec![
            first_key(&keys, KeyUse::Credential, app.first_algorithm, now),
            first_key(&keys, KeyUse::Token, TOKEN_ALGORITHM, now),
        ],
        api_key: None,
        invitation: None,
        audit: registration_of(app, author, &tenant),
        ordered: None,
        held: None,
        tenant,
    };
    Ok((new, keys))
}

/// What the platform's audit trail is told. The first tenant of all is the platform's own.
fn registration_of(app: &App, author: Author, tenant: &Tenant) -> AuditEntry {
    let action = if tenant.system { Action::PlatformFounded } else { Action::TenantRegistered };
    let made = json!({ "slug": tenant.slug, "name": tenant.name, "parent": tenant.parent });
    app.entry(author, action, tenant.id, &Changed::made(made))
}

/// The same of one that has to wait: in which status, and for which reasons, without what they say about whom.
fn held_registration_of(app: &App, author: Author, tenant: &Tenant, held: &Held) -> AuditEntry {
    let reasons: Vec<&str> = held.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let made = json!({
        "slug": tenant.slug, "name": tenant.name, "parent": tenant.parent, "status": tenant.status,
        "verifications": held.verifications, "reasons": reasons,
    });
    app.entry(author, Action::TenantRegistered, tenant.id, &Changed::made(made))
}

/// The keys, with the master sealing that is in force: while one is being replaced a host holds two.
pub(crate) async fn sealing_keyring(app: &App) -> Result<Keyring, StoreError> {
    let keyring = &app.tenants.workshop.keyring;
    let master = app.store.directory().sealing_master().await?.unwrap_or(keyring.check_value());
    let unknown = || StoreError::Configuration("it is sealed under another master key".to_owned());
    keyring.sealing_under(master).ok_or_else(unknown)
}
