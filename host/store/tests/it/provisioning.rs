//! Making tenants, migrating, and who may serve.

use chancery_domain::tenant::{Administrator, TenantStatus};
use chancery_store::{
    By, Change, KeyState, NewOffer, Page, PoolSize, Seen, Store, StoreError, TenantFilter, Urls, migrate,
};
use sqlx::{Connection as _, PgConnection};

use crate::database::{Database, one, passwords, run};
use crate::support::*;

#[tokio::test]
async fn a_registered_tenant_is_found_by_slug_and_by_id() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let directory = store.directory();
    let new = new_tenant("acme");
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    assert_eq!(directory.tenant(new.tenant.id).await.unwrap(), None, "not before the commit");
    provision.commit().await.unwrap();

    let tenant = Some(new.tenant.clone());
    assert_eq!(directory.tenant(new.tenant.id).await.unwrap(), tenant);
    assert_eq!(directory.tenant_by_slug("acme").await.unwrap(), tenant);
    assert_eq!(directory.tenant_by_slug("Acme").await.unwrap(), None);
}

#[tokio::test]
async fn there_is_one_application_tenant_and_no_slug_leads_to_it() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let directory = store.directory();
    assert_eq!(directory.application_tenant().await.unwrap(), None);
    let application = |slug: &str| {
        let mut new = new_tenant(slug);
        new.tenant.system = true;
        new
    };
    let claims = (0..4).map(|number| {
        let store = store.clone();
        async move {
            let mut provision = store.provision().await.unwrap();
            let claimed = provision.register(&application(&format!("platform-{number}"))).await.unwrap();
            provision.commit().await.unwrap();
            claimed
        }
    });
    let claimed = futures(claims).await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1, "one of them is first");
    let found = directory.application_tenant().await.unwrap().unwrap();
    assert_eq!(directory.tenant_by_slug(&found.slug).await.unwrap(), None);
    assert!(!directory.has_tenants().await.unwrap());
    let mut platform = store.platform(By::Operator).await.unwrap();
    assert_eq!(platform.tenant(found.id).await.unwrap(), None);
    assert!(
        platform
            .change_tenant(&found, "other", TenantStatus::Deleted, Some(Administrator::Operator))
            .await
            .unwrap()
            .is_none()
    );
    platform.commit().await.unwrap();
    issuer(&store, "acme").await;
    assert!(directory.has_tenants().await.unwrap());
}

#[tokio::test]
async fn a_tenant_is_registered_with_all_that_it_begins_with_or_not_at_all() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let parent = issuer(&store, "parent").await;
    let mut new = new_tenant("child");
    new.tenant.parent = Some(parent);
    new.keys = vec![key(1, KeyState::Active)];
    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    drop(provision);
    assert_eq!(store.directory().tenant_by_slug("child").await.unwrap(), None);

    let mut provision = store.provision().await.unwrap();
    assert!(provision.register(&new).await.unwrap());
    provision.commit().await.unwrap();
    let mut tx = store.tenant(new.tenant.id).await.unwrap();
    assert_eq!(tx.itself().await.unwrap().unwrap().parent, Some(parent));
    assert_eq!(tx.signing_keys().await.unwrap().len(), 1);
    tx.commit().await.unwrap();

    set_status(&store, parent, TenantStatus::Suspended).await;
    for parent in [parent, new_tenant("nobody").tenant.id] {
        let mut orphan = new_tenant("orphan");
        orphan.tenant.parent = Some(parent);
        let mut provision = store.provision().await.unwrap();
        assert!(!provision.register(&orphan).await.unwrap());
        provision.commit().await.unwrap();
    }
}

#[tokio::test]
async fn every_replica_hears_which_tenant_changed_and_which_version_comes() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut changes = store.changes().await.unwrap();
    set_status(&store, tenant, TenantStatus::Suspended).await;
    assert_eq!(changes.next().await.unwrap(), Change::Tenant(tenant));
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.announce_component(&[7; 32]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(changes.next().await.unwrap(), Change::Component([7; 32]));
    let mut tx = store.platform(By::Operator).await.unwrap();
    tx.announce_forbidden(&[8; 32]).await.unwrap();
    tx.announce_change_of_all().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(changes.next().await.unwrap(), Change::Forbidden([8; 32]));
    assert_eq!(changes.next().await.unwrap(), Change::Unknown);
    let mut tx = store.tenant(tenant).await.unwrap();
    tx.announce_change().await.unwrap();
    tx.rollback().await.unwrap();
    run(
        &mut database.admin().await,
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query ilike 'listen%'",
    )
    .await;
    assert_eq!(changes.next().await.unwrap(), Change::Lost, "and what was not committed is not heard of");
}

