//! What the database's own catalogue says about isolation, after every single migration.

use sqlx::{PgConnection, Row as _};

use crate::database::{Database, passwords};

/// Tables of the deployment, not of a tenant, each with the reason why that is safe.
pub(crate) const GLOBAL: [(&str, &str); 20] = [
    ("tenants", "the directory; a row is made only by its own tenant's transaction, see POLICIES"),
    ("deployment", "one row about the database itself; tenants see a number of it"),
    ("history", "one row that tells whether the database went back in time; the platform alone reads it"),
    ("superseded_roots", "of masters that are gone, sealed; the platform alone reads them"),
    ("plugin_components", "plugins are shared by digest; tenants see digests, not bytes"),
    ("catalogued_plugins", "what every tenant may take; the platform alone changes it"),
    ("default_activations", "what every tenant has that decides nothing else; the platform alone changes it"),
    ("policies", "who may become a tenant is the platform's alone to say"),
    ("licenses", "the deployment's; tenants see which revision is in force, to be registered under it"),
    ("plugin_decisions", "what decided on registrations is the platform's, and sealed under its key"),
    ("held_registrations", "a registration says why it waits, the platform alone reads it; see POLICIES"),
    ("due", "a tenant sees its own row, the platform's jobs see who has work; see POLICIES"),
    ("domains", "a directory of verified names; a tenant claims for itself alone, see POLICIES"),
    ("public_endpoints", "a directory of advertised URLs; a tenant binds its own alone, see POLICIES"),
    ("halts", "an operator's concern many; a tenant orders and lifts its own alone, see POLICIES"),
    (
        "platform_audit_entries",
        "what operators did; a registration and the application tenant tell of themselves, see POLICIES",
    ),
    ("platform_audit_waiting", "ids of those that wait for a seal; who tells adds their own"),
    ("platform_audit_chain", "what came before platform_audit_waiting, until migration 12"),
    ("platform_audit_seals", "ids and hashes of the others; the platform's alone"),
    ("_sqlx_migrations", "which migrations were applied"),
];

/// The one policy of every tenant's table.
const GOLDEN: &str = "(tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid)";

/// The policies of the tables that are no tenant's.
const POLICIES: &str = "\
due: bury ALL {chancery_platform} using (kind = 'bury'::text) check (kind = 'bury'::text)
due: find SELECT {chancery_platform} using true check -
due: tenant_isolation ALL {chancery_tenant} using (tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid) check (tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid)
halts: concern SELECT {chancery_tenant} using ((tenant_id IS NULL) OR (tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid)) check -
halts: lift_own DELETE {chancery_tenant} using ((tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid) AND (NOT by_operator)) check -
halts: order_own INSERT {chancery_tenant} using - check ((tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid) AND (NOT by_operator))
halts: oversee ALL {chancery_platform} using by_operator check by_operator
held_registrations: decide ALL {chancery_platform} using true check true
held_registrations: hold INSERT {chancery_tenant} using - check (tenant_id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid)
platform_audit_entries: keep_operators INSERT {chancery_tenant} using - check ((action ~ '^(operator|client|api-key|key)[.]'::text) AND (EXISTS ( SELECT\n   FROM tenants t\n  WHERE ((t.id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid) AND t.system))))
platform_audit_entries: oversee ALL {chancery_platform} using true check true
platform_audit_entries: register INSERT {chancery_tenant} using - check ((action = ANY (ARRAY['tenant.registered'::text, 'platform.founded'::text])) AND (target = ('tnt_'::text || replace(current_setting('chancery.tenant'::text, true), '-'::text, ''::text))))
tenants: administer UPDATE {chancery_platform} using true check true
tenants: directory SELECT {public} using true check -
tenants: register INSERT {chancery_tenant} using - check (id = (NULLIF(current_setting('chancery.tenant'::text, true), ''::text))::uuid)";

/// The tables that a burial empties by itself, and the one that is for afterwards.
const BURIED: [&str; 7] = [
    "tenant_secrets",
    "imported_keys",
    "superseded_mac_keys",
    "last_documents",
    // What was done outlives who did it, and nobody who serves may delete it.
    "audit_entries",
    "audit_waiting",
    "audit_seals",
];

