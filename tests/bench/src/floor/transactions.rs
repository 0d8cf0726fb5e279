//! The statements of an issuance, by way of the store, without a server around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::clock::SystemClock;
use chancery_domain::template::Revision;
use chancery_domain::tenant::TenantStatus;
use chancery_domain::{
    AuditEntry, AuditEntryId, Clock as _, CredentialId, IssuanceId, OfferGrant, OfferId, StatusEntry, Tenant,
    TenantId,
};
use chancery_store::{
    Asked, By, Intent, KeyState, NewComponent, NewCopy, NewOffer, NewTenant, PinnedItem, PoolSize,
    Redemption, RolePasswords, SigningKeyName, Store, StoredKey, Urls, UsedOnce,
};
use serde_json::json;
use time::Duration as Span;
use time::OffsetDateTime;

use crate::cost;
use crate::issuer::Database;

const CONFIGURATION: &str = "badge";
const REVISION: Revision = Revision { component: [0xc0; 32], configuration: [0xcf; 32] };
/// Of sealed subject data, as long as the badge's.
const SEALED: usize = 220;

/// What the transactions of one issuance cost.
pub(crate) struct Transactions {
    pub(crate) count: u32,
    pub(crate) round_trips: u32,
    /// Processor time of PostgreSQL.
    pub(crate) database: Duration,
    /// Processor time of this process: driver, pool and runtime.
    pub(crate) client: Duration,
}

/// Measures `count` times the transactions of one issuance, `concurrency` at a time.
pub(crate) async fn transactions(
    database: &Database,
    concurrency: usize,
    warm_up: usize,
    count: usize,
) -> Result<Transactions> {
    let passwords = RolePasswords { tenant: "tenant".to_owned(), platform: "platform".to_owned() };
    Store::migrate(database.admin_url(), &passwords).await?;
    let urls = Urls::serving(database.admin_url(), &passwords)?;
    let store = Store::open(&urls, PoolSize::default()).await?;
    let tenant = found(&store).await?;
    repeat(&store, tenant, concurrency, warm_up).await?;

    let (traffic, used, own) = (store.traffic(), database.used()?, cost::own());
    repeat(&store, tenant, concurrency, count).await?;
    let (client, used) = (cost::own().saturating_sub(own), database.used()?.saturating_sub(used));
    let after = store.traffic();
    store.close();
    let times = u32::try_from(count)?;
    Ok(Transactions {
        count: u32::try_from(after.transactions - traffic.transactions)? / times,
        round_trips: u32::try_from(after.round_trips - traffic.round_trips)? / times,
        database: used / times,
        client: client / times,
    })
}

/// A tenant that may issue.
async fn found(store: &Store) -> Result<TenantId> {
    let now = SystemClock.now();
    let mut platform = store.platform(By::Operator).await?;
    platform.found_deployment([7; 16], 0).await?;
    let badge = NewComponent {
        digest: REVISION.component,
        name: CONFIGURATION,
        version: "0.1.0",
        hook: "credential-template",
        report: json!({}),
        wasm: b"\0asm",
    };
    platform.put_component(&badge).await?;
    platform.commit().await?;

    let SigningKeyName { key_use, algorithm, version } = key();
    let public_jwk = json!({ "kty": "EC", "crv": "P-256" });
    let key = StoredKey {
        key_use,
        algorithm,
        version,
        state: KeyState::Active,
        public_jwk,
        created_at: now,
        not_before: None,
        retire_at: None,
        compromised: false,
        certificate: None,
    };
    let id = TenantId::new(now, bytes()?);
    let new = NewTenant {
        tenant: Tenant {
            id,
            slug: "floor".to_owned(),
            name: "Floor".to_owned(),
            status: TenantStatus::Active,
            parent: None,
            system: false,
            version: 1,
            delete_at: None,
        },
        sealed_under: [7; 16],
        sealed_seed: vec![1; 60],
        sealed_data_key: vec![2; 60],
        keys: vec![key],
        api_key: None,
        invitation: None,
        audit: entry(Action::TenantRegistered, id, now)?,
        ordered: None,
        held: None,
    };
    let mut provision = store.provision().await?;
    ensure!(provision.register(&new).await?, "the slug is taken in a fresh database");
    provision.commit().await?;
    Ok(new.tenant.id)
}

async fn repeat(store: &Store, tenant: TenantId, concurrency: usize, count: usize) -> Result<()> {
    static INDEX: AtomicU32 = AtomicU32::new(0);
    let left = Arc::new(AtomicU32::new(u32::try_from(count)?));
    let mut working = Vec::with_capacity(concurrency);
    for _ in 0..concurrency {
        let (store, left) = (store.clone(), Arc::clone(&left));
        working.push(tokio::spawn(async move {
            let take = |rest: u32| rest.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                issue(&store, tenant, INDEX.fetch_add(1, Ordering::Relaxed)).await?;
            }
            anyhow::Ok(())
        }));
    }
    for work in working {
        work.await.context("wait for a client")??;
    }
    Ok(())
}

/// Make an offer, redeem it, record the intent: three transactions.
async fn issue(store: &Store, tenant: TenantId, index: u32) -> Result<()> {
    let now = SystemClock.now();
    let offer = NewOffer {
        made_by: None,
        id: OfferId::new(now, bytes()?),
        handle_hash: bytes()?,
        grant: OfferGrant::PreAuthorizedCode,
        code_hash: bytes()?,
        items: vec![PinnedItem { configuration_id: CONFIGURATION.to_owned(), revision: REVISION }],
        tx_code: None,
        sealed_subject: vec![0x5e; SEALED],
        created_at: now,
        expires_at: now + Span::minutes(10),
        audit: entry(Action::OfferCreated, "floor", now)?,
    };
    let mut tx = store.tenant(tenant).await?;
    tx.create_offer(&offer).await?;
    tx.commit().await?;

    let mut tx = store.tenant(tenant).await?;
    let redemption = tx.redeem(&offer.code_hash, now).await?;
    ensure!(matches!(redemption, Redemption::Redeemed { .. }), "the code does not redeem: {redemption:?}");
    tx.commit().await?;

    let intent = intent(&offer, index, now)?;
    let tokens = store.tenant(tenant).await?.record_issuance(&intent).await??;
    ensure!(tokens.len() == 1, "one copy, one token");
    Ok(())
}

fn entry(action: Action, target: impl Into<String>, now: OffsetDateTime) -> Result<AuditEntry> {
    let id = AuditEntryId::new(now, bytes()?);
    Ok(AuditEntry::new(id, now, Author::HOST, action, target, &Changed::made(json!({}))))
}

fn intent(offer: &NewOffer, index: u32, now: OffsetDateTime) -> Result<Intent> {
    Ok(Intent {
        issuance: IssuanceId::new(now, bytes()?),
        offer: offer.id,
        configuration_id: CONFIGURATION.to_owned(),
        revision: REVISION,
        key: key(),
        copies: vec![NewCopy {
            credential: CredentialId::new(now, bytes()?),
            status: StatusEntry { list: 0, index },
        }],
        nonces: vec![UsedOnce { hash: bytes()?, expires_at: now + Span::minutes(15) }],
        dpop_proof: None,
        asked: Some(Asked { input_tag: bytes()?, fuel: 100_000 }),
        deferral: None,
        repeats: None,
        now,
        expires_at: now + Span::days(365),
        events: Vec::new(),
    })
}

fn key() -> SigningKeyName {
    SigningKeyName { key_use: "credential".to_owned(), algorithm: "ES256".to_owned(), version: 1 }
}

fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("fill an id")?;
    Ok(bytes)
}
