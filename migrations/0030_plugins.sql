-- Plugins: on whose shelf a version stands, and what is active of it, for one tenant or for all.
--
-- Bytes are kept once, by digest, whoever brought them. Whether somebody may use them stands on a shelf: the
-- deployment's, which every tenant may take from, or a tenant's own. So nobody learns from an upload whether
-- somebody else had the same bytes.

alter table plugin_components
    add column hook text not null default 'credential-template',
    -- What was found when it came in: every check with its result. Read as a whole, never searched.
    add column report json,
    add column size integer generated always as (octet_length(wasm)) stored;
grant select (name, version, hook, report, size) on plugin_components to chancery_tenant;

create table catalogued_plugins (
    component bytea primary key references plugin_components (digest),
    state text not null check (state in ('awaiting-approval', 'approved')),
    uploaded_at timestamptz not null,
    -- Who may not approve it, where a second person has to.
    uploaded_by text not null
);
grant select on catalogued_plugins to chancery_tenant;
grant select, insert, delete, update (state) on catalogued_plugins to chancery_platform;
-- Bytes go when they stand on no shelf; what was ever active is referred to and stays.
grant delete on plugin_components to chancery_platform;

create table tenant_plugins (
    tenant_id uuid not null,
    component bytea not null references plugin_components (digest),
    state text not null check (state in ('awaiting-approval', 'approved')),
    uploaded_at timestamptz not null,
    uploaded_by text not null,
    primary key (tenant_id, component)
);
select isolate('tenant_plugins');
create index tenant_plugins_component on tenant_plugins (component, tenant_id);
grant select, insert, delete, update (state) on tenant_plugins to chancery_tenant;

-- What every tenant issues from that activated nothing else under the same configuration id.
create table default_activations (
    configuration_id text not null check (char_length(configuration_id) between 1 and 200),
    component bytea not null references plugin_components (digest),
    configuration_hash bytea not null check (octet_length(configuration_hash) = 32),
    -- json, not jsonb: the hash is over this very text.
    configuration json not null,
    state text not null check (state in ('active', 'canary', 'shadow', 'off', 'superseded')),
    -- Of a canary: of a hundred offers, how many are made with it.
    share smallint check (share between 1 and 99),
    activated_at timestamptz not null,
    -- What it took the place of, and what comes back when it is rolled back.
    replaces_component bytea check (octet_length(replaces_component) = 32),
    replaces_configuration_hash bytea check (octet_length(replaces_configuration_hash) = 32),
    primary key (configuration_id, component, configuration_hash),
    check ((share is not null) = (state = 'canary')),
    check ((replaces_component is null) = (replaces_configuration_hash is null))
);
create unique index default_activations_one_of_each on default_activations (configuration_id, state)
    where state <> 'superseded';
grant select on default_activations to chancery_tenant;
grant select, insert, update (state, share, activated_at, replaces_component, replaces_configuration_hash)
    on default_activations to chancery_platform;

alter table activations
    add column state text not null default 'superseded'
        check (state in ('active', 'canary', 'shadow', 'off', 'superseded')),
    add column share smallint check (share between 1 and 99),
    add column activated_at timestamptz not null default '2026-11-21T00:00:00Z',
    add column replaces_component bytea check (octet_length(replaces_component) = 32),
    add column replaces_configuration_hash bytea check (octet_length(replaces_configuration_hash) = 32),
    add check ((share is not null) = (state = 'canary')),
    add check ((replaces_component is null) = (replaces_configuration_hash is null));
-- What a tenant was given at its registration it now has from the deployment; what it configured is its own.
alter table activations no force row level security;
update activations set state = 'active' where active and configuration::text <> '{}';
alter table activations force row level security;
revoke update (active) on activations from chancery_tenant;
alter table activations drop column active, alter column state drop default, alter column activated_at drop default;
create unique index activations_one_of_each on activations (configuration_id, tenant_id, state)
    where state <> 'superseded';
create index activations_component on activations (component, tenant_id);
grant update (state, share, activated_at, replaces_component, replaces_configuration_hash)
    on activations to chancery_tenant;
