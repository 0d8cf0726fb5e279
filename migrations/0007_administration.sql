-- What an operator needs to administer many tenants.

-- Counts changes, so that nobody overwrites what they have not seen.
alter table tenants add column version integer not null default 1 check (version > 0);
grant update (version) on tenants to chancery_platform;
