-- Deferrals: what a wallet asked for, or will, and what somebody has yet to decide (OpenID4VCI 1.0 §9).
--
-- A row is made with an offer that says so, or when a template defers. What is brought later is encrypted for a key
-- that only the offer's code leads to, as is what the wallet proved: neither is read from the disk. Where nothing is
-- deferred there is no row, and an offer says so with a null.

create table deferrals (
    tenant_id uuid not null,
    id uuid not null,
    offer_id uuid not null,
    configuration_id text not null,
    state text not null check (state in ('pending', 'completed', 'refused', 'issued', 'expired', 'cancelled')),
    -- Whether the subject waits in the offer; if not, whoever completes brings it.
    has_subject boolean not null,
    -- The public half of a key that follows from the offer's code, authenticated.
    recipient bytea not null,
    -- What was brought, encrypted for it and authenticated.
    sealed_subject bytea,
    -- Of the id that the wallet asks with; none until it came.
    transaction_hash bytea check (octet_length(transaction_hash) = 32),
    -- The keys that the wallet proved, sealed under the offer's code.
    sealed_keys bytea,
    interval_seconds integer not null check (interval_seconds > 0),
    -- What the template waits for, and why it was refused: for people, never about the subject.
    reason text,
    refusal text,
    created_at timestamptz not null,
    asked_at timestamptz,
    decided_at timestamptz,
    expires_at timestamptz not null,
    -- The offer may be forgotten first.
    primary key (tenant_id, id),
    constraint deferrals_transaction_key unique (tenant_id, transaction_hash),
    check ((transaction_hash is null) = (asked_at is null)),
    check ((state = 'refused') = (refusal is not null))
);
-- Ciphertext does not compress.
alter table deferrals
    alter column sealed_subject set storage external,
    alter column sealed_keys set storage external;
create index deferrals_offer on deferrals (offer_id, tenant_id);
create index deferrals_open on deferrals (expires_at, tenant_id) where state in ('pending', 'completed');
select isolate('deferrals');
grant select, insert, delete,
    update (state, sealed_subject, transaction_hash, sealed_keys, refusal, asked_at, decided_at, expires_at)
    on deferrals to chancery_tenant;

-- One place for each item, or null where nothing is deferred.
alter table offers add column deferral_ids uuid[];
-- What somebody waits for is issued later than offers are otherwise, and its subject is kept until then.
grant update (deferral_ids, issue_by) on offers to chancery_tenant;
grant update (erase_at) on offer_subjects to chancery_tenant;
