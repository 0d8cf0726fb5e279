//! Two tenants in one database see nothing of each other, whatever is tried.

use std::collections::BTreeMap;

use chancery_domain::audit::Action;
use chancery_domain::plugin::Approval;
use chancery_domain::scope::Scope;
use chancery_domain::settings::Overrides;
use chancery_domain::{AuthorizationId, ClientId, CredentialStatus, EventType, OfferId, TenantId, WebhookId};
use chancery_store::{
    HolderProvider, ImportedKey, KeptInput, LookupSource, NewApiKey, NewAuthorization, NewFamily,
    PublishedStatuses, Seen, SigningKeyName, Store, StoredAnswer, UsedOnce,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use time::Duration;

use crate::catalogue::tenant_tables;
use crate::database::{Database, one, run};
use crate::support::*;

/// A tenant with a row in every table.
async fn settled(store: &Store, slug: &str) -> TenantId {
    let tenant = issuer(store, slug).await;
    let offered = new_offer();
    create(store, tenant, &offered).await;
    let mut intent = intent(&redeemed(store, tenant).await);
    intent.nonces = vec![UsedOnce { hash: digest(), expires_at: NOW + Duration::minutes(5) }];
    store.tenant(tenant).await.unwrap().record_issuance(&intent).await.unwrap().unwrap();
    let mut tx = store.tenant(tenant).await.unwrap();
    let _ = tx.lease_status_indices(10, 0).await.unwrap();
    let id = "key_00000000000070008000000000000001".parse().unwrap();
    let scopes = vec![Scope::Manage];
    let key = NewApiKey { id, hash: digest(), name: "ci".to_owned(), scopes, created_at: NOW };
    tx.create_api_key(&key).await.unwrap();
    tx.create_client(ClientId::new(NOW, unique()), &digest(), &terms()).await.unwrap();
    tx.invite(&invitation(NOW + Duration::HOUR)).await.unwrap();
    let answer = StoredAnswer { request_hash: digest(), sealed_answer: vec![1] };
    assert!(tx.remember_answer(&digest(), &answer, NOW, NOW + Duration::HOUR).await.unwrap());
    let id_of_request = AuthorizationId::new(NOW, unique());
    let refused = NewAuthorization { id: id_of_request, offer: None, expires_at: NOW, now: NOW };
    assert!(tx.decide(&refused).await.unwrap());
    let family = NewFamily {
        offer: OfferId::new(NOW, unique()),
        token_hash: digest(),
        sealed: vec![1],
        expires_at: NOW,
    };
    tx.begin_family(&family).await.unwrap();
    assert!(tx.defer(&new_deferral(&offered)).await.unwrap());
    seal(&mut tx, 1).await;
    tx.record(&entry(Action::ApiKeyCreated, id, None)).await.unwrap();
    let name = SigningKeyName { key_use: "credential".to_owned(), algorithm: "ES256".to_owned(), version: 1 };
    tx.keep_imported_key(&ImportedKey { name, sealed: vec![1] }).await.unwrap();
    let input = KeptInput { issuance: intent.issuance, sealed: vec![1], expires_at: NOW + Duration::HOUR };
    tx.keep_inputs(&[input]).await.unwrap();
    assert!(tx.shelve(&COMPONENT, Approval::Given, NOW, "host").await.unwrap());
    tx.keep_superseded_mac(1, &[1]).await.unwrap();
    assert!(tx.configure(None, 0, &Overrides::default()).await.unwrap());
    tx.keep_last_documents(&[last_document()]).await.unwrap();
    assert!(tx.create_webhook(WebhookId::new(NOW, unique()), &webhook_terms(), &[1]).await.unwrap());
    tx.tell(&[event(EventType::OfferCreated)]).await.unwrap();
    let source = LookupSource {
        configuration_id: BADGE.to_owned(),
        name: "staff".to_owned(),
        url: "https://staff.example/".to_owned(),
        header: Some(("authorization".to_owned(), vec![1])),
        set_at: NOW,
    };
    assert!(tx.set_source(&source).await.unwrap());
    let provider = HolderProvider {
        name: "sso".to_owned(),
        label: "Single sign-on".to_owned(),
        issuer: "https://op.example".to_owned(),
        client_id: "chancery".to_owned(),
        sealed_secret: Some(vec![1]),
        scopes: vec!["openid".to_owned()],
        userinfo: false,
        configuration_ids: vec![BADGE.to_owned()],
        claims: BTreeMap::new(),
        set_at: NOW,
    };
    assert!(tx.set_provider(&provider).await.unwrap());
    assert_eq!(tx.provider("sso").await.unwrap(), Some(provider));
    let forgotten = [(7, CredentialStatus::Revoked)];
    let [_, _, list @ ..] = unique();
    let list = (1 << 40) + u64::from_be_bytes(list);
    let published = PublishedStatuses { list, size: 8, version: 1, statuses: &forgotten };
    assert_eq!(tx.recover_statuses(&published).await.unwrap().forgotten, 1);
    tx.commit().await.unwrap();
    tenant
}

struct Neighbours {
    database: Database,
    store: Store,
    ours: TenantId,
    theirs: TenantId,
}

impl Neighbours {
    async fn moved_in() -> Self {
        let database = Database::fresh().await;
        let store = database.store().await;
        let ours = settled(&store, "ours").await;
        let theirs = settled(&store, "theirs").await;
        Self { database, store, ours, theirs }
    }

    /// Every tenant's table, with one row of each of the two.
    async fn rows(&self) -> BTreeMap<String, (Value, Value)> {
        let mut admin = self.database.admin().await;
        let mut rows = BTreeMap::new();
        for table in tenant_tables(&mut admin).await {
            let mut row_of = async |tenant: TenantId| -> Value {
                let query = format!(
                    "select to_jsonb(t) from {table} t where tenant_id = '{}' limit 1",
                    tenant.uuid()
                );
                one(&mut admin, &query).await
            };
            let both = (row_of(self.ours).await, row_of(self.theirs).await);
            rows.insert(table, both);
        }
        rows
    }
}

/// The SQLSTATE and the message that a statement fails with, in a transaction of the tenant's.
async fn refusal(connection: &mut PgConnection, tenant: TenantId, sql: &str) -> Option<(String, String)> {
    run(connection, &format!("begin; set local chancery.tenant = '{}'", tenant.uuid())).await;
    let outcome = raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    run(connection, "rollback").await;
    let error = outcome.err()?;
    let error = error.as_database_error().unwrap();
    Some((error.code().unwrap().into_owned(), error.message().to_owned()))
}

fn insert(table: &str, row: &Value) -> String {
    format!("insert into {table} select * from jsonb_populate_record(null::{table}, $json${row}$json$)")
}

#[tokio::test]
async fn without_a_tenant_no_table_shows_a_row() {
    let neighbours = Neighbours::moved_in().await;
    let tables: Vec<String> = neighbours.rows().await.into_keys().collect();
    assert!(tables.len() > 10);
    let mut serving = neighbours.database.serving().await;
    let mut owner = neighbours.database.admin().await;
    run(&mut owner, "set role chancery_owner").await;
    let settings =
        ["", "set chancery.tenant = ''", "set chancery.tenant = '00000000-0000-0000-0000-000000000000'"];
    for setting in settings {
        for connection in [&mut serving, &mut owner] {
            run(connection, setting).await;
            for table in &tables {
                let rows: i64 = one(connection, &format!("select count(*) from {table}")).await;
                assert_eq!(rows, 0, "{table} after {setting:?}");
            }
        }
    }
    // A transaction-local setting leaves '' behind, which must be nobody.
    run(&mut serving, &format!("begin; set local chancery.tenant = '{}'", neighbours.ours.uuid())).await;
    let rows: i64 = one(&mut serving, "select count(*) from offers").await;
    assert_eq!(rows, 2);
    run(&mut serving, "commit").await;
    let rows: i64 = one(&mut serving, "select count(*) from offers").await;
    assert_eq!(rows, 0);
}

/// As a pooler would hand it on that does not clean up.
#[tokio::test]
async fn a_connection_that_begins_as_another_tenant_serves_the_one_that_asks() {
    let neighbours = Neighbours::moved_in().await;
    let offers = async |store: &Store, tenant: TenantId| -> Vec<chancery_domain::OfferId> {
        let mut tx = store.tenant(tenant).await.unwrap();
        let (offers, _) = tx.offers(&chancery_store::Page { before: None, limit: 100 }).await.unwrap();
        tx.commit().await.unwrap();
        offers.iter().map(|offer| offer.id).collect()
    };
    let (ours, theirs) = (neighbours.ours, neighbours.theirs);
    let before = (offers(&neighbours.store, ours).await, offers(&neighbours.store, theirs).await);
    let mut admin = neighbours.database.admin().await;
    let database: String = one(&mut admin, "select current_database()::text").await;
    let poison = format!(
        "alter role chancery_tenant in database {database} set chancery.tenant = '{}'",
        theirs.uuid()
    );
    run(&mut admin, &poison).await;
    let poisoned: String =
        one(&mut neighbours.database.serving().await, "select current_setting('chancery.tenant')").await;
    assert_eq!(poisoned, theirs.uuid().to_string(), "the poison works");
    let store = neighbours.database.store().await;
    for _ in 0..3 {
        assert_eq!(offers(&store, ours).await, before.0);
    }
    create(&store, ours, &new_offer()).await;
    assert_eq!(offers(&store, ours).await.len(), before.0.len() + 1);
    assert_eq!(offers(&store, theirs).await, before.1);
}

#[tokio::test]
async fn garbage_for_a_tenant_is_refused_and_quotes_no_data() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    for garbage in ["garbage", "' or true --", "{00000000}", "null", " "] {
        let quoted = garbage.replace('\'', "''");
        run(&mut serving, &format!("set chancery.tenant = '{quoted}'")).await;
        let error = raw_sql("select * from offers").fetch_all(&mut serving).await.unwrap_err();
        let error = error.as_database_error().unwrap();
        assert_eq!(error.code().as_deref(), Some("22P02"));
        assert_eq!(error.message(), format!("invalid input syntax for type uuid: \"{garbage}\""));
    }
}