#[tokio::test]
async fn nobody_overwrites_a_tenant_that_changed_meanwhile() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let mut tx = store.platform(By::Operator).await.unwrap();
    let read = tx.tenant(tenant).await.unwrap().unwrap();
    assert_eq!(
        tx.change_tenant(&read, "Acme Ltd", read.status, Some(Administrator::Operator)).await.unwrap(),
        Some(2)
    );
    assert_eq!(
        tx.change_tenant(&read, "Acme Inc", read.status, Some(Administrator::Operator)).await.unwrap(),
        None
    );
    assert_eq!(tx.tenant(tenant).await.unwrap().unwrap().name, "Acme Ltd");
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn tenants_are_listed_by_page_by_search_and_by_parent() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let acme = issuer(&store, "acme").await;
    for slug in ["beta", "gamma", "per-cent"] {
        let mut new = new_tenant(slug);
        new.tenant.parent = Some(acme);
        let mut provision = store.provision().await.unwrap();
        assert!(provision.register(&new).await.unwrap());
        provision.commit().await.unwrap();
    }
    let mut tx = store.platform(By::Operator).await.unwrap();
    let mut listed = async |search: Option<&str>, parent, before, limit| {
        let filter = TenantFilter { search: search.map(str::to_owned), parent };
        let (rows, next) = tx.tenants(&filter, &Page { before, limit }).await.unwrap();
        (rows.into_iter().map(|tenant| tenant.slug).collect::<Vec<_>>(), next)
    };
    let (first, next) = listed(None, None, None, 3).await;
    assert_eq!(first, ["per-cent", "gamma", "beta"]);
    assert_eq!(listed(None, None, next, 3).await, (vec!["acme".to_owned()], None));
    assert_eq!(listed(Some("GAM"), None, None, 3).await.0, ["gamma"]);
    assert_eq!(listed(Some("and sons"), None, None, 9).await.0.len(), 4);
    assert!(listed(Some("%"), None, None, 3).await.0.is_empty());
    assert_eq!(listed(None, Some(acme), None, 9).await.0.len(), 3);
}

