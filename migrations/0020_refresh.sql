-- Refresh tokens: what a wallet may renew, by the offer that it began with, and the one token that is good for it.
--
-- What is renewed waits sealed under a key that needs the current token itself, as an offer's subject waits under
-- its code. Where nobody renews anything there is no row, and an offer that renews nothing says so with a null.

create table refresh_families (
    tenant_id uuid not null,
    -- The offer that it began with names the family.
    offer_id uuid not null,
    -- The one that the latest access token is for.
    latest_offer_id uuid not null,
    token_hash bytea not null,
    sealed bytea not null,
    restore_epoch integer not null,
    expires_at timestamptz not null,
    primary key (tenant_id, offer_id)
);
-- Ciphertext does not compress.
alter table refresh_families alter column sealed set storage external;
select isolate('refresh_families');
grant select, insert, update (latest_offer_id, token_hash, sealed), delete on refresh_families to chancery_tenant;

-- The family of an offer that the host made for a renewal.
alter table offers add column renews uuid;
create index offers_renews on offers (renews, tenant_id) where renews is not null;
