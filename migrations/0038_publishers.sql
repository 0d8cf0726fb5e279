-- Plugins: who published a version, as whoever brought it could show.
--
-- The signature is over the digest and travels beside the component: the same bytes stay the same version, whoever
-- vouches for them. It is kept as it came, and judged by the keys that are trusted when it counts.

alter table catalogued_plugins add column signature text check (octet_length(signature) <= 200);
alter table tenant_plugins add column signature text check (octet_length(signature) <= 200);
grant update (signature) on catalogued_plugins to chancery_platform;
grant update (signature) on tenant_plugins to chancery_tenant;
