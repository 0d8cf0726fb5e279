-- Where a template has things looked up (docs/decisions/0027-lookups.md): set by the tenant for one credential
-- configuration, so that no template reaches what another one was given.
create table sources (
    tenant_id uuid not null,
    configuration_id text not null check (char_length(configuration_id) between 1 and 200),
    name text not null check (char_length(name) between 1 and 64),
    url text not null check (char_length(url) between 1 and 2000),
    -- What lets us in: a header, its value sealed.
    header text check (char_length(header) between 1 and 100),
    sealed_value bytea,
    set_at timestamptz not null,
    primary key (tenant_id, configuration_id, name),
    check ((header is null) = (sealed_value is null))
);
select isolate('sources');
grant select, insert, delete, update (url, header, sealed_value, set_at) on sources to chancery_tenant;
