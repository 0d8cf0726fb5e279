-- Who may become a tenant: policies that decide, the licence that bounds, and who waits for a decision.

-- All of them are asked at every registration, and the strictest decision holds.
create table policies (
    name text primary key check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    component bytea not null references plugin_components (digest),
    -- json, not jsonb: it is handed in as it was written.
    configuration json not null,
    installed_at timestamptz not null
);
grant select, insert, delete, update (component, configuration, installed_at) on policies to chancery_platform;

-- One row, or none: then nothing is bounded.
create table licenses (
    one boolean primary key default true check (one),
    -- Another one for everything that is installed, so that a registration notices that it was judged by
    -- what is not in force any more.
    revision uuid not null,
    component bytea not null references plugin_components (digest),
    configuration json not null,
    sealed_document bytea,
    document_hash bytea check (octet_length(document_hash) = 32),
    installed_at timestamptz not null,
    -- The latest time that any host has seen: a clock that shows much less was turned back.
    latest_at timestamptz not null,
    -- What the plugin last read in the document, and when.
    entitlements json,
    entitled_at timestamptz,
    -- Since when the plugin has not answered.
    failing_since timestamptz,
    check ((sealed_document is null) = (document_hash is null)),
    check ((entitlements is null) = (entitled_at is null))
);
grant select (revision) on licenses to chancery_tenant;
grant select, insert, delete, update (revision, component, configuration, sealed_document, document_hash,
    installed_at, latest_at, entitlements, entitled_at, failing_since) on licenses to chancery_platform;

-- Why a registration waits, for whoever decides on it.
create table held_registrations (
    tenant_id uuid primary key default nullif(current_setting('chancery.tenant', true), '')::uuid
        references tenants (id),
    channel text not null check (channel in ('operator', 'parent')),
    held_at timestamptz not null,
    -- What is to be shown, and why a person is to look: read as a whole, never searched.
    verifications json not null,
    reasons json not null
);
alter table held_registrations enable row level security, force row level security;
create policy hold on held_registrations for insert to chancery_tenant
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy decide on held_registrations to chancery_platform using (true) with check (true);
grant insert on held_registrations to chancery_tenant;
grant select, delete on held_registrations to chancery_platform;
