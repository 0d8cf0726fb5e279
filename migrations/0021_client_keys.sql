-- Clients that authenticate by a key of their own (RFC 7523): systems, and wallets that an issuer knows.

alter table clients add column jwks json;
grant update (jwks) on clients to chancery_tenant;

-- A client without a role manages nothing: it is a wallet, and needs a key to be known by.
alter table clients drop constraint clients_scopes_check;
alter table clients add constraint clients_is_for_something check (cardinality(scopes) > 0 or jwks is not null);
