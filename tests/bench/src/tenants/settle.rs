//! Makes tenants by the thousand, with the rows that a registration leaves.
//!
//! One tenant is registered as everybody is. The others are copies of its rows in every table that has any, with
//! ids, secrets and keys of their own: whatever a registration comes to write, they have too.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use chancery_credential::SystemRandom;
use chancery_credential::keys::{Algorithm, KeyUse, Keyring, Master, SealedFor, SecretKind};
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::clock::SystemClock;
use chancery_domain::{ApiKeyId, AuditEntryId, Clock as _, TenantId, random_bytes};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query, query_scalar, raw_sql};

use crate::issuer::{Address, Database, Server};
use crate::tenants::Platform;

/// A tenant whose first key is known.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    id: TenantId,
    slug: String,
    key: String,
}

impl Settled {
    /// The cursor of the page that follows it.
    pub(crate) fn cursor(&self) -> String {
        self.id.to_string()
    }

    /// Where it is found.
    pub(crate) fn address(&self, server: &Server) -> Address {
        let host = server.address.host.clone();
        let prefix = format!("/{}", self.slug);
        Address { issuer: format!("http://{host}{prefix}"), host, prefix, api_key: self.key.clone() }
    }
}

/// How many are made by one statement.
const BATCH: usize = 1_000;
/// A third of them are called alike.
const NAMES: [&str; 3] = ["University", "Municipality", "Works"];

/// What a row of the model becomes, table by table; in every other table only the tenant changes. `m` is the
/// model's row, `f` the new tenant.
const OVERRIDES: [(&str, &str); 5] = [
    ("tenants", "jsonb_build_object('id', f.id, 'slug', f.slug, 'name', f.name)"),
    (
        "tenant_secrets",
        "jsonb_build_object('tenant_id', f.id, 'sealed_seed', f.seed, 'sealed_data_key', f.data_key)",
    ),
    ("signing_keys", "jsonb_build_object('tenant_id', f.id, 'public_jwk', f.jwks -> m.key_use)"),
    ("api_keys", "jsonb_build_object('tenant_id', f.id, 'id', f.key, 'hash', f.key_hash)"),
    (
        "platform_audit_entries",
        "jsonb_build_object('id', f.entry, 'target', 'tnt_' || replace(f.id::text, '-', ''),
             'after', jsonb_build_object('slug', f.slug, 'name', f.name, 'parent', null))",
    ),
];

/// Whoever makes tenants.
pub(crate) struct Settler {
    keyring: Keyring,
    connection: PgConnection,
    model: TenantId,
    /// Each with its columns, but for those that follow from others.
    tables: Vec<(String, String)>,
}

impl Settler {
    /// Registers the model, and finds out what that leaves.
    pub(crate) async fn begin(database: &Database, server: &Server, data: &Path) -> Result<Self> {
        let registered = Platform::connect(server).await?.register("model").await?;
        let model = registered.pointer("/id").and_then(Value::as_str).context("find the model's id")?;
        let model: TenantId = model.parse()?;
        let master = std::fs::read_to_string(data.join("issuer/master.key"))?;
        let keyring = Keyring::from_master(&Master::from_hex(master.trim())?);
        let mut connection = PgConnection::connect(database.admin_url()).await?;
        // Copies keep to the constraints that their models keep to; looking after that took most of the time.
        let settings = "set search_path = chancery; set session_replication_role = replica;
            set synchronous_commit = off";
        raw_sql(settings).execute(&mut connection).await?;
        let of_tenants: Vec<String> = query_scalar(
            "select table_name::text from information_schema.columns
             where table_schema = 'chancery' and column_name = 'tenant_id' order by 1",
        )
        .fetch_all(&mut connection)
        .await?;
        let mut settler = Self { keyring, connection, model, tables: Vec::new() };
        let others = ["tenants", "platform_audit_entries"].map(str::to_owned);
        for table in others.into_iter().chain(of_tenants) {
            if settler.rows_of(model, &table).await? > 0 {
                let columns = settler.columns_of(&table).await?;
                settler.tables.push((table, columns));
            }
        }
        ensure!(settler.tables.len() > 5, "a registration leaves more than {:?}", settler.tables);
        Ok(settler)
    }

    /// Makes tenants until there are as many.
    pub(crate) async fn settle(&mut self, settled: &mut Vec<Settled>, until: usize) -> Result<()> {
        while settled.len() < until {
            let first = settled.len();
            self.make(settled, first..until.min(first + BATCH)).await?;
        }
        // What autovacuum would do some time later, in the middle of a measurement.
        raw_sql("vacuum (analyze)").execute(&mut self.connection).await?;
        raw_sql("checkpoint").execute(&mut self.connection).await?;
        Ok(())
    }

