-- What may be set about how a tenant issues: for the deployment, for a tenant, for one of its callers.

-- What is not overridden is not there, so that a default that changes, changes for everybody who did not choose.
create table configurations (
    tenant_id uuid not null references tenants (id),
    -- The API key or client that it is for; the nil UUID: the tenant itself.
    principal uuid not null,
    overrides json not null,
    version integer not null check (version > 0),
    primary key (tenant_id, principal)
);
select isolate('configurations');
grant select, insert, delete, update (overrides, version) on configurations to chancery_tenant;

-- The deployment's own, which every tenant reads.
alter table deployment
    add column overrides json not null default '{}',
    add column overrides_version integer not null default 0 check (overrides_version >= 0);
grant select (overrides) on deployment to chancery_tenant;
grant update (overrides, overrides_version) on deployment to chancery_platform;
