//! The people and things that the tests are about.

use std::sync::atomic::{AtomicU64, Ordering};

use chancery_domain::audit::{Action, Actor, Author, Changed};
use chancery_domain::plugin::Part;
use chancery_domain::scope::Scope;
use chancery_domain::template::Revision;
use chancery_domain::tenant::{Administrator, TenantStatus};
use chancery_domain::{
    ApiKeyId, AuditEntry, AuditEntryId, ClientId, CredentialId, DeferralId, Event, EventId, EventType,
    InvitationId, IssuanceId, OfferGrant, OfferId, StatusEntry, Tenant, TenantId,
};
use chancery_store::{
    Activation, Asked, AuditTrail, By, ClientTerms, Intent, KeyState, LastDocument, Link, NewComponent,
    NewCopy, NewDeferral, NewInvitation, NewOffer, NewTenant, NewTxCode, PinnedItem, Principal, Redemption,
    Seal, SigningKeyName, Store, StoredKey, WebhookTerms,
};
use serde_json::json;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// When the tests take place.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-21 10:20:30 UTC);
pub(crate) const COMPONENT: [u8; 32] = [0xc0; 32];
pub(crate) const REVISION: Revision = Revision { component: COMPONENT, configuration: [0xcf; 32] };
pub(crate) const BADGE: &str = "badge";

/// Ten bytes that no other call gets.
pub(crate) fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

/// A digest that no other call gets.
pub(crate) fn digest() -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    bytes[..10].copy_from_slice(&unique());
    bytes
}

pub(crate) fn new_tenant(slug: &str) -> NewTenant {
    let id = TenantId::new(NOW, unique());
    NewTenant {
        tenant: Tenant {
            id,
            slug: slug.to_owned(),
            name: format!("{slug} and sons"),
            status: TenantStatus::Active,
            parent: None,
            system: false,
            version: 1,
            delete_at: None,
        },
        sealed_under: [7; 16],
        sealed_seed: vec![1; 60],
        sealed_data_key: vec![2; 60],
        keys: Vec::new(),
        api_key: None,
        invitation: None,
        audit: entry(Action::TenantRegistered, id, None),
        ordered: None,
        held: None,
    }
}

/// What a trail is told of a change that the key made.
pub(crate) fn entry(action: Action, target: impl Into<String>, key: Option<ApiKeyId>) -> AuditEntry {
    let author = Author { actor: key.map_or(Actor::Host, Actor::ApiKey), request: None };
    let made = Changed::made(json!({ "z": 1.50, "a": "order and numbers are kept" }));
    AuditEntry::new(AuditEntryId::new(NOW, unique()), NOW, author, action, target, &made)
}

/// The plugin behind badges.
pub(crate) fn badge_component() -> NewComponent<'static> {
    let (name, version, hook) = (BADGE, "0.1.0", "credential-template");
    NewComponent { digest: COMPONENT, name, version, hook, report: json!({ "z": 1 }), wasm: b"\0asm" }
}

/// A tenant that can issue badges.
pub(crate) async fn issuer(store: &Store, slug: &str) -> TenantId {
    let mut platform = store.platform(By::Operator).await.unwrap();
    platform.found_deployment([7; 16], 0).await.unwrap();
    platform.put_component(&badge_component()).await.unwrap();
    platform.commit().await.unwrap();

    let new = new_tenant(slug);
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    provision.commit().await.unwrap();

    let mut tx = store.tenant(new.tenant.id).await.unwrap();
    assert!(tx.add_signing_key(&key(1, KeyState::Active)).await.unwrap());
    let configuration = json!({ "z": 1.50, "a": "order and numbers are kept" });
    let (configuration_id, configuration_hash) = (BADGE.to_owned(), REVISION.configuration);
    let activation = Activation { configuration_id, component: COMPONENT, configuration, configuration_hash };
    tx.activate(&activation, Part::Active, NOW).await.unwrap();
    tx.commit().await.unwrap();
    new.tenant.id
}

pub(crate) fn key(version: u32, state: KeyState) -> StoredKey {
    StoredKey {
        key_use: "credential".to_owned(),
        algorithm: "ES256".to_owned(),
        version,
        state,
        public_jwk: json!({ "kty": "EC", "crv": "P-256" }),
        created_at: NOW,
        not_before: None,
        retire_at: None,
        compromised: false,
        certificate: None,
    }
}

pub(crate) fn new_offer() -> NewOffer {
    new_offer_by(None)
}

/// An offer that the holder of a key makes, or the host.
pub(crate) fn new_offer_by(key: Option<ApiKeyId>) -> NewOffer {
    let id = OfferId::new(NOW, unique());
    NewOffer {
        id,
        handle_hash: digest(),
        grant: OfferGrant::PreAuthorizedCode,
        code_hash: digest(),
        items: vec![PinnedItem { configuration_id: BADGE.to_owned(), revision: REVISION }],
        tx_code: None,
        sealed_subject: b"sealed".to_vec(),
        created_at: NOW,
        expires_at: NOW + Duration::minutes(10),
        made_by: key.map(Principal::ApiKey),
        audit: entry(Action::OfferCreated, id, key),
    }
}