    /// Whether everything that was told is sealed.
    pub(crate) async fn is_sealed(&mut self) -> Result<bool> {
        let sealed = "select not exists (select from platform_audit_waiting)";
        Ok(query_scalar(sealed).fetch_one(&mut self.connection).await?)
    }

    /// Makes every process forget what it remembers of tenants.
    pub(crate) async fn make_all_forget(&mut self) -> Result<()> {
        query("select pg_notify('chancery_tenant_changed', 'everything')")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn make(&mut self, settled: &mut Vec<Settled>, numbers: std::ops::Range<usize>) -> Result<()> {
        let mut fresh = Vec::with_capacity(numbers.len());
        for number in numbers {
            let (tenant, described) = self.draw(number);
            settled.push(tenant);
            fresh.push(described);
        }
        let mut tx = self.connection.begin().await?;
        query(
            "create temporary table fresh on commit drop as
             select f.id, f.slug, f.name, f.seed, f.data_key, f.jwks, f.key, f.key_hash, f.entry
             from jsonb_to_recordset($1) f (id uuid, slug text, name text, seed bytea, data_key bytea,
                 jwks jsonb, key uuid, key_hash bytea, entry uuid)",
        )
        .bind(Value::Array(fresh))
        .execute(&mut *tx)
        .await?;
        for (table, columns) in &self.tables {
            let usual = "jsonb_build_object('tenant_id', f.id)";
            let overrides = OVERRIDES.iter().find(|(of, _)| of == table).map_or(usual, |(_, text)| text);
            let copy = format!(
                "insert into {table} ({columns}) select {columns} from (
                     select r.* from {table} m cross join fresh f
                     cross join lateral jsonb_populate_record(m, {overrides}) r where {}
                 ) copies",
                is_the_models(table)
            );
            query(AssertSqlSafe(copy)).bind(self.model.uuid()).execute(&mut *tx).await?;
        }
        // The model's own entry may be sealed by now; these wait for a seal, as it did.
        let waiting = "insert into platform_audit_waiting (entry_id) select entry from fresh";
        query(waiting).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// A tenant with secrets and keys of its own, as `begin_tenant` of the server draws them.
    fn draw(&self, number: usize) -> (Settled, Value) {
        let (now, random) = (SystemClock.now(), SystemRandom);
        let id = TenantId::new(now, random_bytes(&random));
        let (seed, data_key): ([u8; 32], [u8; 32]) = (random_bytes(&random), random_bytes(&random));
        let keys = self.keyring.tenant(id, &seed, &data_key);
        let jwk = |key_use| keys.signing_key(key_use, Algorithm::Es256, 1).public_jwk().to_value();
        let seal = |kind, secret: &[u8; 32]| {
            hex(&self.keyring.seal(&SealedFor { tenant: id, kind, version: 1 }, secret, &random))
        };
        let secret = ApiKeySecret::random(&random);
        let slug = format!("tenant-{number}");
        let kind = NAMES.get(number % NAMES.len()).copied().unwrap_or_default();
        let fresh = json!({
            "id": id.uuid(),
            "slug": slug,
            "name": format!("{kind} of {number}"),
            "seed": seal(SecretKind::Seed, &seed),
            "data_key": seal(SecretKind::DataKey, &data_key),
            "jwks": {
                KeyUse::Credential.as_str(): jwk(KeyUse::Credential),
                KeyUse::Token.as_str(): jwk(KeyUse::Token),
            },
            "key": ApiKeyId::new(now, random_bytes(&random)).uuid(),
            "key_hash": hex(&secret.hash()),
            "entry": AuditEntryId::new(now, random_bytes(&random)).uuid(),
        });
        (Settled { id, slug, key: secret.as_str().to_owned() }, fresh)
    }

    async fn columns_of(&mut self, table: &str) -> Result<String> {
        let columns = "select string_agg(quote_ident(column_name), ', ') from information_schema.columns
            where table_schema = 'chancery' and table_name = $1 and is_generated = 'NEVER'";
        Ok(query_scalar(columns).bind(table).fetch_one(&mut self.connection).await?)
    }

    async fn rows_of(&mut self, tenant: TenantId, table: &str) -> Result<i64> {
        let count = format!("select count(*) from {table} m where {}", is_the_models(table));
        Ok(query_scalar(AssertSqlSafe(count)).bind(tenant.uuid()).fetch_one(&mut self.connection).await?)
    }
}

/// Which rows of a table are the model's.
fn is_the_models(table: &str) -> &'static str {
    match table {
        "tenants" => "m.id = $1",
        "platform_audit_entries" => "m.target = 'tnt_' || replace($1::text, '-', '')",
        _ => "m.tenant_id = $1",
    }
}

/// As PostgreSQL reads bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
