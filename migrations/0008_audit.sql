-- The audit trail: one row for every change that somebody made, and the seals over them.
--
-- An entry is written in the transaction of the change that it tells of, and never again. Where it
-- stands in the chain is kept beside it: nothing at first, later the number of a seal and its place
-- there. So an entry that commits late, with an earlier id, still waits and is sealed like any other.

create table audit_entries (
    tenant_id uuid not null,
    id uuid not null,
    at timestamptz not null,
    actor text not null check (actor in ('api-key', 'client', 'operator', 'host')),
    actor_id uuid,
    -- A word of the domain; the database knows only its shape, so that a new one needs no migration.
    action text not null check (action ~ '^[a-z-]+[.][a-z-]+$'),
    target text not null check (char_length(target) between 1 and 200),
    -- As text: seals are over these very bytes.
    before json,
    after json,
    request_id uuid,
    primary key (tenant_id, id),
    check ((actor = 'host') = (actor_id is null))
);
create index audit_entries_target on audit_entries (target, tenant_id, id);
create index audit_entries_action on audit_entries (tenant_id, action, id);
select isolate('audit_entries');
grant select, insert on audit_entries to chancery_tenant;

create table audit_chain (
    tenant_id uuid not null,
    entry_id uuid not null,
    seal integer check (seal > 0),
    place integer check (place > 0),
    digest bytea check (octet_length(digest) = 32),
    primary key (tenant_id, entry_id),
    constraint audit_chain_place_key unique (tenant_id, seal, place),
    check (num_nulls(seal, place, digest) in (0, 3))
);
create index audit_chain_waiting on audit_chain (tenant_id, entry_id) where seal is null;
select isolate('audit_chain');
grant select, insert, update (seal, place, digest) on audit_chain to chancery_tenant;

create table audit_seals (
    tenant_id uuid not null,
    number integer not null check (number > 0),
    sealed_at timestamptz not null,
    hash bytea not null check (octet_length(hash) = 32),
    mac bytea not null check (octet_length(mac) = 32),
    primary key (tenant_id, number)
);
select isolate('audit_seals');
grant select, insert on audit_seals to chancery_tenant;

-- The same for what operators do. It belongs to the deployment: operators have no grant on any
-- tenant's table. A registration is the new tenant's own transaction, which may tell of itself and of
-- nothing else.
create table platform_audit_entries (
    id uuid primary key,
    at timestamptz not null,
    actor text not null check (actor in ('api-key', 'client', 'operator', 'host')),
    actor_id uuid,
    action text not null check (action ~ '^[a-z-]+[.][a-z-]+$'),
    target text not null check (char_length(target) between 1 and 200),
    before json,
    after json,
    request_id uuid,
    check ((actor = 'host') = (actor_id is null))
);
create index platform_audit_entries_target on platform_audit_entries (target, id);
create index platform_audit_entries_action on platform_audit_entries (action, id);
alter table platform_audit_entries enable row level security, force row level security;
create policy oversee on platform_audit_entries to chancery_platform using (true) with check (true);
create policy register on platform_audit_entries for insert to chancery_tenant
    with check (
        action in ('tenant.registered', 'platform.founded')
        and target = 'tnt_' || replace(current_setting('chancery.tenant', true), '-', '')
    );
grant insert on platform_audit_entries to chancery_tenant;
grant select, insert on platform_audit_entries to chancery_platform;

create table platform_audit_chain (
    entry_id uuid primary key,
    seal integer check (seal > 0),
    place integer check (place > 0),
    digest bytea check (octet_length(digest) = 32),
    constraint platform_audit_chain_place_key unique (seal, place),
    check (num_nulls(seal, place, digest) in (0, 3))
);
create index platform_audit_chain_waiting on platform_audit_chain (entry_id) where seal is null;
grant insert (entry_id) on platform_audit_chain to chancery_tenant;
grant select, insert (entry_id), update (seal, place, digest) on platform_audit_chain to chancery_platform;

create table platform_audit_seals (
    number integer primary key check (number > 0),
    sealed_at timestamptz not null,
    hash bytea not null check (octet_length(hash) = 32),
    mac bytea not null check (octet_length(mac) = 32)
);
grant select, insert on platform_audit_seals to chancery_platform;

-- Entries wait for a seal.
alter table due drop constraint due_kind_check;
alter table due add constraint due_kind_check check (kind in ('sweep', 'seal'));
