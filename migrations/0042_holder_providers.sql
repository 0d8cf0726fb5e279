-- OpenID Providers that authenticate a tenant's holders (docs/decisions/0030-holder-providers.md): whose word is enough for
-- which credentials.
create table holder_providers (
    tenant_id uuid not null,
    name text not null check (char_length(name) between 1 and 64),
    label text not null check (char_length(label) between 1 and 80),
    issuer text not null check (char_length(issuer) between 1 and 2000),
    client_id text not null check (char_length(client_id) between 1 and 500),
    -- What the provider knows us by; null for a public client.
    sealed_secret bytea,
    scopes text[] not null,
    userinfo boolean not null,
    configuration_ids text[] not null check (cardinality(configuration_ids) > 0),
    -- Members of a subject, by the claims that they come from.
    claims json not null,
    set_at timestamptz not null,
    primary key (tenant_id, name)
);
select isolate('holder_providers');
grant select, insert, delete, update (
    label, issuer, client_id, sealed_secret, scopes, userinfo, configuration_ids, claims, set_at
) on holder_providers to chancery_tenant;
