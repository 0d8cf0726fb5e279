-- The authorization code flow: what a holder decided, by the id of the request that was decided.
--
-- The request, the pages and the code are carried by the wallet and the browser, encrypted; only what must happen
-- once is remembered here. So nobody fills this table by asking.

alter table offers add column grant_type text not null default 'pre-authorized_code';

create table authorizations (
    tenant_id uuid not null,
    id uuid not null,
    -- None if the holder refused.
    offer_id uuid,
    state text not null check (state in ('refused', 'granted', 'redeemed', 'replayed')),
    -- Until when the code may be redeemed, and until when anybody needs to know that it was.
    expires_at timestamptz not null,
    forget_at timestamptz not null,
    -- The offer may be forgotten first.
    primary key (tenant_id, id),
    check ((state = 'refused') = (offer_id is null)),
    check (forget_at >= expires_at)
);
select isolate('authorizations');
grant select, insert, update (state), delete on authorizations to chancery_tenant;
