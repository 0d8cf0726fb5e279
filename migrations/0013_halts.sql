-- Halts: what must not be signed for now. The statement that permits a signature asks for them every time.

-- An operator's concern everything, a tenant, a plugin or a key; a tenant's own concern that tenant alone. Each
-- part that is not named stands for all.
create table halts (
    id uuid primary key,
    tenant_id uuid references tenants (id),
    component bytea check (octet_length(component) = 32),
    -- Of the keys that sign credentials.
    key_version integer check (key_version > 0),
    kid text check (char_length(kid) between 1 and 100),
    by_operator boolean not null,
    reason text not null check (char_length(reason) between 1 and 200),
    check ((key_version is null) = (kid is null)),
    check (key_version is null or (tenant_id is not null and component is null)),
    check (by_operator or tenant_id is not null)
);
alter table halts enable row level security, force row level security;
create policy concern on halts for select to chancery_tenant
    using (tenant_id is null or tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid);
create policy order_own on halts for insert to chancery_tenant
    with check (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid and not by_operator);
create policy lift_own on halts for delete to chancery_tenant
    using (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid and not by_operator);
create policy oversee on halts to chancery_platform using (by_operator) with check (by_operator);
grant select, insert, delete on halts to chancery_tenant, chancery_platform;
