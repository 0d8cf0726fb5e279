-- What vouches for a trail of before a master was compromised, and who tells the platform of its operators.

-- A tenant that is moved to new keys gets another MAC key, too. The one before is kept, sealed under the tenant's
-- data key with the last seals that it made: those seals are still verified, and it makes no more.
create table superseded_mac_keys (
    tenant_id uuid not null,
    version integer not null check (version > 0),
    sealed bytea not null,
    primary key (tenant_id, version)
);
alter table superseded_mac_keys alter column sealed set statistics 0;
select isolate('superseded_mac_keys');
grant select, insert, delete, update (sealed) on superseded_mac_keys to chancery_tenant;

-- Who may administer the deployment holds a key of the application tenant, or is its client. That is the
-- platform's to tell, in the transaction that lets them in; no other tenant has operators.
create policy keep_operators on platform_audit_entries for insert to chancery_tenant
    with check (
        action ~ '^(operator|client|api-key|key)[.]'
        and exists (
            select from tenants t
            where t.id = nullif(current_setting('chancery.tenant', true), '')::uuid and t.system
        )
    );
