-- Decisions of plugins that can be made again.

-- What a template was asked, so that it can be told from anything else, and what its answer cost. Both are written by
-- the statement that permits the signature. The tag is keyed: the database alone tells nobody who a credential is about.
alter table issuances add column input_tag bytea, add column fuel bigint;

-- What templates were asked, of a tenant that wants to look into something; for a day at most, and sealed.
create table kept_inputs (
    tenant_id uuid not null,
    issuance_id uuid not null,
    sealed bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, issuance_id)
);
select isolate('kept_inputs');
create index kept_inputs_expiry on kept_inputs (expires_at, tenant_id);
grant select, insert, delete on kept_inputs to chancery_tenant;

-- What policies and licence plugins were asked and said: they decide who becomes a tenant. Sealed, as a registration
-- names people.
create table plugin_decisions (
    id uuid primary key,
    decided_at timestamptz not null,
    hook text not null check (hook in ('onboarding-policy', 'license')),
    -- The slug of a registration, or the operation that was to be allowed.
    about text not null check (octet_length(about) <= 200),
    component bytea not null check (octet_length(component) = 32),
    input_tag bytea not null check (octet_length(input_tag) = 32),
    fuel bigint not null,
    -- In a word; the answer itself is sealed beside the question.
    answer text not null check (octet_length(answer) <= 64),
    sealed bytea not null
);
create index plugin_decisions_at on plugin_decisions (decided_at);
grant select, insert, delete on plugin_decisions to chancery_platform;
