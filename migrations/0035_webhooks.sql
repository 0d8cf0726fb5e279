-- Webhooks: whom a tenant has told what happens, and what waits to be told (docs/decisions/0026-webhooks.md).
--
-- What is told is written by the transaction in which it happens. A tenant without a webhook writes none of it.

create table webhooks (
    tenant_id uuid not null,
    id uuid not null,
    url text not null check (char_length(url) between 1 and 2000),
    description text not null check (char_length(description) <= 200),
    -- None: every type, those to come included.
    event_types text[],
    state text not null check (state in ('enabled', 'disabled')),
    -- Why the host disabled it.
    disabled_because text,
    sealed_secret bytea not null,
    -- Signs besides, for a while after a rotation.
    sealed_former_secret bytea,
    former_until timestamptz,
    -- Since when nothing was accepted.
    failing_since timestamptz,
    version integer not null default 1,
    primary key (tenant_id, id),
    check ((sealed_former_secret is null) = (former_until is null))
);
select isolate('webhooks');
grant select, insert, delete, update (
    url, description, event_types, state, disabled_because, sealed_secret, sealed_former_secret, former_until,
    failing_since, version
) on webhooks to chancery_tenant;

-- One row for each webhook that is told of an event. Written by issuances of tenants that have webhooks, so without
-- checks and foreign keys (docs/decisions/0010-hot-tables.md).
create table webhook_deliveries (
    tenant_id uuid not null,
    webhook_id uuid not null,
    -- Of version 7, so that what is old is found by the key.
    event_id uuid not null,
    event_type text not null,
    at timestamptz not null,
    data json not null,
    state text not null default 'pending',
    attempts smallint not null default 0,
    -- When it is tried next; while it is tried, when somebody else may.
    next_at timestamptz not null,
    answered_at timestamptz,
    answer text,
    primary key (tenant_id, webhook_id, event_id)
);
select isolate('webhook_deliveries');
create index webhook_deliveries_pending on webhook_deliveries (webhook_id, next_at, tenant_id) where state = 'pending';
grant select, insert, delete, update (state, attempts, next_at, answered_at, answer)
    on webhook_deliveries to chancery_tenant;
