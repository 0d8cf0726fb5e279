-- What a restore from a backup must not undo (docs/decisions/0031-restores.md).
--
-- Nothing was released before this, so the columns change in place.

-- A list goes by a number that is drawn when it is opened, so that no database that was put back in time comes to
-- the same number, the same URI and the same order of indices again. Which of a tenant's lists is the newest, `opened` says.
alter table credentials alter column list type bigint;
alter table status_lists alter column list type bigint;
alter table status_lists add column opened integer;
-- FORCE hides every row from the owner, too.
alter table status_lists no force row level security;
update status_lists set opened = list;
alter table status_lists force row level security;
alter table status_lists
    alter column opened set not null,
    add constraint status_lists_opened_key unique (tenant_id, opened);

-- What was published, before a restore, of credentials that the restored database knows nothing of.
create table forgotten_statuses (
    tenant_id uuid not null,
    list bigint not null,
    idx integer not null check (idx >= 0),
    status text not null check (status in ('suspended', 'revoked')),
    primary key (tenant_id, list, idx)
);
select isolate('forgotten_statuses');
grant select, insert, delete, update (status) on forgotten_statuses to chancery_tenant;

-- One row. Hosts keep a copy in their data directories and raise the mark after whatever must not be forgotten: a
-- database whose mark is below that of a copy is older than what the host has seen. The epoch is drawn when a restore
-- is noticed, so that two restores of one backup do not pass for the same.
create table history (
    one boolean primary key default true check (one),
    deployment uuid not null default gen_random_uuid(),
    epoch uuid not null default gen_random_uuid(),
    mark bigint not null default 0
);
insert into history default values;
grant select, update (epoch, mark) on history to chancery_platform;