pub(crate) fn with_tx_code(mac: [u8; 32]) -> NewOffer {
    let description = json!({ "length": 4, "input_mode": "numeric" });
    NewOffer { tx_code: Some(NewTxCode { mac, description }), ..new_offer() }
}

pub(crate) async fn create(store: &Store, tenant: TenantId, offer: &NewOffer) {
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.create_offer(offer).await.unwrap());
    tx.commit().await.unwrap();
}

pub(crate) async fn redeem(store: &Store, tenant: TenantId, offer: &NewOffer) -> Redemption {
    let mut tx = store.tenant(tenant).await.unwrap();
    let redemption = tx.redeem(&offer.code_hash, NOW).await.unwrap();
    tx.commit().await.unwrap();
    redemption
}

/// An offer whose code was exchanged.
pub(crate) async fn redeemed(store: &Store, tenant: TenantId) -> NewOffer {
    let offer = new_offer();
    create(store, tenant, &offer).await;
    assert!(matches!(redeem(store, tenant, &offer).await, Redemption::Redeemed { .. }));
    offer
}

/// A deferral of the badge of an offer.
pub(crate) fn new_deferral(offer: &NewOffer) -> NewDeferral {
    NewDeferral {
        id: DeferralId::new(NOW, unique()),
        offer: offer.id,
        configuration_id: BADGE.to_owned(),
        has_subject: true,
        recipient: b"recipient".to_vec(),
        interval: 5,
        reason: None,
        created_at: NOW,
        expires_at: NOW + Duration::HOUR,
    }
}

/// An intent to issue one copy, at an index of its own.
pub(crate) fn intent(offer: &NewOffer) -> Intent {
    static INDEX: AtomicU64 = AtomicU64::new(0);
    let index = u32::try_from(INDEX.fetch_add(1, Ordering::Relaxed)).unwrap();
    Intent {
        issuance: IssuanceId::new(NOW, unique()),
        offer: offer.id,
        configuration_id: BADGE.to_owned(),
        revision: REVISION,
        key: SigningKeyName { key_use: "credential".to_owned(), algorithm: "ES256".to_owned(), version: 1 },
        copies: vec![NewCopy {
            credential: CredentialId::new(NOW, unique()),
            status: StatusEntry { list: 0, index },
        }],
        nonces: Vec::new(),
        dpop_proof: None,
        asked: Some(Asked { input_tag: [5; 32], fuel: 7 }),
        deferral: None,
        repeats: None,
        now: NOW,
        expires_at: NOW + Duration::days(90),
        events: Vec::new(),
    }
}

/// A webhook that is told everything.
pub(crate) fn webhook_terms() -> WebhookTerms {
    let url = "https://hooks.example/".to_owned();
    WebhookTerms { url, description: String::new(), event_types: None, enabled: true }
}

/// Something that happens now.
pub(crate) fn event(kind: EventType) -> Event {
    Event { id: EventId::new(NOW, unique()), at: NOW, kind: kind.as_str(), data: serde_json::json!({}) }
}

/// What a verifier would look for.
pub(crate) fn last_document() -> LastDocument {
    LastDocument {
        path: "/jwks".to_owned(),
        content_type: "application/jwk-set+json".to_owned(),
        body: b"{}".to_vec(),
        expires_at: NOW + Duration::days(90),
    }
}

/// An issued badge.
pub(crate) async fn issued(store: &Store, tenant: TenantId) -> Intent {
    let intent = intent(&redeemed(store, tenant).await);
    let tx = store.tenant(tenant).await.unwrap();
    tx.record_issuance(&intent).await.unwrap().unwrap();
    intent
}

/// The id of a client.
pub(crate) fn client(number: u8) -> ClientId {
    ClientId::new(NOW, [number; 10])
}

/// What a client may do that makes badges.
pub(crate) fn terms() -> ClientTerms {
    let configuration_ids = Some(vec![BADGE.to_owned()]);
    ClientTerms { name: "portal".to_owned(), scopes: vec![Scope::Offer], configuration_ids, jwks: None }
}

/// An invitation to somebody.
pub(crate) fn invitation(expires_at: OffsetDateTime) -> NewInvitation {
    let id = InvitationId::new(NOW, unique());
    NewInvitation { id, hash: digest(), sealed_email: b"sealed".to_vec(), expires_at }
}

/// Puts a tenant into a status, as an operator would.
pub(crate) async fn set_status(store: &Store, tenant: TenantId, status: TenantStatus) {
    let mut tx = store.platform(By::Operator).await.unwrap();
    let read = tx.tenant(tenant).await.unwrap().unwrap();
    assert!(
        tx.change_tenant(&read, &read.name, status, Some(Administrator::Operator)).await.unwrap().is_some()
    );
    tx.commit().await.unwrap();
}

/// Seals what waits, under that number.
pub(crate) async fn seal(trail: &mut impl AuditTrail, number: u32) -> Vec<AuditEntryId> {
    let entries = trail.unsealed_entries(100).await.unwrap();
    let links: Vec<_> = entries.iter().map(|entry| Link { entry: entry.id, digest: digest() }).collect();
    let seal = Seal { number, sealed_at: NOW, hash: digest(), mac: digest() };
    assert!(trail.seal_entries(&seal, &links).await.unwrap());
    links.iter().map(|link| link.entry).collect()
}
