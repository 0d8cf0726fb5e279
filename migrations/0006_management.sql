-- Who may manage a tenant, and the answers that a repeated request receives again.

create table api_keys (
    tenant_id uuid not null references tenants (id),
    id uuid not null,
    hash bytea not null check (octet_length(hash) = 32),
    name text not null check (char_length(name) between 1 and 200),
    scopes text[] not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    primary key (tenant_id, id),
    constraint api_keys_hash_key unique (tenant_id, hash)
);
select isolate('api_keys');
grant select, insert, update (revoked_at) on api_keys to chancery_tenant;

-- The key is a hash over the caller and the Idempotency-Key; the answer is sealed under a key that
-- needs both.
create table idempotent_answers (
    tenant_id uuid not null,
    key_hash bytea not null check (octet_length(key_hash) = 32),
    request_hash bytea not null check (octet_length(request_hash) = 32),
    sealed_answer bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, key_hash)
);
alter table idempotent_answers alter column sealed_answer set storage external;
select isolate('idempotent_answers');
grant select, insert, delete, update (request_hash, sealed_answer, expires_at) on idempotent_answers
    to chancery_tenant;
