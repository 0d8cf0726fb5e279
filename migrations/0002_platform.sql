-- What belongs to the deployment, not to one tenant: the directory of tenants, the deployment's
-- own row, the plugin components, and what is due.

-- Rows are never deleted: a slug outlives its tenant, so that nobody else can speak under it.
-- There is no creation time, the UUIDv7 holds it.
create table tenants (
    id uuid primary key,
    slug text not null
        constraint tenants_slug_key unique
        constraint tenants_slug_shape check (slug ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' and slug !~ '--'),
    name text not null check (char_length(name) between 1 and 200),
    parent uuid references tenants (id),
    status text not null
        check (status in ('pending-approval', 'pending-verification', 'rejected', 'active', 'suspended', 'closing', 'deleted')),
    system boolean not null default false,
    placement text not null default 'here'
);
create unique index tenants_one_system on tenants (system) where system;
create index tenants_parent on tenants (parent) where parent is not null;

-- A directory, so every tenant's transaction may read it; but a row is made only by the
-- transaction that names that very tenant, and changed by the platform alone.
alter table tenants enable row level security, force row level security;
create policy directory on tenants for select using (true);
create policy register on tenants for insert to chancery_tenant
    with check (id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy administer on tenants for update to chancery_platform using (true) with check (true);
grant select, insert (id, slug, name, parent, status, system) on tenants to chancery_tenant;
grant select, update (name, status) on tenants to chancery_platform;

-- One row. The system identifier and the timeline name the cluster that the row was written in:
-- when they differ, the database was restored or promoted, and a new restore epoch must begin.
create table deployment (
    one boolean primary key default true check (one),
    key_check bytea not null check (octet_length(key_check) = 16),
    restore_epoch integer not null check (restore_epoch >= 0),
    system_identifier bigint not null,
    timeline integer not null
);
grant select (one, restore_epoch) on deployment to chancery_tenant;
grant select, insert, update (key_check, restore_epoch, system_identifier, timeline) on deployment
    to chancery_platform;

create table plugin_components (
    digest bytea primary key check (octet_length(digest) = 32),
    name text not null check (char_length(name) between 1 and 100),
    version text not null check (char_length(version) between 1 and 100),
    status text not null default 'available' check (status in ('available', 'quarantined')),
    wasm bytea not null
);
-- WebAssembly that was compressed for upload gains nothing from a second attempt.
alter table plugin_components alter column wasm set storage external;
create index plugin_components_name on plugin_components (name, version);
grant select (digest, status) on plugin_components to chancery_tenant;
grant select, insert, update (status) on plugin_components to chancery_platform;

-- Which tenant has work waiting, and since when; so that no job ever walks all tenants.
-- A tenant's transaction adds and moves its own row; the platform's jobs read all of them.
create table due (
    tenant_id uuid not null default nullif(current_setting('chancery.tenant', true), '')::uuid
        references tenants (id),
    kind text not null check (kind in ('sweep')),
    at timestamptz not null,
    primary key (tenant_id, kind)
);
create index due_at on due (at);
alter table due enable row level security, force row level security;
create policy tenant_isolation on due to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy find on due for select to chancery_platform using (true);
grant select, insert, delete, update (at) on due to chancery_tenant;
grant select on due to chancery_platform;
