-- Who may manage a tenant besides the holders of API keys: OAuth clients, and who was invited to own it.

create table clients (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    name text not null check (char_length(name) between 1 and 200),
    scopes text[] not null check (cardinality(scopes) > 0),
    -- The credential configurations that it may offer; null: every one.
    configuration_ids text[],
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    -- The secret before that, as long as it still is good.
    former_secret_hash bytea check (octet_length(former_secret_hash) = 32),
    former_secret_until timestamptz,
    version integer not null default 1 check (version > 0),
    primary key (tenant_id, id),
    check ((former_secret_hash is null) = (former_secret_until is null))
);
select isolate('clients');
grant select, insert, delete,
    update (name, scopes, configuration_ids, secret_hash, former_secret_hash, former_secret_until, version)
    on clients to chancery_tenant;

create table invitations (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    hash bytea not null check (octet_length(hash) = 32),
    -- Whom it was sent to.
    sealed_email bytea not null,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    primary key (tenant_id, id),
    constraint invitations_hash_key unique (tenant_id, hash)
);
select isolate('invitations');
grant select, insert, delete, update (accepted_at) on invitations to chancery_tenant;

-- A token names the epoch that it was made in and is worth nothing in a later one. A suspension begins one.
-- A counter, because tokens count time in seconds and a tenant may be resumed within one.
alter table tenants add column token_epoch integer not null default 0 check (token_epoch >= 0);
grant update (token_epoch) on tenants to chancery_platform;

grant update (name) on api_keys to chancery_tenant;
