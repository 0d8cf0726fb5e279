//! `/api/audit`: who changed what, and whether anybody rewrote it

mod told;

use std::process::Command;
use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::people::{Issuer, badge};
use chancery_tests::{Acme, Answer, House, house, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

async fn entries(issuer: &Issuer, query: &str) -> Vec<Value> {
    issuer.get(&format!("/audit?limit=100{query}")).await.granted()["data"].as_array().unwrap().clone()
}

/// A credential that is out in the world.
async fn issued(tenant: &Acme) -> String {
    let offer = tenant.issuer().offer(badge()).await;
    tenant.wallet().claim(&offer).await;
    tenant.issuer().issued(&offer).await.remove(0)
}

#[tokio::test]
async fn every_change_of_keys_is_told() {
    let issuer = platform().newcomer().await.issuer();
    // RFC 7515 appendix A.3.1.
    let secret = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "d": secret,
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let imported = issuer.post("/keys/import", &json!({ "jwk": jwk, "activate_in": 0 })).await.is(201).json();
    let compromised = json!({ "compromised": true });
    issuer.post("/keys/rotate", &compromised).await.is(200);
    let kid = text(&imported["kid"]);
    issuer.post(&format!("/keys/{kid}/revoke"), &json!({})).await.is(200);
    let told = entries(&issuer, "").await;
    let actions: Vec<_> = told.iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["key.revoked", "key.rotated", "key.imported"]);
    assert_eq!(told[0]["target"], kid.as_str());
    assert_eq!(told[2]["after"]["kid"], kid.as_str());
    assert!(!json!(told).to_string().contains(secret));
}

#[tokio::test]
async fn an_accepted_invitation_is_told() {
    let platform = platform();
    let body = json!({
        "slug": unique("t-").to_lowercase(), "name": "Invited", "owner": { "email": "ada@example.com" },
    });
    let tenant = platform.operator().post("/tenants", &body).await.is(201).json();
    let issuer = platform.tenant(&tenant).issuer();
    let accepted = issuer.post("/invitations/accept", &json!({ "invitation": tenant["invitation"] })).await;
    let key = accepted.is(201).json()["id"].clone();
    let told = entries(&issuer, "").await;
    assert_eq!((&told[0]["action"], &told[0]["actor"]), (&json!("invitation.accepted"), &json!("host")));
    assert_eq!(told[0]["after"], json!({ "api_key": key }));
}

#[tokio::test]
async fn what_changed_nothing_is_not_told() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let credential = issued(&tenant).await;
    issuer.change(&credential, "revoke").await.is(200);
    let offer = issuer.offer(badge()).await;
    issuer.delete(&format!("/offers/{}", offer.id)).await.is(204);
    let order = unique("order ");
    let repeat = async || {
        let request = issuer.request(Method::POST, "/offers").header("idempotency-key", &order);
        Answer::to(request.json(&badge().0)).await.is(201)
    };
    repeat().await;
    let before = entries(&issuer, "").await;
    repeat().await;
    issuer.change(&credential, "revoke").await.is(200);
    issuer.change(&credential, "reinstate").await.problem(409, "wrong-state");
    issuer.delete(&format!("/offers/{}", offer.id)).await.is(204);
    issuer.create(&badge().subject("given_name", 7)).await.wrong_parts();
    issuer.post("/api-keys", &json!({ "name": "x", "scopes": [] })).await.wrong_parts();
    issuer.change("crd_00000000000070008000000000000000", "revoke").await.problem(404, "not-found");
    assert_eq!(entries(&issuer, "").await, before);
}