/// Every rule is a query for what breaks it; `$1` are the tables of the deployment.
const RULES: [(&str, &str); 14] = [
    (
        "a tenant's table has tenant_id, and row-level security enabled and forced",
        "select c.oid::regclass::text from pg_class c
         where c.relkind in ('r', 'p') and c.relnamespace = 'chancery'::regnamespace and c.relname <> all($1)
           and not (c.relrowsecurity and c.relforcerowsecurity
               and exists (select from pg_attribute a
                           where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull))",
    ),
    (
        "a tenant's table has the one policy and no other",
        "select c.oid::regclass::text from pg_class c
         where c.relkind in ('r', 'p') and c.relnamespace = 'chancery'::regnamespace and c.relname <> all($1)
           and (select coalesce(array_agg((p.polcmd::text, p.polpermissive, p.polroles::text,
                    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text), '{}')
                from pg_policy p where p.polrelid = c.oid)
               <> array[('*', true, '{0}', $2::text, $2::text)::text]",
    ),
    (
        "a primary key begins with tenant_id, any other index carries it",
        "select i.indexrelid::regclass::text from pg_index i
         join pg_class c on c.oid = i.indrelid and c.relnamespace = 'chancery'::regnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relname <> all($1)
           and case when i.indisprimary then i.indkey[0] <> a.attnum
                    else a.attnum <> all(i.indkey::int2[]) end",
    ),
    (
        "a foreign key between tenants' tables carries tenant_id, first",
        "select k.conname::text from pg_constraint k
         join pg_attribute a on a.attrelid = k.conrelid and a.attname = 'tenant_id'
         join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'tenant_id'
         where k.contype = 'f' and not (k.conkey[1] = a.attnum and k.confkey[1] = b.attnum)",
    ),
    (
        "a view runs as its caller",
        "select c.oid::regclass::text from pg_class c
         where c.relkind = 'v' and c.relnamespace = 'chancery'::regnamespace
           and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false)",
    ),
    (
        "nothing is materialised, partitioned or foreign",
        "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'chancery'::regnamespace and (c.relkind in ('m', 'p', 'f') or c.relispartition)",
    ),
    (
        "no function runs as its owner",
        "select oid::regprocedure::text from pg_proc
         where prosecdef and pronamespace = 'chancery'::regnamespace",
    ),
    (
        "the owner owns everything",
        "select c.oid::regclass::text from pg_class c
         where c.relnamespace = 'chancery'::regnamespace and c.relowner <> 'chancery_owner'::regrole
         union all
         select oid::regprocedure::text from pg_proc
         where pronamespace = 'chancery'::regnamespace and proowner <> 'chancery_owner'::regrole",
    ),
    (
        "nobody may truncate, refer or trigger, and nothing is granted to everybody",
        "select format('%s on %s to %s', g.privilege_type, c.oid::regclass,
                       case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
         from pg_class c, aclexplode(c.relacl) g
         where c.relnamespace = 'chancery'::regnamespace and g.grantee <> c.relowner
           and (g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER') or g.grantee = 0
                or g.is_grantable)",
    ),
    (
        "no serving role may call a function of the owner's",
        "select p.oid::regprocedure::text from pg_proc p, unnest(array['chancery_tenant', 'chancery_platform']) r
         where p.pronamespace = 'chancery'::regnamespace and has_function_privilege(r, p.oid, 'execute')",
    ),
    (
        "tenant_id is never updated",
        "select c.oid::regclass::text from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         cross join unnest(array['chancery_tenant', 'chancery_platform']) r
         where c.relnamespace = 'chancery'::regnamespace and c.relkind = 'r'
           and has_column_privilege(r, c.oid, a.attnum, 'update')",
    ),
    (
        "the platform has no grant on a tenant's table",
        "select c.oid::regclass::text from pg_class c
         where c.relkind = 'r' and c.relnamespace = 'chancery'::regnamespace and c.relname <> all($1)
           and (has_table_privilege('chancery_platform', c.oid, 'select, insert, update, delete')
                or has_any_column_privilege('chancery_platform', c.oid, 'select, insert, update'))",
    ),
    (
        "a serving role has no attribute, no membership and no property",
        "select rolname::text from pg_roles r
         where rolname in ('chancery_tenant', 'chancery_platform')
           and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
                or exists (select from pg_auth_members m where m.member = r.oid)
                or exists (select from pg_class c where c.relowner = r.oid)
                or exists (select from pg_proc p where p.proowner = r.oid))",
    ),
    (
        "the owner does not log in",
        "select rolname::text from pg_roles
         where rolname = 'chancery_owner' and (rolcanlogin or rolsuper or rolbypassrls)",
    ),
];

