-- The record that precedes every signature, and the status of what was signed.
--
-- No claim, no signature, no holder key, no exact time: enough to recall, nothing to track with.
-- There is no foreign key to status_lists or tenants, because each would lock one shared row in
-- every issuance.

create table issuances (
    tenant_id uuid not null,
    id uuid not null,
    offer_id uuid not null,
    configuration_id text not null,
    component bytea not null,
    configuration_hash bytea not null,
    key_use text not null,
    key_algorithm text not null,
    key_version integer not null,
    restore_epoch integer not null,
    -- The hour of the issuance, and an hour by which its credentials have expired.
    hour timestamptz not null check (extract(epoch from hour) % 3600 = 0),
    expires_hour timestamptz not null check (extract(epoch from expires_hour) % 3600 = 0),
    state text not null check (state in ('intended', 'issued')),
    notification text check (notification in ('credential_accepted', 'credential_failure', 'credential_deleted')),
    primary key (tenant_id, id),
    foreign key (tenant_id, offer_id) references offers (tenant_id, id)
) with (fillfactor = 80);
-- The offer first: an index that is not unique and begins with the tenant looks, to a plan made while
-- tenants are small, as good as the primary key for finding one row, and is then walked from end to end.
create index issuances_offer on issuances (offer_id, tenant_id);
select isolate('issuances');
grant select, insert, update (state, notification) on issuances to chancery_tenant;

-- One row per signed copy. The unique key is the last line of defence against a re-used index.
create table credentials (
    tenant_id uuid not null,
    id uuid not null,
    issuance_id uuid not null,
    list integer not null check (list >= 0),
    idx integer not null check (idx >= 0),
    status text not null check (status in ('valid', 'suspended', 'revoked')),
    primary key (tenant_id, id),
    constraint credentials_index_key unique (tenant_id, list, idx),
    foreign key (tenant_id, issuance_id) references issuances (tenant_id, id)
);
create index credentials_issuance on credentials (issuance_id, tenant_id);
-- What a rendered list is made of: the few that are not valid.
create index credentials_not_valid on credentials (tenant_id, list, idx) where status <> 'valid';
select isolate('credentials');
grant select, insert, update (status) on credentials to chancery_tenant;

-- `next` moves by whole blocks that a server leases ahead, never once per issuance. `version`
-- moves when the status of a credential changes.
create table status_lists (
    tenant_id uuid not null,
    list integer not null check (list >= 0),
    size integer not null check (size > 0 and size % 8 = 0),
    next integer not null check (next between 0 and size),
    version bigint not null check (version >= 0),
    restore_epoch integer not null,
    primary key (tenant_id, list)
) with (fillfactor = 50);
select isolate('status_lists');
grant select, insert, update (next, version) on status_lists to chancery_tenant;

-- What was used up: nonces and the ids of proofs, by hash, until they could not be valid anyway.
create table seen (
    tenant_id uuid not null,
    kind text not null check (kind in ('nonce', 'dpop')),
    hash bytea not null check (octet_length(hash) = 32),
    expires_at timestamptz not null,
    primary key (tenant_id, kind, hash)
);
select isolate('seen');
grant select, insert, delete on seen to chancery_tenant;
