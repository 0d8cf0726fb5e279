-- Who vouches for a signing key: the chain that an outside authority made for it, in PEM, leaf first. The tenant's own
-- authority is a key like any other, and its certificate is its own.
alter table signing_keys add column certificate text check (octet_length(certificate) <= 65536);
grant update (certificate) on signing_keys to chancery_tenant;
