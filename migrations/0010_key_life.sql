-- The life of keys: published ahead, active, retiring until the last credential that they signed is over.

alter table signing_keys
    -- When the next key becomes active, and when the active one became it.
    add column not_before timestamptz,
    -- Until then, at least, a retiring key is published.
    add column retire_at timestamptz,
    -- Somebody else may sign with it.
    add column compromised boolean not null default false;
grant update (not_before, retire_at, compromised) on signing_keys to chancery_tenant;

-- Until when a key is needed, and what it signed.
create index issuances_key on issuances (key_version, tenant_id, expires_hour);

-- More than one kind of work may wait for a tenant; the program knows which.
alter table due drop constraint if exists due_kind_check;
alter table due add constraint due_kind_check check (char_length(kind) between 1 and 40);

-- What verifiers find of a tenant that is gone, signed before its keys were destroyed, until the last
-- credential that it issued is over.
create table last_documents (
    tenant_id uuid not null references tenants (id),
    path text not null check (char_length(path) between 1 and 200),
    content_type text not null check (char_length(content_type) between 1 and 100),
    body bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, path)
);
select isolate('last_documents');
grant select, insert, delete on last_documents to chancery_tenant;

-- From when on a tenant that is closing may be deleted.
alter table tenants add column delete_at timestamptz;
grant update (delete_at) on tenants to chancery_platform;
-- Whoever decides upon a deletion notes in the same transaction that it is to be carried out.
create policy bury on due to chancery_platform using (kind = 'bury') with check (kind = 'bury');
grant insert, update (at) on due to chancery_platform;

-- A deleted tenant leaves nothing but its slug, so its transaction must be able to delete.
grant delete on tenant_secrets, signing_keys, activations, offers, offer_items, issuances, credentials,
    status_lists, api_keys to chancery_tenant;

-- What is sealed must not be sampled for the planner either: nobody would look for a deleted key there.
alter table tenant_secrets alter column sealed_seed set statistics 0, alter column sealed_data_key set statistics 0;

-- A rotation of the master seals everything anew and changes no key: what was derived from an earlier master's
-- root goes on being derived from it. The root is named by the check value of its master; null stands for the
-- master that seals the row.
alter table tenant_secrets add column root bytea check (octet_length(root) = 16);
grant update (root) on tenant_secrets to chancery_tenant;

create table superseded_roots (
    key_check bytea primary key check (octet_length(key_check) = 16),
    sealed bytea not null
);
alter table superseded_roots alter column sealed set statistics 0;
grant select, insert, update (sealed) on superseded_roots to chancery_platform;

alter table deployment
    -- While the master is being rotated: the check value of the next one. New secrets are sealed under it.
    add column next_key_check bytea check (octet_length(next_key_check) = 16),
    -- Whether the rotation also moves every tenant to new keys.
    add column next_moves_keys boolean not null default false;
grant select (key_check, next_key_check) on deployment to chancery_tenant;
grant update (next_key_check, next_moves_keys) on deployment to chancery_platform;

-- Private keys that tenants brought, sealed; a row goes as soon as its key signs no more.
create table imported_keys (
    tenant_id uuid not null,
    key_use text not null,
    algorithm text not null,
    version integer not null,
    sealed bytea not null,
    primary key (tenant_id, key_use, algorithm, version),
    foreign key (tenant_id, key_use, algorithm, version)
        references signing_keys (tenant_id, key_use, algorithm, version)
);
alter table imported_keys alter column sealed set statistics 0;
select isolate('imported_keys');
grant select, insert, delete, update (sealed) on imported_keys to chancery_tenant;
