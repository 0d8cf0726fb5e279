-- The one line that makes a table a tenant's: `select isolate('offers');`.
--
-- Runs as chancery_owner in schema chancery, which `Store::migrate` made. The serving roles
-- exist already, own nothing and are members of nothing.

alter default privileges revoke execute on functions from public;

grant usage on schema chancery to chancery_tenant, chancery_platform;
-- A server that finds its schema outdated says so.
grant select (version, success) on _sqlx_migrations to chancery_tenant, chancery_platform;

-- FORCE, so that not even the owner sees a row without naming its tenant. The expression is the
-- golden string that the catalogue tests compare: `nullif`, because a transaction-local setting
-- reads as '' (not as null) once its transaction is over. The default lets statements leave the
-- tenant out; that a row of another tenant is refused is the policy's doing, not the default's.
create function isolate(target regclass) returns void
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    execute format(
        'alter table %s'
        ' alter column tenant_id set default nullif(current_setting(''chancery.tenant'', true), '''')::uuid,'
        ' alter column tenant_id set not null,'
        ' enable row level security,'
        ' force row level security',
        target
    );
    execute format(
        'create policy tenant_isolation on %s'
        ' using (tenant_id = nullif(current_setting(''chancery.tenant'', true), '''')::uuid)'
        ' with check (tenant_id = nullif(current_setting(''chancery.tenant'', true), '''')::uuid)',
        target
    );
end
$$;
