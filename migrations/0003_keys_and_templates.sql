-- A tenant's sealed secrets, the public halves of its keys, and its activated templates.

create table tenant_secrets (
    tenant_id uuid primary key references tenants (id),
    -- AES-256-GCM under the current master's key, tenant and kind as associated data.
    sealed_seed bytea not null,
    sealed_data_key bytea not null
);
select isolate('tenant_secrets');
grant select, insert, update (sealed_seed, sealed_data_key) on tenant_secrets to chancery_tenant;

-- Private keys are derived, never stored.
create table signing_keys (
    tenant_id uuid not null references tenants (id),
    key_use text not null check (char_length(key_use) between 1 and 40),
    algorithm text not null check (char_length(algorithm) between 1 and 40),
    version integer not null check (version >= 0),
    state text not null check (state in ('next', 'active', 'retiring', 'retired')),
    public_jwk jsonb not null,
    created_at timestamptz not null,
    primary key (tenant_id, key_use, algorithm, version)
);
select isolate('signing_keys');
grant select, insert, update (state) on signing_keys to chancery_tenant;

-- Every revision that was ever active stays: offers pin the revision they were made under.
create table activations (
    tenant_id uuid not null references tenants (id),
    configuration_id text not null check (char_length(configuration_id) between 1 and 200),
    component bytea not null references plugin_components (digest),
    configuration_hash bytea not null check (octet_length(configuration_hash) = 32),
    -- json, not jsonb: the hash is over this very text.
    configuration json not null,
    active boolean not null,
    primary key (tenant_id, configuration_id, component, configuration_hash)
);
create unique index activations_one_active on activations (tenant_id, configuration_id) where active;
select isolate('activations');
grant select, insert, update (active) on activations to chancery_tenant;
