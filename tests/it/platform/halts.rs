//! Halts: nothing is signed while one is in force, at any process, and nothing is lost

use std::fs;
use std::time::Duration;

use chancery_tests::answer::text;
use chancery_tests::jose::{Key, sha256_hex};
use chancery_tests::people::wallet::{Asking, badge_request, credentials, request_for};
use chancery_tests::people::{Issuer, Operator, badge, diploma};
use chancery_tests::{Acme, Answer, House, house, platform, twin_platforms};
use reqwest::Method;
use serde_json::{Value, json};

/// How long a process may take to hear of a halt: mostly milliseconds, but the machine may be busy with other tests.
const HEARD_AFTER: Duration = Duration::from_secs(4);

/// The digest of a bundled plugin.
fn digest_of(plugin: &str) -> String {
    let wasm = house::binary().with_file_name("plugins").join(format!("{plugin}.wasm"));
    sha256_hex(fs::read(wasm).unwrap())
}

async fn order(operator: &Operator, halt: &Value) -> String {
    text(&operator.post("/halts", halt).await.is(201).json()["id"])
}

async fn lift(operator: &Operator, halt: &str) {
    Answer::to(operator.request(Method::DELETE, &format!("/halts/{halt}"))).await.is(204);
}

/// Refused, but invited to come again.
#[track_caller]
fn is_halted(answer: Answer) {
    let answer = answer.refused(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), Some("60"), "{answer}");
}

/// A wallet that was there before the halt, and comes again after it, with the same code, token and nonce.
struct Patience {
    tenant: Acme,
    code: String,
    token: chancery_tests::people::Token,
    request: Value,
}

impl Patience {
    async fn at(tenant: &Acme) -> Self {
        Self::for_a(tenant, "employee-badge", badge()).await
    }

    async fn for_a(tenant: &Acme, configuration_id: &str, offered: chancery_tests::people::Request) -> Self {
        let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
        let code = wallet.code(&issuer.offer(offered.clone()).await).await;
        let token = wallet.redeem(&issuer.offer(offered).await).await;
        let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
        Self { tenant: tenant.clone(), code, token, request: request_for(configuration_id, &proofs) }
    }

    async fn is_put_off(&self) {
        is_halted(self.tenant.wallet().exchange(&self.code).await);
        is_halted(self.tenant.wallet().request(&self.token, &self.request).await);
    }

    async fn pays(self) {
        self.tenant.wallet().exchange(&self.code).await.granted();
        let answer = self.tenant.wallet().request(&self.token, &self.request).await.granted();
        self.tenant.verifier().verify(&credentials(&answer)[0]).await;
    }
}

#[tokio::test]
async fn a_global_halt_stops_everybody_and_takes_nothing_from_anybody() {
    let house = House::of_many();
    let twin = house.twin_with(&[("SAAS_MODE", "true")]);
    let (here, there) = (house.platform(), twin.platform());
    let (acme, globex) = (here.founded("acme"), here.founded("globex"));
    let elsewhere = Acme { base: globex.base.replace(&here.base, &there.base), ..globex.clone() };
    let offer = acme.issuer().offer(badge()).await;
    let issued = acme.wallet().claim(&offer).await;
    let waiting = [Patience::at(&acme).await, Patience::at(&globex).await, Patience::at(&elsewhere).await];

    let operator = here.operator();
    let halt = order(&operator, &json!({ "scope": "global", "reason": "a defect" })).await;
    // What decides is asked every time; what spares a code must have been heard of.
    tokio::time::sleep(HEARD_AFTER).await;
    for one in &waiting {
        one.is_put_off().await;
    }
    // Everything else goes on.
    let id = acme.issuer().issued(&offer).await.remove(0);
    acme.issuer().change(&id, "suspend").await.is(200);
    let taken_apart = acme.verifier().verify(&issued).await;
    assert_eq!(acme.verifier().status(&taken_apart).await, 2);
    let shown = acme.issuer().get("/halts").await.granted()["data"][0].clone();
    assert_eq!(
        (&shown["id"], &shown["scope"], &shown["by"]),
        (&json!(halt), &json!("global"), &json!("operator"))
    );
    acme.issuer().delete(&format!("/halts/{halt}")).await.problem(403, "forbidden");

    lift(&operator, &halt).await;
    tokio::time::sleep(HEARD_AFTER).await;
    for one in waiting {
        one.pays().await;
    }
}

#[tokio::test]
async fn a_halt_of_one_stops_nobody_else() {
    let platform = platform();
    let operator = platform.operator();
    let (one, other) = (platform.newcomer().await, platform.newcomer().await);
    let tenant = operator.id_of(&one).await;
    let kid = text(&one.issuer().get("/keys").await.granted()["data"][0]["kid"]);
    for halt in [
        json!({ "scope": "tenant", "tenant": tenant, "reason": "under investigation" }),
        json!({ "scope": "key", "tenant": tenant, "kid": kid, "reason": "who has a copy?" }),
        json!({ "scope": "plugin", "tenant": tenant, "component": digest_of("employee-badge"), "reason": "wrong" }),
    ] {
        let (mine, others) = (Patience::at(&one).await, Patience::at(&other).await);
        let id = order(&operator, &halt).await;
        mine.is_put_off().await;
        others.pays().await;
        if halt["scope"] == "plugin" {
            Patience::for_a(&one, "university-diploma", diploma()).await.pays().await;
        }
        assert!(other.issuer().get("/halts").await.granted()["data"].as_array().unwrap().is_empty());
        lift(&operator, &id).await;
        mine.pays().await;
    }
}