#[tokio::test]
async fn a_slug_is_never_issued_again() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let gone = issuer(&store, "acme").await;
    set_status(&store, gone, TenantStatus::Deleted).await;

    let new = new_tenant("acme");
    let mut provision = store.provision().await.unwrap();
    assert!(!provision.register(&new).await.unwrap());
    provision.commit().await.unwrap();
    assert_eq!(store.directory().tenant(new.tenant.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_slug_has_the_shape_of_a_host_name() {
    let database = Database::fresh().await;
    let store = database.store().await;
    for slug in ["", "A", "1a", "a-", "-a", "a--b", "a_b", "a.b", &"a".repeat(64)] {
        let mut provision = store.provision().await.unwrap();
        let error = provision.register(&new_tenant(slug)).await.unwrap_err();
        assert!(error.is_conflict_on("tenants_slug_shape"), "{slug}: {error:?}");
        assert!(matches!(provision.commit().await, Err(StoreError::Aborted)));
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_replicas_may_do_it_at_once() {
    let database = Database::empty().await;
    let passwords = passwords();
    let migrations = (0..4).map(|_| migrate::migrate(&database.admin_url, &passwords, None));
    for outcome in futures(migrations).await {
        outcome.unwrap();
    }
    Store::migrate(&database.admin_url, &passwords).await.unwrap();
    let store = database.store().await;
    issuer(&store, "acme").await;
}

/// Runs all of them at the same time.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in all.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_role_that_may_only_create_roles_can_migrate() {
    let database = Database::empty().await;
    let mut admin = PgConnection::connect(&database.admin_url).await.unwrap();
    let name: String = one(&mut admin, "select current_database()::text").await;
    // Roles are the whole cluster's, and those of the other tests belong to its superuser.
    let managed: i32 = one(&mut admin, "select current_setting('server_version_num')::int").await;
    let creator = format!("{name}_creator");
    run(
        &mut admin,
        &format!(
            "drop role if exists {creator}; create role {creator} login createrole password 'secret';
         grant create on database {name} to {creator}"
        ),
    )
    .await;
    if managed >= 160_000 {
        for role in ["owner", "tenant", "platform"] {
            run(&mut admin, &format!("grant chancery_{role} to {creator} with admin option")).await;
        }
    }
    let url = Urls::serving(&database.admin_url, &passwords()).unwrap().tenant;
    let url = url.replace("chancery_tenant:tenantsecret", &format!("{creator}:secret"));
    migrate::migrate(&url, &passwords(), None).await.unwrap();
    database.store().await;
    run(
        &mut admin,
        &format!("revoke chancery_owner from {creator}; drop owned by {creator}; drop role {creator}"),
    )
    .await;
}

#[tokio::test]
async fn a_role_that_could_bypass_isolation_does_not_serve() {
    let database = Database::fresh().await;
    let mut admin = database.admin().await;
    let refused = async |urls: &Urls| match Store::open(urls, PoolSize::default()).await {
        Err(StoreError::UnsafeRole { role, why }) => (role, why),
        other => panic!("{other:?}"),
    };
    let superuser = Urls { tenant: database.admin_url.clone(), platform: database.urls.platform.clone() };
    assert_eq!(refused(&superuser).await, ("chancery".to_owned(), "is a superuser"));
    let superuser = Urls { tenant: database.urls.tenant.clone(), platform: database.admin_url.clone() };
    assert_eq!(refused(&superuser).await.1, "is a superuser");
    for (make, why, unmake) in [
        (
            "alter role chancery_tenant bypassrls",
            "bypasses row-level security",
            "alter role chancery_tenant nobypassrls",
        ),
        (
            "alter role chancery_platform createrole",
            "may create roles or databases, or replicate",
            "alter role chancery_platform nocreaterole",
        ),
        (
            "grant chancery_owner to chancery_tenant",
            "is a member of another role",
            "revoke chancery_owner from chancery_tenant",
        ),
        (
            "create table public.mine (id int); alter table public.mine owner to chancery_tenant",
            "owns objects in the database",
            "drop table public.mine",
        ),
        (
            "alter role chancery_tenant set role = chancery_platform; grant chancery_platform to chancery_tenant",
            "is a member of another role",
            "alter role chancery_tenant reset role; revoke chancery_platform from chancery_tenant",
        ),
    ] {
        run(&mut admin, make).await;
        let found = refused(&database.urls).await;
        run(&mut admin, unmake).await;
        assert_eq!(found.1, why);
    }
    database.store().await;
}

#[tokio::test]
async fn serving_connections_have_their_limits() {
    let database = Database::fresh().await;
    let mut serving = database.serving().await;
    for (setting, value) in [
        ("idle_in_transaction_session_timeout", "10s"),
        ("statement_timeout", "5s"),
        ("lock_timeout", "1s"),
        ("search_path", "chancery, pg_temp"),
        ("timezone", "UTC"),
    ] {
        let found: String = one(&mut serving, &format!("select current_setting('{setting}')")).await;
        assert_eq!(found, value, "{setting}");
    }
}

#[tokio::test]
async fn a_database_that_lacks_a_migration_is_not_served() {
    let database = Database::empty().await;
    let versions = migrate::versions();
    let needed = *versions.last().unwrap();
    let refused = async || match Store::open(&database.urls, PoolSize::default()).await {
        Err(StoreError::Unmigrated { found, needed }) => (found, needed),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused().await, (0, needed));
    let before_last = versions[versions.len() - 2];
    migrate::migrate(&database.admin_url, &passwords(), Some(before_last)).await.unwrap();
    assert_eq!(refused().await, (before_last, needed));
}

#[tokio::test]
async fn a_wrong_password_and_a_dead_server_are_told_apart() {
    let database = Database::fresh().await;
    let wrong = Urls {
        tenant: database.urls.tenant.replace("tenantsecret", "guess"),
        platform: database.urls.platform.clone(),
    };
    let error = Store::open(&wrong, PoolSize::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Configuration(_)), "{error:?}");
    let nowhere = "postgres://chancery_tenant@localhost/x?host=/nonexistent".to_owned();
    let nowhere = Urls { tenant: nowhere.clone(), platform: nowhere };
    let error = Store::open(&nowhere, PoolSize::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_is_not_committed() {
    let database = Database::fresh().await;
    let store = database.store().await;
    let tenant = issuer(&store, "acme").await;
    let (kept, used) = (digest(), new_offer());
    create(&store, tenant, &used).await;
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.remember(Seen::Nonce, &kept, NOW).await.unwrap());
    let same_code = NewOffer { code_hash: used.code_hash, ..new_offer() };
    let error = tx.create_offer(&same_code).await.unwrap_err();
    assert!(error.is_conflict_on("offers_code_key"), "{error:?}");
    assert!(matches!(tx.commit().await, Err(StoreError::Aborted)));
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.remember(Seen::Nonce, &kept, NOW).await.unwrap(), "it was not written");
}

#[tokio::test]
async fn connections_that_died_are_replaced_without_a_word() {
    let database = Database::fresh().await;
    let store = Store::open(&database.urls, PoolSize::default().for_one_tenant()).await.unwrap();
    let tenant = issuer(&store, "acme").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(store.tenant(tenant).await.unwrap());
    }
    for tx in open {
        tx.commit().await.unwrap();
    }
    let mut admin = database.admin().await;
    let killed: i64 = one(
        &mut admin,
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where usename = 'chancery_tenant' and datname = current_database()",
    )
    .await;
    assert!(killed >= 5);
    let mut tx = store.tenant(tenant).await.unwrap();
    assert!(tx.secrets().await.unwrap().is_some());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_pool_is_bounded_and_a_closed_store_says_so() {
    let database = Database::fresh().await;
    let store = Store::open(&database.urls, PoolSize { tenant: 2, share: 2, platform: 1 }).await.unwrap();
    let tenant = issuer(&store, "acme").await;
    let one = store.tenant(tenant).await.unwrap();
    let two = store.tenant(tenant).await.unwrap();
    let waiting = store.tenant(tenant);
    tokio::pin!(waiting);
    let soon = tokio::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, &mut waiting).await.is_err(), "there are only two");
    drop(one);
    let third = waiting.await.unwrap();
    store.close();
    third.commit().await.unwrap();
    two.rollback().await.unwrap();
    assert!(matches!(store.tenant(tenant).await, Err(StoreError::Unavailable(_))));
}