/// Everything that breaks a rule, as `rule: object`.
pub(crate) async fn lint(admin: &mut PgConnection) -> Vec<String> {
    let global: Vec<&str> = GLOBAL.iter().map(|(table, _)| *table).collect();
    let mut broken = Vec::new();
    for (rule, query) in RULES {
        let mut statement = sqlx::query_scalar::<_, String>(query);
        // A statement takes only the parameters that it mentions.
        if query.contains("$1") {
            statement = statement.bind(&global);
        }
        if query.contains("$2") {
            statement = statement.bind(GOLDEN);
        }
        let objects =
            statement.fetch_all(&mut *admin).await.unwrap_or_else(|error| panic!("{rule}: {error}"));
        broken.extend(objects.into_iter().map(|object| format!("{rule}: {object}")));
    }
    broken
}

/// The tables that are a tenant's.
pub(crate) async fn tenant_tables(admin: &mut PgConnection) -> Vec<String> {
    let global: Vec<&str> = GLOBAL.iter().map(|(table, _)| *table).collect();
    sqlx::query_scalar(
        "select relname::text from pg_class
         where relkind = 'r' and relnamespace = 'chancery'::regnamespace and relname <> all($1) order by 1",
    )
    .bind(&global)
    .fetch_all(admin)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_migration_keeps_the_rules() {
    let database = Database::empty().await;
    for version in chancery_store::migrate::versions() {
        chancery_store::migrate::migrate(&database.admin_url, &passwords(), Some(version)).await.unwrap();
        let mut admin = database.admin().await;
        assert_eq!(lint(&mut admin).await, [] as [String; 0], "after migration {version}");
    }
    let mut admin = database.admin().await;
    assert!(tenant_tables(&mut admin).await.len() > 10, "the rules looked at something");
}

/// If you are here because you added a table: what becomes of its rows when their tenant is deleted?
#[tokio::test]
async fn a_deleted_tenant_leaves_no_row() {
    let database = Database::fresh().await;
    let mut tables = tenant_tables(&mut database.admin().await).await;
    tables.retain(|table| !BURIED.contains(&table.as_str()));
    let mut wiped = chancery_store::WIPED.to_vec();
    wiped.sort_unstable();
    assert_eq!(tables, wiped);
}

#[tokio::test]
async fn the_policies_of_the_deployments_tables_are_these() {
    let database = Database::fresh().await;
    let policies: Vec<String> = sqlx::query(
        "select format('%s: %s %s %s using %s check %s', tablename, policyname, cmd, roles,
                       coalesce(qual, '-'), coalesce(with_check, '-'))
         from pg_policies where tablename in ('tenants', 'deployment', 'plugin_components', 'due', 'halts',
                            'held_registrations')
           or starts_with(tablename, 'platform_audit') order by 1",
    )
    .fetch_all(&mut database.admin().await)
    .await
    .unwrap()
    .iter()
    .map(|row| row.get(0))
    .collect();
    assert_eq!(policies.join("\n"), POLICIES);
}

/// If you are here because you granted something: is it the least that the statement needs? Then
/// write it down in `grants.txt`.
#[tokio::test]
async fn the_grants_are_these() {
    let database = Database::fresh().await;
    let grants: Vec<String> = sqlx::query_scalar(
        "select format('%-17s %-18s %s', grantee, object, string_agg(privilege, ', ' order by privilege))
         from (
             select g.grantee::regrole::text as grantee, c.relname::text as object,
                 lower(g.privilege_type) as privilege
             from pg_class c, aclexplode(c.relacl) g
             where c.relnamespace = 'chancery'::regnamespace and g.grantee not in (0, c.relowner)
             union all
             select g.grantee::regrole::text, c.relname,
                 format('%s (%s)', lower(g.privilege_type), string_agg(a.attname, ', ' order by a.attnum))
             from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) g
             where c.relnamespace = 'chancery'::regnamespace
             group by g.grantee, c.relname, g.privilege_type
         ) granted
         group by grantee, object order by grantee desc, object",
    )
    .fetch_all(&mut database.admin().await)
    .await
    .unwrap();
    let grants = grants.join("\n") + "\n";
    assert!(grants == include_str!("grants.txt"), "the grants are now:\n{grants}");
}
