-- Offers: what a wallet may come and fetch.
--
-- An offer is updated when it is fetched, redeemed and issued. No updated column is in an index and
-- pages keep room, so that those updates stay on their page (HOT). The subject's sealed data
-- lives apart: it is written once, deleted once, and not copied along by every update.

create table offers (
    tenant_id uuid not null,
    id uuid not null,
    handle_hash bytea not null check (octet_length(handle_hash) = 32),
    code_hash bytea not null check (octet_length(code_hash) = 32),
    state text not null
        check (state in ('created', 'fetched', 'redeemed', 'issued', 'accepted', 'failed', 'expired', 'cancelled')),
    items_left smallint not null check (items_left >= 0),
    tx_code_mac bytea check (octet_length(tx_code_mac) = 32),
    -- What the offer tells the wallet about the transaction code; never the code.
    tx_code_description json,
    tx_code_attempts smallint not null default 0 check (tx_code_attempts between 0 and 5),
    restore_epoch integer not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- A redeemed offer may be issued until then.
    issue_by timestamptz not null,
    primary key (tenant_id, id),
    constraint offers_handle_key unique (tenant_id, handle_hash),
    constraint offers_code_key unique (tenant_id, code_hash),
    check ((tx_code_mac is null) = (tx_code_description is null)),
    check (issue_by >= expires_at)
) with (fillfactor = 60);
select isolate('offers');
grant select, insert, update (state, items_left, tx_code_attempts) on offers to chancery_tenant;

-- One row per credential configuration that the offer names, pinned to a template revision.
create table offer_items (
    tenant_id uuid not null,
    offer_id uuid not null,
    configuration_id text not null,
    component bytea not null,
    configuration_hash bytea not null check (octet_length(configuration_hash) = 32),
    issuance_id uuid,
    primary key (tenant_id, offer_id, configuration_id),
    foreign key (tenant_id, offer_id) references offers (tenant_id, id) on delete cascade
) with (fillfactor = 80);
select isolate('offer_items');
grant select, insert, update (issuance_id) on offer_items to chancery_tenant;

-- The subject's data, sealed under a key that needs the offer's own secret. The row goes when the
-- last item is issued, and at the latest when its time is over; so this table holds only
-- offers that are under way, and the sweep reads nothing else.
create table offer_subjects (
    tenant_id uuid not null,
    offer_id uuid not null,
    sealed bytea not null,
    expires_at timestamptz not null,
    erase_at timestamptz not null,
    primary key (tenant_id, offer_id),
    foreign key (tenant_id, offer_id) references offers (tenant_id, id) on delete cascade
);
-- Ciphertext does not compress.
alter table offer_subjects alter column sealed set storage external;
create index offer_subjects_erase on offer_subjects (tenant_id, erase_at);
select isolate('offer_subjects');
grant select, insert, delete on offer_subjects to chancery_tenant;
