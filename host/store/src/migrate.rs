//! Roles and schema: what `chancery migrate` does, and what `serve` refuses to run without.

use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, query, query_scalar, raw_sql};

use crate::StoreError;
use crate::pool::Pool;
use crate::session::Session;

/// Owns everything and cannot log in.
pub const OWNER_ROLE: &str = "chancery_owner";
/// Serves tenants.
pub const TENANT_ROLE: &str = "chancery_tenant";
/// Serves the platform.
pub const PLATFORM_ROLE: &str = "chancery_platform";

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Held while migrating; "chancery" in ASCII.
const LOCK: i64 = 0x6368_616e_6365_7279;
/// The oldest PostgreSQL that has `security_invoker` views, and what else the migrations use.
const OLDEST_SERVER: i32 = 150_000;

/// The passwords of the serving roles: ASCII letters and digits. Derived from the deployment's master
/// key, so that replicas agree without talking.
#[derive(Clone)]
pub struct RolePasswords {
    /// Of `chancery_tenant`.
    pub tenant: String,
    /// Of `chancery_platform`.
    pub platform: String,
}

impl std::fmt::Debug for RolePasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RolePasswords(withheld)")
    }
}

/// The versions of all migrations, in order.
pub fn versions() -> Vec<i64> {
    MIGRATOR.iter().map(|migration| migration.version).collect()
}

/// Sets the roles up and applies the migrations up to `target`, or all.
pub async fn migrate(
    admin_url: &str,
    passwords: &RolePasswords,
    target: Option<i64>,
) -> Result<(), StoreError> {
    let mut admin = PgConnection::connect(admin_url).await?;
    let version = query_scalar!(r#"select current_setting('server_version_num')::int as "version!""#)
        .fetch_one(&mut admin)
        .await?;
    if version < OLDEST_SERVER {
        return Err(StoreError::Configuration(format!(
            "PostgreSQL 15 or later is needed, the server reports {version}"
        )));
    }
    // A session lock: it goes with the connection, whatever happens.
    query!("select pg_advisory_lock($1)", LOCK).execute(&mut admin).await?;
    set_up_roles(&mut admin, passwords).await?;
    raw_sql("set role chancery_owner; set search_path = chancery; set lock_timeout = '5s'")
        .execute(&mut admin)
        .await?;
    let mut migrator = Migrator { migrations: MIGRATOR.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_locking(false);
    migrator.set_ignore_missing(true); // a newer program may have migrated: expand and contract
    let done = match target {
        Some(target) => migrator.run_to(target, &mut admin).await,
        None => migrator.run(&mut admin).await,
    };
    done.map_err(|error| match error {
        MigrateError::Execute(error) => error.into(),
        error => StoreError::Migration(Box::new(error)),
    })?;
    admin.close().await?;
    Ok(())
}

/// Roles belong to the whole server: a migration of another database may be changing them too.
async fn set_up_roles(admin: &mut PgConnection, passwords: &RolePasswords) -> Result<(), StoreError> {
    let sql = role_setup(passwords)?;
    let mut patience = 20;
    loop {
        match raw_sql(AssertSqlSafe(sql.as_str())).execute(&mut *admin).await {
            Ok(_) => return Ok(()),
            Err(error) if patience > 0 && changed_by_another(&error) => {
                patience -= 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// "tuple concurrently updated", or a role that somebody else made first.
fn changed_by_another(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("XX000" | "23505" | "42710" | "42P06"))
}

/// One simple query, so one transaction. The serving roles get no attribute but LOGIN; what someone
/// else gave them is not taken away in silence, `serve` refuses it. `pg_temp` is named last, so
/// that no temporary table can take the place of one of ours.
fn role_setup(passwords: &RolePasswords) -> Result<String, StoreError> {
    let mut sql = "
        do $$
        declare
            role text;
        begin
            foreach role in array array['chancery_owner', 'chancery_tenant', 'chancery_platform'] loop
                if not exists (select from pg_roles where rolname = role) then
                    execute format('create role %I nologin', role);
                end if;
            end loop;
            if not (select rolsuper from pg_roles where rolname = current_user) then
                execute format('grant chancery_owner to %I', current_user);
            end if;
            if not exists (select from pg_namespace where nspname = 'chancery') then
                create schema chancery authorization chancery_owner;
            end if;
        end
        $$;"
    .to_owned();
    // What an operator looks for and does not look for makes another plan of the same statement: a page in the
    // middle of all tenants, or the few below one. A tenant's statements are always the same.
    let (always_the_same, as_asked) =
        ("set plan_cache_mode = force_generic_plan", "set plan_cache_mode = force_custom_plan");
    for (role, password, plans) in
        [(TENANT_ROLE, &passwords.tenant, always_the_same), (PLATFORM_ROLE, &passwords.platform, as_asked)]
    {
        if password.is_empty() || !password.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(StoreError::Configuration(
                "a role password is made of ASCII letters and digits".to_owned(),
            ));
        }
        for setting in [
            &format!("with login password '{password}'"),
            "set search_path = chancery, pg_temp",
            "set idle_in_transaction_session_timeout = '10s'",
            "set statement_timeout = '5s'",
            "set lock_timeout = '1s'",
            "set default_transaction_isolation = 'read committed'",
            "set timezone = 'UTC'",
            "set jit = off",
            // Whatever is read is one tenant's, and every index begins with the tenant.
            "set enable_seqscan = off",
            plans,
        ] {
            sql.extend(["alter role ", role, " ", setting, ";"]);
        }
    }
    Ok(sql)
}

/// Refuses a role that could bypass row-level security or grant itself the means to, and a database
/// that lacks a migration.
pub(crate) async fn check_serving_role(pool: &Arc<Pool>) -> Result<(), StoreError> {
    let mut session = Session::for_platform(pool).await?;
    let found = query!(
        r#"select r.rolname as "role!", r.rolsuper as "superuser!", r.rolbypassrls as "bypasses!",
               r.rolcreaterole or r.rolcreatedb or r.rolreplication as "administers!",
               exists (select from pg_auth_members m where m.member = r.oid) as "member!",
               exists (select from pg_class c where c.relowner = r.oid)
               or exists (select from pg_namespace n where n.nspowner = r.oid)
               or exists (select from pg_database d where d.datdba = r.oid)
               or exists (select from pg_proc p where p.proowner = r.oid) as "owns!",
               current_user <> session_user as "borrowed!",
               to_regclass('_sqlx_migrations') is not null as "migrated!"
           from pg_roles r where r.rolname = session_user"#
    )
    .fetch_one(session.statement())
    .await;
    let found = session.settle(found)?;
    let faults = [
        (found.superuser, "is a superuser"),
        (found.bypasses, "bypasses row-level security"),
        (found.administers, "may create roles or databases, or replicate"),
        (found.member, "is a member of another role"),
        (found.owns, "owns objects in the database"),
        (found.borrowed, "acts for another role"),
    ];
    if let Some((_, why)) = faults.into_iter().find(|(is, _)| *is) {
        return Err(StoreError::UnsafeRole { role: found.role, why });
    }
    let needed = versions().last().copied().unwrap_or_default();
    let mut version = 0;
    if found.migrated {
        let newest = query_scalar!("select max(version) from _sqlx_migrations where success")
            .fetch_one(session.statement())
            .await;
        version = session.settle(newest)?.unwrap_or_default();
    }
    session.commit().await?;
    if version < needed {
        return Err(StoreError::Unmigrated { found: version, needed });
    }
    Ok(())
}
