-- Who suspended a tenant: its parent does not end what an operator decided.

-- Null: whoever it was, it was before anybody but an operator could.
alter table tenants add column suspended_by text check (suspended_by in ('operator', 'parent'));
grant update (suspended_by) on tenants to chancery_platform;