#[tokio::test]
async fn a_row_for_another_tenant_is_refused_by_every_table() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    for (table, (_, theirs)) in neighbours.rows().await {
        let refused = refusal(&mut serving, neighbours.ours, &insert(&table, &theirs)).await;
        let message = format!("new row violates row-level security policy for table \"{table}\"");
        assert_eq!(refused, Some(("42501".to_owned(), message)));
    }
}

#[tokio::test]
async fn no_row_moves_to_another_tenant() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    for table in neighbours.rows().await.into_keys() {
        let update = format!("update {table} set tenant_id = '{}'", neighbours.theirs.uuid());
        let (code, _) = refusal(&mut serving, neighbours.ours, &update).await.unwrap();
        assert_eq!(code, "42501", "{table}");
    }
}

#[tokio::test]
async fn what_they_have_does_not_make_ours_a_duplicate() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    for (table, (_, theirs)) in neighbours.rows().await {
        // Our own row of the same key would be a duplicate; those tables have one row, or shared names and numbers.
        let shared = [
            "tenant_secrets",
            "signing_keys",
            "imported_keys",
            "superseded_mac_keys",
            "activations",
            "tenant_plugins",
            "status_lists",
            "api_keys",
            "configurations",
            "last_documents",
            "audit_seals",
            "sources",
            "holder_providers",
        ];
        if shared.contains(&table.as_str()) {
            continue;
        }
        let mut row = theirs;
        row["tenant_id"] = json!(neighbours.ours.uuid());
        let refused = refusal(&mut serving, neighbours.ours, &insert(&table, &row)).await;
        // A child is refused for the lack of a parent, as it would be if they had none; never as a duplicate.
        assert!(refused.as_ref().is_none_or(|(code, _)| code == "23503"), "{table}: {refused:?}");
    }
    let used = digest();
    for tenant in [neighbours.ours, neighbours.theirs] {
        let mut tx = neighbours.store.tenant(tenant).await.unwrap();
        assert!(tx.remember(Seen::Nonce, &used, NOW).await.unwrap());
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn ids_of_theirs_are_unknown_to_us() {
    let neighbours = Neighbours::moved_in().await;
    let store = &neighbours.store;
    let offer = redeemed(store, neighbours.theirs).await;
    let intent = issued(store, neighbours.theirs).await;
    let waiting = new_offer();
    create(store, neighbours.theirs, &waiting).await;

    let mut tx = store.tenant(neighbours.ours).await.unwrap();
    assert_eq!(tx.offer(offer.id).await.unwrap(), None);
    assert_eq!(tx.offer_by_handle(&waiting.handle_hash, NOW).await.unwrap(), None);
    assert_eq!(tx.redeem(&waiting.code_hash, NOW).await.unwrap(), chancery_store::Redemption::Unknown);
    assert_eq!(tx.cancel_offer(offer.id).await.unwrap(), None);
    assert!(tx.offer_for_issuance(offer.id, NOW).await.unwrap().is_none());
    assert_eq!(tx.credential(intent.copies[0].credential).await.unwrap(), None);
    let revoke = chancery_domain::StatusChange::Revoke;
    assert_eq!(tx.change_status(intent.copies[0].credential, revoke).await.unwrap(), None);
    tx.commit().await.unwrap();
    let tx = store.tenant(neighbours.ours).await.unwrap();
    let refused = tx.record_issuance(&crate::support::intent(&offer)).await.unwrap();
    assert_eq!(refused, Err(chancery_store::IntentRefused::NotOffered));
    assert!(matches!(
        redeem(store, neighbours.theirs, &waiting).await,
        chancery_store::Redemption::Redeemed { .. }
    ));
}

#[tokio::test]
async fn one_prepared_statement_serves_every_tenant_its_own() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    let uuids = [neighbours.ours, neighbours.theirs].map(|tenant| tenant.uuid().to_string());
    for round in 0..1_000 {
        let tenant = match round % 3 {
            2 => "",
            which => &uuids[which],
        };
        run(&mut serving, &format!("begin; set local chancery.tenant = '{tenant}'")).await;
        let found: Vec<String> =
            sqlx::query_scalar("select distinct tenant_id::text from offers where state <> $1")
                .bind("failed")
                .fetch_all(&mut serving)
                .await
                .unwrap();
        run(&mut serving, "commit").await;
        let expected: Vec<&str> = [tenant].into_iter().filter(|tenant| !tenant.is_empty()).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn the_platform_reads_no_tenants_table() {
    let neighbours = Neighbours::moved_in().await;
    let mut platform =
        <PgConnection as sqlx::Connection>::connect(&neighbours.database.urls.platform).await.unwrap();
    for table in neighbours.rows().await.into_keys() {
        let (code, _) =
            refusal(&mut platform, neighbours.ours, &format!("select count(*) from {table}")).await.unwrap();
        assert_eq!(code, "42501", "{table}");
    }
}

#[tokio::test]
async fn the_planners_statistics_show_nothing() {
    let neighbours = Neighbours::moved_in().await;
    run(&mut neighbours.database.admin().await, "analyze").await;
    let mut serving = neighbours.database.serving().await;
    let rows: i64 = one(
        &mut serving,
        "select count(*) from pg_stats where schemaname = 'chancery'
        and tablename not in ('tenants', 'deployment', 'plugin_components', '_sqlx_migrations')
        and not starts_with(tablename, 'platform_audit')",
    )
    .await;
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn hot_lookups_use_their_index_under_the_policy() {
    let neighbours = Neighbours::moved_in().await;
    let mut serving = neighbours.database.serving().await;
    run(
        &mut serving,
        &format!("set chancery.tenant = '{}'; set enable_seqscan = off", neighbours.ours.uuid()),
    )
    .await;
    let key = "'\\x00'::bytea";
    for (lookup, index) in [
        (format!("select 1 from offers where code_hash = {key}"), "offers_code_key"),
        (format!("select 1 from offers where handle_hash = {key}"), "offers_handle_key"),
        (format!("select 1 from api_keys where hash = {key}"), "api_keys_hash_key"),
        (format!("select 1 from seen where kind = 'nonce' and hash = {key}"), "seen_pkey"),
        (
            "select 1 from audit_entries where target = 'x' order by id desc".to_owned(),
            "audit_entries_target",
        ),
        (
            "select 1 from audit_entries where action = 'x' order by id desc".to_owned(),
            "audit_entries_action",
        ),
        ("select 1 from audit_waiting order by entry_id".to_owned(), "audit_waiting_pkey"),
        (
            "select 1 from credentials where list = 1 and status <> 'valid'".to_owned(),
            "credentials_not_valid",
        ),
        ("select 1 from offer_subjects where erase_at < now()".to_owned(), "offer_subjects_erase"),
        ("select 1 from issuances where offer_id = tenant_id".to_owned(), "issuances_"),
        (
            "select 1 from webhook_deliveries where webhook_id = tenant_id and state = 'pending' order by next_at"
                .to_owned(),
            "webhook_deliveries_pending",
        ),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("explain (costs off) {lookup}")))
            .fetch_all(&mut serving)
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(index) && plan.contains("tenant_id = "), "{lookup}\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{lookup}\n{plan}");
    }
}
