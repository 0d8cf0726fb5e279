//! Whose plugins are taken, and whose may come into force: those of publishers that are trusted, now

use chancery_tests::people::{Operator, Plugin, Publisher, badge};
use chancery_tests::{Answer, House};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{called, choose, of};

const BADGE: &str = "employee-badge";

async fn bring(operator: &Operator, plugin: &Plugin, signature: &str) -> Answer {
    let request = operator.request(Method::POST, "/plugins").header("content-type", "application/wasm");
    Answer::to(request.header("plugin-signature", signature).body(plugin.0.clone())).await
}

#[track_caller]
fn refused_as(answer: Answer, code: &str) {
    let refused = answer.problem(422, "plugin-refused");
    assert_eq!(refused["errors"][0]["code"], code, "{refused}");
    assert_eq!(refused["errors"][0]["pointer"], "/signature", "{refused}");
}

#[tokio::test]
async fn only_what_a_trusted_publisher_signed_is_taken() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let (trusted, stranger, plugin) = (Publisher::somebody(), Publisher::somebody(), Plugin::next_badge());
    choose(&operator, &json!({ "plugin_publishers": [trusted.key()] })).await;

    refused_as(operator.upload(&plugin).await, "unsigned");
    refused_as(bring(&operator, &plugin, &stranger.signs(&plugin)).await, "unknown-publisher");
    let other = Plugin::built(BADGE);
    refused_as(bring(&operator, &plugin, &trusted.signs(&other)).await, "wrong-signature");
    let tampered = plugin.clone().saying("Employee pass.", "Employee past.");
    refused_as(bring(&operator, &tampered, &trusted.signs(&plugin)).await, "wrong-signature");
    // The key of one with the signature of another.
    let (_, signature) = (trusted.key(), stranger.signs(&plugin));
    let mixed = format!("{}.{}", trusted.key(), signature.split_once('.').unwrap().1);
    refused_as(bring(&operator, &plugin, &mixed).await, "wrong-signature");
    // Nobody can have been made to sign a bare digest for something else.
    let bare = trusted.signs_text(Sha256::digest(&plugin.0).as_slice());
    refused_as(bring(&operator, &plugin, &bare).await, "wrong-signature");
    refused_as(bring(&operator, &plugin, "trust me").await, "not-a-signature");
    operator.get(&format!("/plugins/{}", plugin.digest())).await.problem(404, "not-found");

    let taken = bring(&operator, &plugin, &trusted.signs(&plugin)).await.is(201).json();
    assert_eq!(taken["publisher"], trusted.key());
    let told = operator.get("/audit?action=plugin.uploaded&limit=1").await.granted();
    assert_eq!(told["data"][0]["after"]["publisher"], trusted.key(), "{told}");
    operator.post("/activations", &of(&plugin)).await.is(201);

    // What came with the program is not asked.
    let bundled = json!({ "digest": Plugin::built("university-diploma").digest() });
    operator.post("/activations", &bundled).await.is(201);
}

#[tokio::test]
async fn a_key_that_is_trusted_no_more_activates_nothing_more() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let (lost, next, plugin) = (Publisher::somebody(), Publisher::somebody(), Plugin::next_badge());
    choose(&operator, &json!({ "plugin_publishers": [lost.key(), next.key()] })).await;
    bring(&operator, &plugin, &lost.signs(&plugin)).await.is(201);
    operator.post("/activations", &of(&plugin)).await.is(201);
    let acme = house.platform().founded("acme");

    choose(&operator, &json!({ "plugin_publishers": [next.key()] })).await;
    // What is in force goes on; a new decision for it is not taken.
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    let configured = json!({ "digest": plugin.digest(), "part": "shadow" });
    let refused = operator.activate_for(&acme, &of(&plugin)).await.problem(409, "wrong-state");
    assert!(refused["detail"].as_str().unwrap().contains("plugin_publishers"), "{refused}");
    operator.activate_for(&acme, &configured).await.problem(409, "wrong-state");

    // The publisher moves to another key; the bytes stay the same version.
    let again = bring(&operator, &plugin, &next.signs(&plugin)).await.is(200).json();
    assert_eq!(again["publisher"], next.key());
    operator.activate_for(&acme, &of(&plugin)).await.is(201);
    assert_eq!(called(&acme, BADGE).await, "Employee pass.");
}

#[tokio::test]
async fn a_signature_that_is_wrong_is_refused_where_none_is_asked_for() {
    let house = House::of_many();
    let operator = house.platform().operator();
    let (somebody, plugin) = (Publisher::somebody(), Plugin::next_badge());
    refused_as(bring(&operator, &plugin, &somebody.signs(&Plugin::built(BADGE))).await, "wrong-signature");
    let mut form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"signature\"\r\n\r\n{}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"badge.wasm\"\r\n\r\n",
        somebody.signs(&plugin)
    )
    .into_bytes();
    form.extend_from_slice(&plugin.0);
    form.extend_from_slice(b"\r\n--x--\r\n");
    let request = operator.request(Method::POST, "/plugins");
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(form);
    assert_eq!(Answer::to(request).await.is(201).json()["publisher"], somebody.key());
    for wrong in [json!(["short"]), json!(["_".repeat(43)]), json!("key"), json!([7])] {
        let request = operator.request(Method::PATCH, "/configuration").header("if-match", "*");
        let answer = Answer::to(request.json(&json!({ "plugin_publishers": wrong }))).await;
        assert!([400, 422].contains(&answer.status), "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn a_tenant_trusts_whom_it_likes_for_its_own_shelf_unless_the_platform_has_the_last_word() {
    let house = House::of_many();
    let (operator, acme) = (house.platform().operator(), house.platform().founded("acme"));
    let (platforms, own, plugin) = (Publisher::somebody(), Publisher::somebody(), Plugin::next_badge());
    let chosen = json!({ "tenant_plugins": "accepted", "plugin_publishers": [platforms.key()] });
    choose(&operator, &chosen).await;
    let upload = |signature: String| {
        let request = acme.issuer().request(Method::POST, "/plugins");
        let request = request.header("content-type", "application/wasm");
        Answer::to(request.header("plugin-signature", signature).body(plugin.0.clone()))
    };
    refused_as(acme.issuer().upload(&plugin).await, "unsigned");
    refused_as(upload(own.signs(&plugin)).await, "unknown-publisher");
    let request = acme.issuer().request(Method::PATCH, "/configuration").header("if-match", "*");
    Answer::to(request.json(&json!({ "plugin_publishers": [own.key()] }))).await.is(200);
    upload(own.signs(&plugin)).await.is(201);

    // The catalogue is the platform's affair, and what stands there needs no word of the tenant's publisher.
    let badge = Plugin::next_badge().saying("Employee pass.", "Catalogued one");
    bring(&operator, &badge, &platforms.signs(&badge)).await.is(201);
    acme.issuer().post("/activations", &of(&badge)).await.is(201);

    let last_word = json!({ "plugin_publishers": [platforms.key()], "final": ["plugin_publishers"] });
    choose(&operator, &last_word).await;
    let refused = acme.issuer().post("/activations", &of(&plugin)).await;
    refused.problem(409, "wrong-state");
    upload(platforms.signs(&plugin)).await.is(200);
}