#[tokio::test]
async fn a_trail_holds_no_secret_and_no_claim() {
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let name = unique("Canary");
    let offer = issuer.offer(badge().tx_code().subject("given_name", name.clone())).await;
    let code = tenant.wallet().code(&offer).await;
    let credential = tenant.wallet().claim(&offer).await;
    let colleague = issuer.key(&["auditor"]).await;
    issuer.change(&issuer.issued(&offer).await.remove(0), "revoke").await.is(200);
    let told = json!(entries(&colleague, "").await).to_string();
    assert!(told.contains(&offer.id) && told.contains("credential.revoked"), "{told}");
    let (tx_code, signature) =
        (offer.tx_code.as_deref().unwrap(), credential.split(['.', '~']).nth(2).unwrap());
    // Six digits may be a part of anything, but not a word of their own.
    assert!(!told.contains(&format!("\"{tx_code}\"")), "{told}");
    for secret in [
        &name,
        "Lovelace",
        &offer.secret(),
        &code,
        colleague.secret(),
        &tenant.key,
        &tenant.key[4..],
        signature,
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn a_trail_is_read_by_those_who_oversee_in_pages_and_by_what_they_look_for() {
    let platform = platform();
    let (tenant, other) = (platform.newcomer().await, platform.newcomer().await);
    let issuer = tenant.issuer();
    let (first, second) = (issuer.offer(badge()).await, issuer.offer(badge()).await);
    issuer.delete(&format!("/offers/{}", first.id)).await.is(204);
    let (auditor, clerk) = (issuer.key(&["auditor"]).await, issuer.key(&["issuance:offer"]).await);
    for path in ["/audit", "/audit/verification"] {
        clerk.get(path).await.problem(403, "forbidden");
        other.holder_of(auditor.secret()).get(path).await.problem(401, "unauthenticated");
        auditor.get(path).await.granted();
    }
    let targets =
        |entries: Vec<Value>| -> Vec<String> { entries.iter().map(|entry| text(&entry["target"])).collect() };
    let created = entries(&auditor, "&action=offer.created").await;
    assert_eq!(targets(created), [second.id.clone(), first.id.clone()]);
    let of_first = entries(&auditor, &format!("&target={}", first.id)).await;
    assert_eq!(of_first.len(), 2);
    assert_eq!(entries(&auditor, &format!("&target={}&action=offer.created", first.id)).await, of_first[1..]);
    assert!(entries(&other.issuer(), &format!("&target={}", first.id)).await.is_empty());
    let page = auditor.get("/audit?limit=2").await.granted();
    let rest = auditor.get(&format!("/audit?cursor={}", text(&page["next_cursor"]))).await.granted();
    let all = [page["data"].as_array().unwrap().clone(), rest["data"].as_array().unwrap().clone()].concat();
    assert_eq!(all, entries(&auditor, "").await);
    for wrong in
        ["audit?limit=0", "audit?action=offer.eaten", "audit?cursor=ofr_1", "audit?x=1", "audit?target=%00"]
    {
        auditor.get(&format!("/{wrong}")).await.problem(400, "malformed-request");
    }
    for wrong in ["cursor=-1", "cursor=4294967295", "cursor=x", "known=12", "x=1"] {
        auditor.get(&format!("/audit/verification?{wrong}")).await.problem(400, "malformed-request");
    }
}

/// Somebody who got into the database as its owner.
struct Intruder(PgConnection);

impl Intruder {
    async fn enter(house: &House) -> Self {
        let mut connection = PgConnection::connect(&house.database()).await.unwrap();
        raw_sql("set role chancery_owner; set search_path = chancery")
            .execute(&mut connection)
            .await
            .unwrap();
        Self(connection)
    }

    async fn run(&mut self, sql: &str) {
        raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.0)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    async fn visit(&mut self, tenant: &str) {
        let digits = tenant.strip_prefix("tnt_").unwrap();
        self.run(&format!("set chancery.tenant = '{digits}'")).await;
    }
}

/// Waits until every entry is sealed; what was found then.
async fn sealed(issuer: &Issuer) -> Value {
    let started = Instant::now();
    loop {
        let found = issuer.get("/audit/verification").await.granted();
        if found["waiting"] == 0 {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "nothing is sealed: {found}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What an intruder does, `{1}` to `{3}` being three entries, the last of them under the second seal; and what
/// is found.
const TAMPERING: [(&str, &[&str]); 13] = [
    ("update audit_entries set target = 'key_1' where id = {1}", &["entry-changed"]),
    ("update audit_entries set action = 'key.eaten' where id = {2}", &["entry-changed"]),
    ("update audit_entries set at = at - interval '1 microsecond' where id = {3}", &["entry-changed"]),
    ("update audit_entries set after = null where id = {1}", &["entry-changed"]),
    ("update audit_entries set actor = 'host', actor_id = null where id = {1}", &["entry-changed"]),
    ("update audit_entries set request_id = id where id = {1}", &["entry-changed"]),
    (
        "update audit_entries e set after = o.after from audit_entries o
         where (e.id = {1} and o.id = {2}) or (e.id = {2} and o.id = {1})",
        &["entry-changed", "entry-changed"],
    ),
    ("delete from audit_entries where id = {2}", &["entry-missing"]),
    (
        "delete from audit_entries where id = {2};
         update audit_seals set entries = entries[:1], digests = digests[:1] where number = 1",
        &["seal-broken"],
    ),
    (
        "update audit_seals set entries = array[entries[2], entries[1]], digests = array[digests[2], digests[1]]
         where number = 1",
        &["seal-broken"],
    ),
    (
        "update audit_seals set number = number + 2; update audit_seals set number = 5 - number",
        &["seal-broken", "seal-broken"],
    ),
    (
        "delete from audit_seals where number = 1",
        &["seal-missing", "seal-broken", "entry-stray", "entry-stray"],
    ),
    (
        "insert into audit_entries (id, at, actor, action, target)
         values (gen_random_uuid(), now(), 'host', 'offer.created', 'ofr_1')",
        &["entry-stray"],
    ),
];

#[tokio::test]
async fn whoever_rewrites_a_trail_is_found_out() {
    let house = House::of_many();
    let platform = house.platform();
    let mut intruder = Intruder::enter(&house).await;
    let mut victims = Vec::new();
    for _ in 0..=TAMPERING.len() {
        let tenant = platform.newcomer().await;
        for _ in 0..2 {
            tenant.issuer().key(&["auditor"]).await;
        }
        victims.push(tenant);
    }
    for tenant in &victims {
        sealed(&tenant.issuer()).await;
        tenant.issuer().key(&["auditor"]).await;
    }
    for (tenant, (tampering, found)) in victims.iter().zip(TAMPERING) {
        let issuer = tenant.issuer();
        let whole = sealed(&issuer).await;
        assert_eq!(whole["sound"], true, "{whole}");
        assert_eq!((&whole["entries"], &whole["seals"]), (&json!(3), &json!(2)), "{whole}");
        let mut ids: Vec<String> =
            entries(&issuer, "").await.iter().map(|entry| text(&entry["id"]).replace("aud_", "")).collect();
        ids.reverse();
        let (_, tampering) = ids.iter().fold((1, tampering.to_owned()), |(number, sql), id| {
            (number + 1, sql.replace(&format!("{{{number}}}"), &format!("'{id}'")))
        });
        intruder.visit(&platform.operator().id_of(tenant).await).await;
        intruder.run(&tampering).await;
        let after = issuer.get("/audit/verification").await.granted();
        let kinds: Vec<String> =
            after["findings"].as_array().unwrap().iter().map(|finding| text(&finding["kind"])).collect();
        assert_eq!(
            (kinds, &after["sound"]),
            (found.iter().map(|kind| (*kind).to_owned()).collect(), &json!(false)),
            "{tampering}"
        );
    }

    // A trail without its end is sound to whoever never saw the end.
    let tenant = victims.last().unwrap();
    let issuer = tenant.issuer();
    let head = text(&sealed(&issuer).await["head"]["hash"]);
    let verify = |known: &str| {
        let mut command = Command::new(house::binary());
        command.args(["audit", "verify", "--output", "json", "--known", known, "--url", &tenant.at("/api")]);
        command.env_clear().env("CHANCERY_TOKEN", &tenant.key).output().unwrap()
    };
    assert_eq!(verify(&head).status.code(), Some(0));
    intruder.visit(&platform.operator().id_of(tenant).await).await;
    intruder
        .run(
            "delete from audit_entries where id = any((select entries from audit_seals where number = 2)::uuid[]);
             delete from audit_seals where number = 2",
        )
        .await;
    let found = issuer.get("/audit/verification").await.granted();
    assert_eq!((&found["sound"], &found["seals"]), (&json!(true), &json!(1)));
    let output = verify(&head);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"][0]["kind"], "head-unknown");

    // Nor do operators rewrite theirs.
    let operator = platform.operator();
    let started = Instant::now();
    while operator.get("/audit/verification").await.granted()["waiting"] != 0 {
        assert!(started.elapsed() < Duration::from_secs(40), "the platform's trail is not sealed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(operator.get("/audit/verification").await.granted()["sound"], true);
    intruder
        .run("reset role; update chancery.platform_audit_entries set actor = 'host', actor_id = null")
        .await;
    let found = operator.get("/audit/verification").await.granted();
    assert_eq!(found["findings"][0]["kind"], "entry-changed");
}

#[tokio::test]
async fn what_cannot_be_told_is_not_done() {
    let house = House::of_many();
    let platform = house.platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let issuer = tenant.issuer();
    let (credential, open) = (issued(&tenant).await, issuer.offer(badge()).await);
    let mut intruder = Intruder::enter(&house).await;
    intruder
        .run(
            "create function refuse() returns trigger language plpgsql as $$ begin raise 'full'; end $$;
             create trigger refuse before insert on audit_entries for each row execute function refuse();
             create trigger refuse before insert on platform_audit_entries for each row
                 execute function refuse();
             grant execute on function refuse() to chancery_tenant, chancery_platform",
        )
        .await;
    let everything = async || {
        let mut seen = Vec::new();
        for path in ["/offers", "/credentials", "/api-keys", "/audit"] {
            seen.push(issuer.get(path).await.granted()["data"].clone());
        }
        for path in ["/tenants", "/audit"] {
            seen.push(operator.get(path).await.granted()["data"].clone());
        }
        seen
    };
    let before = everything().await;
    let key = json!({ "name": "x", "scopes": ["auditor"] });
    let ordered = issuer.request(Method::POST, "/offers").header("idempotency-key", "k").json(&badge().0);
    let rename = operator.request(Method::PATCH, &format!("/tenants/{}", operator.id_of(&tenant).await));
    for refused in [
        issuer.create(&badge()).await,
        Answer::to(ordered).await,
        issuer.delete(&format!("/offers/{}", open.id)).await,
        issuer.change(&credential, "suspend").await,
        issuer.change(&credential, "revoke").await,
        issuer.post("/api-keys", &key).await,
        operator.create(&unique("t-").to_lowercase()).await,
        operator.change(&tenant, "suspend").await,
        Answer::to(rename.header("if-match", "*").json(&json!({ "name": "New" }))).await,
        operator.delete(&tenant).await,
    ] {
        refused.problem(503, "unavailable");
    }
    assert_eq!(everything().await, before);
    intruder.run("drop function refuse() cascade").await;
    issuer.create(&badge()).await.is(201);
    operator.change(&tenant, "suspend").await.is(200);
}
