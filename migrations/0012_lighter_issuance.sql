-- What an issuance writes, written with less (docs/decisions/0010-hot-tables.md).
--
-- Nothing was released before this, so what is no longer used goes at once.

-- An offer's items live in the offer: one row is written, updated on its page and read, where there were
-- several and a join. All four arrays have one place for each item.
alter table offers
    add column configuration_ids text[],
    add column components bytea[],
    add column configuration_hashes bytea[],
    -- The issuance that used the item up, or null.
    add column issuance_ids uuid[];

-- FORCE hides every row from the owner, too.
alter table offers no force row level security;
alter table offer_items no force row level security;
update offers o set
    configuration_ids = i.configuration_ids,
    components = i.components,
    configuration_hashes = i.configuration_hashes,
    issuance_ids = i.issuance_ids
from (
    select tenant_id, offer_id,
        array_agg(configuration_id order by configuration_id) as configuration_ids,
        array_agg(component order by configuration_id) as components,
        array_agg(configuration_hash order by configuration_id) as configuration_hashes,
        array_agg(issuance_id order by configuration_id) as issuance_ids
    from offer_items group by tenant_id, offer_id
) i
where o.tenant_id = i.tenant_id and o.id = i.offer_id;
alter table offers force row level security;
drop table offer_items;

alter table offers
    alter column configuration_ids set not null,
    alter column components set not null,
    alter column configuration_hashes set not null,
    alter column issuance_ids set not null;
grant update (issuance_ids) on offers to chancery_tenant;

-- A check is read from the catalogue, parsed and prepared again by every statement that writes a row of its
-- table, and a foreign key looks its parent up and locks it. Here the parent is written by the very
-- statement that writes the child, and the types that the values come from admit nothing else.
alter table offers
    drop constraint offers_handle_hash_check,
    drop constraint offers_code_hash_check,
    drop constraint offers_state_check,
    drop constraint offers_items_left_check,
    drop constraint offers_tx_code_mac_check,
    drop constraint offers_tx_code_attempts_check,
    drop constraint offers_check,
    drop constraint offers_check1;
alter table offer_subjects drop constraint offer_subjects_tenant_id_offer_id_fkey;
alter table issuances
    drop constraint issuances_hour_check,
    drop constraint issuances_expires_hour_check,
    drop constraint issuances_state_check,
    drop constraint issuances_notification_check,
    drop constraint issuances_tenant_id_offer_id_fkey;
alter table credentials
    drop constraint credentials_list_check,
    drop constraint credentials_idx_check,
    drop constraint credentials_status_check,
    drop constraint credentials_tenant_id_issuance_id_fkey;
alter table seen
    drop constraint seen_kind_check,
    drop constraint seen_hash_check;
alter table audit_entries
    drop constraint audit_entries_actor_check,
    drop constraint audit_entries_action_check,
    drop constraint audit_entries_target_check,
    drop constraint audit_entries_check;

-- A seal names what it is over, so an entry has no row of its own in the chain: it waits, and then it is under
-- a seal, which nobody may change.
alter table audit_seals add column entries uuid[], add column digests bytea[];
alter table audit_seals no force row level security;
alter table audit_chain no force row level security;
update audit_seals s set entries = c.entries, digests = c.digests
from (
    select tenant_id, seal, array_agg(entry_id order by place) as entries, array_agg(digest order by place) as digests
    from audit_chain where seal is not null group by tenant_id, seal
) c
where s.tenant_id = c.tenant_id and s.number = c.seal;
alter table audit_seals force row level security;
alter table audit_seals
    alter column entries set not null,
    alter column digests set not null,
    -- Neither compresses.
    alter column entries set storage external,
    alter column digests set storage external,
    add check (cardinality(entries) = cardinality(digests));

create table audit_waiting (
    tenant_id uuid not null,
    entry_id uuid not null,
    primary key (tenant_id, entry_id)
);
insert into audit_waiting (tenant_id, entry_id) select tenant_id, entry_id from audit_chain where seal is null;
drop table audit_chain;
select isolate('audit_waiting');
grant select, insert, delete on audit_waiting to chancery_tenant;

alter table platform_audit_seals add column entries uuid[], add column digests bytea[];
update platform_audit_seals s set entries = c.entries, digests = c.digests
from (
    select seal, array_agg(entry_id order by place) as entries, array_agg(digest order by place) as digests
    from platform_audit_chain where seal is not null group by seal
) c
where s.number = c.seal;
alter table platform_audit_seals
    alter column entries set not null,
    alter column digests set not null,
    alter column entries set storage external,
    alter column digests set storage external,
    add check (cardinality(entries) = cardinality(digests));

create table platform_audit_waiting (entry_id uuid primary key);
insert into platform_audit_waiting select entry_id from platform_audit_chain where seal is null;
drop table platform_audit_chain;
grant insert on platform_audit_waiting to chancery_tenant;
grant select, insert, delete on platform_audit_waiting to chancery_platform;

-- Every statement names its tenant, so an index that begins with the tenant serves any of them; and to a plan
-- made while tenants are small, walking a whole tenant costs as little as finding one row. That plan stays
-- when they have grown. So only the primary key begins with the tenant, …
alter table offers
    drop constraint offers_handle_key,
    drop constraint offers_code_key,
    add constraint offers_handle_key unique (handle_hash, tenant_id),
    add constraint offers_code_key unique (code_hash, tenant_id);
alter table credentials
    drop constraint credentials_index_key,
    add constraint credentials_index_key unique (list, idx, tenant_id);
alter table api_keys
    drop constraint api_keys_hash_key,
    add constraint api_keys_hash_key unique (hash, tenant_id);
alter table invitations
    drop constraint invitations_hash_key,
    add constraint invitations_hash_key unique (hash, tenant_id);
drop index audit_entries_action;
create index audit_entries_action on audit_entries (action, tenant_id, id);
-- … or it is made after the index that does: of two that look the same, the later is taken.
alter table offer_subjects drop constraint offer_subjects_pkey, add primary key (tenant_id, offer_id);

-- … and the planner takes every tenant for one of two hundred, not for one of as many as there are.
do $$
declare
    tenants_table regclass;
begin
    for tenants_table in
        select polrelid from pg_policy p join pg_class c on c.oid = p.polrelid
        where p.polname = 'tenant_isolation' and c.relnamespace = 'chancery'::regnamespace
    loop
        execute format('alter table %s alter column tenant_id set statistics 0', tenants_table);
    end loop;
end
$$;
create or replace function isolate(target regclass) returns void
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    execute format(
        'alter table %s'
        ' alter column tenant_id set default nullif(current_setting(''chancery.tenant'', true), '''')::uuid,'
        ' alter column tenant_id set not null,'
        ' alter column tenant_id set statistics 0,'
        ' enable row level security,'
        ' force row level security',
        target
    );
    execute format(
        'create policy tenant_isolation on %s'
        ' using (tenant_id = nullif(current_setting(''chancery.tenant'', true), '''')::uuid)'
        ' with check (tenant_id = nullif(current_setting(''chancery.tenant'', true), '''')::uuid)',
        target
    );
end
$$;