#[tokio::test]
async fn a_tenant_halts_itself_and_nobody_else() {
    let platform = platform();
    let (mine, theirs) = (platform.newcomer().await, platform.newcomer().await);
    let issuer = mine.issuer();
    let (waiting, others) = (Patience::at(&mine).await, Patience::at(&theirs).await);
    let halt =
        issuer.post("/halts", &json!({ "scope": "tenant", "reason": "wrong data" })).await.is(201).json();
    assert_eq!((&halt["scope"], &halt["by"]), (&json!("tenant"), &json!("tenant")));
    waiting.is_put_off().await;
    others.pays().await;
    let id = text(&halt["id"]);
    let path = format!("/halts/{id}");
    theirs.issuer().delete(&path).await.problem(404, "not-found");
    Answer::to(platform.operator().request(Method::DELETE, &path)).await.problem(404, "not-found");
    issuer.delete(&path).await.is(204);
    issuer.delete(&path).await.problem(404, "not-found");
    waiting.pays().await;
}

#[tokio::test]
async fn a_code_that_a_holder_consented_to_outlasts_a_halt() {
    let tenant = platform().newcomer().await;
    let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
    let offer = issuer.offer(badge().with("grant", "authorization_code")).await;
    let (asking, code) = wallet.consented(&offer, &Asking::scope("employee-badge")).await;
    let halt = issuer.post("/halts", &json!({ "scope": "tenant", "reason": "a drill" })).await.is(201).json();
    is_halted(wallet.token(&asking.redemption(&code)).await);
    issuer.delete(&format!("/halts/{}", text(&halt["id"]))).await.is(204);
    wallet.token(&asking.redemption(&code)).await.granted();
}

#[tokio::test]
async fn a_self_hosted_issuer_is_halted_by_its_owner_at_every_process() {
    let house = House::start();
    let twin = house.twin();
    let (here, there) = (house.acme(), Acme { base: twin.acme().base, ..house.acme() });
    let waiting = [Patience::at(&here).await, Patience::at(&there).await];
    let request = json!({ "scope": "plugin", "component": digest_of("employee-badge"), "reason": "wrong" });
    let halt = here.issuer().post("/halts", &request).await.is(201).json();
    tokio::time::sleep(HEARD_AFTER).await;
    for one in &waiting {
        one.is_put_off().await;
    }
    there.issuer().delete(&format!("/halts/{}", text(&halt["id"]))).await.is(204);
    tokio::time::sleep(HEARD_AFTER).await;
    for one in waiting {
        one.pays().await;
    }
}

#[tokio::test]
async fn an_order_that_says_too_little_or_too_much_is_refused() {
    let platform = platform();
    let (operator, tenant) = (platform.operator(), platform.newcomer().await);
    let own = operator.id_of(&tenant).await;
    let nobody = "tnt_00000000000070008000000000000000";
    for (halt, wrong) in [
        (json!({ "scope": "everything" }), ""),
        (json!({ "scope": "tenant" }), "/tenant"),
        (json!({ "scope": "tenant", "tenant": nobody }), "/tenant"),
        (json!({ "scope": "tenant", "tenant": "acme" }), "/tenant"),
        (json!({ "scope": "global", "tenant": own }), "/tenant"),
        (json!({ "scope": "global", "kid": "x" }), "/kid"),
        (json!({ "scope": "plugin" }), "/component"),
        (json!({ "scope": "plugin", "component": "beef" }), "/component"),
        (json!({ "scope": "key", "tenant": own }), "/kid"),
        (json!({ "scope": "key", "tenant": own, "kid": "nobodys" }), "/kid"),
        (json!({ "scope": "tenant", "tenant": own, "reason": "" }), "/reason"),
    ] {
        let mut halt = halt;
        if halt.get("reason").is_none() {
            halt["reason"] = "x".into();
        }
        assert_eq!(operator.post("/halts", &halt).await.wrong_parts(), [wrong], "{halt}");
    }
    let issuer: Issuer = tenant.issuer();
    for (halt, wrong) in [
        (json!({ "scope": "global", "reason": "x" }), "/scope"),
        (json!({ "scope": "tenant", "tenant": own, "reason": "x" }), "/tenant"),
        (json!({ "scope": "key", "kid": "nobodys", "reason": "x" }), "/kid"),
    ] {
        assert_eq!(issuer.post("/halts", &halt).await.wrong_parts(), [wrong], "{halt}");
    }
}

/// One process decides upon a halt while another issues: whatever was signed, was signed before.
#[tokio::test]
async fn a_halt_that_is_answered_is_in_force() {
    let [one, other] = twin_platforms();
    let here = one.newcomer().await;
    let there = Acme { base: here.base.replace(&one.base, &other.base), ..here.clone() };
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(Patience::at(&there).await);
    }
    let halt =
        here.issuer().post("/halts", &json!({ "scope": "tenant", "reason": "now" })).await.is(201).json();
    // Without a pause: the other process may not have heard of it, and signs nothing all the same.
    for one in &waiting {
        is_halted(one.tenant.wallet().request(&one.token, &one.request).await);
    }
    here.issuer().delete(&format!("/halts/{}", text(&halt["id"]))).await.is(204);
    for one in waiting {
        one.tenant.wallet().request(&one.token, &badge_request(&[])).await.refused(400, "invalid_proof");
        one.tenant.wallet().request(&one.token, &one.request).await.granted();
    }
}
