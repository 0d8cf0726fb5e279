-- Where tenants are found besides the platform's own host: their domains, and the URLs they advertise.
--
-- Both are a directory: whoever resolves a request must read them before any tenant is known. What a tenant
-- merely claims is its own until it is verified.

create table domains (
    tenant_id uuid not null references tenants (id),
    domain text not null check (domain = lower(domain) and char_length(domain) between 3 and 253),
    -- What the tenant is to publish in the DNS; nobody else's record proves anything for it.
    challenge text not null check (char_length(challenge) between 20 and 100),
    state text not null default 'pending' check (state in ('pending', 'verified', 'failing')),
    -- What the last check saw, for people.
    found text check (char_length(found) <= 500),
    failures integer not null default 0 check (failures >= 0),
    created_at timestamptz not null,
    checked_at timestamptz,
    verified_at timestamptz,
    -- Since when a verified domain cannot be verified any more.
    failing_since timestamptz,
    next_check_at timestamptz not null,
    primary key (tenant_id, domain)
);
-- Two may claim a domain, one may have it.
create unique index domains_one_holder on domains (domain) where state <> 'pending';
create index domains_next_check on domains (next_check_at);
alter table domains
    alter column tenant_id set default nullif(current_setting('chancery.tenant', true), '')::uuid,
    enable row level security, force row level security;
create policy directory on domains for select to chancery_tenant
    using (state <> 'pending' or tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy claim on domains for insert to chancery_tenant
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid and state = 'pending');
create policy check_again on domains for update to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy release on domains for delete to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy verify_select on domains for select to chancery_platform using (true);
create policy verify_update on domains for update to chancery_platform using (true) with check (true);
grant select, insert (domain, challenge, created_at, next_check_at), update (next_check_at), delete on domains
    to chancery_tenant;
grant select, update (state, found, failures, checked_at, verified_at, failing_since, next_check_at) on domains
    to chancery_platform;

-- The URLs that a tenant advertises, one primary for each service. The set of services stays open.
create table public_endpoints (
    tenant_id uuid not null references tenants (id),
    service text not null check (service ~ '^[a-z][a-z-]{0,39}$'),
    url text not null check (char_length(url) between 8 and 500),
    -- Not the primary: it was once, and credentials name it.
    is_primary boolean not null,
    primary key (tenant_id, service, url)
);
create unique index public_endpoints_one_primary on public_endpoints (tenant_id, service) where is_primary;
alter table public_endpoints
    alter column tenant_id set default nullif(current_setting('chancery.tenant', true), '')::uuid,
    enable row level security, force row level security;
create policy directory on public_endpoints for select using (true);
create policy bind on public_endpoints for insert to chancery_tenant
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy rebind on public_endpoints for update to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy unbind on public_endpoints for delete to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
grant select, insert, update (is_primary), delete on public_endpoints to chancery_tenant;
grant select on public_endpoints to chancery_platform;
