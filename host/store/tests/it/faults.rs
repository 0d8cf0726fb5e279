//! The catalogue's rules notice what they are there for: each fault is planted, each is reported.

use crate::catalogue::lint;
use crate::database::{Database, run};

/// What somebody might write one day, and a word of the rule that must notice.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "a table that was forgotten",
        "create table forgotten (tenant_id uuid not null, id uuid, primary key (tenant_id, id))",
        "enabled and forced: forgotten",
    ),
    (
        "a table without a tenant",
        "create table homeless (id uuid primary key)",
        "enabled and forced: homeless",
    ),
    ("no FORCE", "alter table offers no force row level security", "enabled and forced: offers"),
    (
        "a policy that checks no writes",
        "drop policy tenant_isolation on offers;
         create policy tenant_isolation on offers using
             (tenant_id = nullif(current_setting('chancery.tenant', true), '')::uuid)",
        "the one policy and no other: offers",
    ),
    (
        "a second, permissive policy",
        "create policy support on offers for select using (true)",
        "the one policy and no other: offers",
    ),
    (
        "a policy with another expression",
        "drop policy tenant_isolation on offers;
         create policy tenant_isolation on offers using (tenant_id = tenant_id) with check (true)",
        "the one policy and no other: offers",
    ),
    (
        "a unique key across tenants",
        "create unique index oracle on offers (handle_hash)",
        "any other index carries it: oracle",
    ),
    (
        "an index across tenants",
        "create index across on offers (expires_at)",
        "any other index carries it: across",
    ),
    (
        "a foreign key across tenants",
        "create table attached (tenant_id uuid not null, id uuid not null, other uuid,
             primary key (tenant_id, id));
         select isolate('attached');
         alter table offers add constraint offers_alone unique (id);
         alter table attached add constraint attached_other foreign key (other) references offers (id)",
        "carries tenant_id, first: attached_other",
    ),
    ("a view that runs as its owner", "create view peek as select * from offers", "runs as its caller: peek"),
    (
        "a materialised view",
        "create materialized view snapshot as select * from offers",
        "nothing is materialised, partitioned or foreign: snapshot",
    ),
    (
        "a function that runs as its owner",
        "create function all_offers() returns setof offers language sql security definer as
             'select * from offers'",
        "runs as its owner: all_offers()",
    ),
    ("TRUNCATE", "grant truncate on offers to chancery_tenant", "TRUNCATE on offers to chancery_tenant"),
    (
        "a function of the superuser's",
        "reset role; create function chancery.helper() returns int language sql as 'select 1'",
        "owns everything: helper()",
    ),
    (
        "a partition without a policy",
        "create table journal (tenant_id uuid not null, at timestamptz not null) partition by range (at);
         select isolate('journal');
         create table journal_2026 partition of journal for values from ('2026-01-01') to ('2027-01-01')",
        "enabled and forced: journal_2026",
    ),
    ("a moved row", "grant update on offers to chancery_tenant", "never updated: offers"),
    (
        "a curious platform",
        "grant select (state) on offers to chancery_platform",
        "no grant on a tenant's table: offers",
    ),
    (
        "a role that bypasses",
        "reset role; alter role chancery_tenant bypassrls",
        "no attribute, no membership",
    ),
    (
        "a role that inherits",
        "reset role; grant chancery_owner to chancery_tenant",
        "no attribute, no membership",
    ),
];

#[tokio::test]
async fn every_planted_fault_is_reported() {
    let database = Database::fresh().await;
    let mut admin = database.admin().await;
    assert_eq!(lint(&mut admin).await, [] as [String; 0]);
    for (what, fault, reported) in FAULTS {
        run(&mut admin, "begin; set local role chancery_owner").await;
        run(&mut admin, fault).await;
        run(&mut admin, "reset role").await;
        let broken = lint(&mut admin).await;
        assert!(broken.iter().any(|line| line.contains(reported)), "{what} is not reported: {broken:?}");
        run(&mut admin, "rollback").await;
    }
    assert_eq!(lint(&mut admin).await, [] as [String; 0]);
}
