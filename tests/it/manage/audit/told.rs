//! Every change is told, in the transaction that makes it: what each route leaves in the audit trail

use chancery_tests::answer::text;
use chancery_tests::jose::sha256_hex;
use chancery_tests::people::{Issuer, Plugin, badge};
use chancery_tests::{Answer, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::{entries, issued};
use crate::manage::openapi::routed_by;
use crate::platform::plugins::allow_plugins;

fn provider(secret: &str) -> Value {
    json!({
        "issuer": "https://op.test", "client_id": "chancery", "client_secret": secret,
        "configuration_ids": ["employee-badge"], "claims": { "employee_id": "sub" },
    })
}

fn told_of_provider(has_secret: bool) -> Value {
    json!({
        "issuer": "https://op.test", "client_id": "chancery", "has_secret": has_secret,
        "configuration_ids": ["employee-badge"], "claims": { "employee_id": "sub" },
    })
}

/// The tenant's own id, as its children know it.
async fn tenant_id(issuer: &Issuer) -> String {
    let slug = unique("c-").to_lowercase();
    let child = json!({ "slug": slug, "name": "Child", "owner": { "email": "ada@example.com" } });
    text(&issuer.post("/subtenants", &child).await.is(201).json()["parent"])
}

/// A tenant below this one.
async fn a_child(issuer: &Issuer) -> String {
    let slug = unique("c-").to_lowercase();
    let child = json!({ "slug": slug, "name": "Child", "owner": { "email": "ada@example.com" } });
    text(&issuer.post("/subtenants", &child).await.is(201).json()["id"])
}

/// If you are here because a route is unknown: let its operation tell the audit trail, in the transaction of
/// the change, and do here what the route does.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one arm for every route")]
async fn every_change_is_told_once() {
    allow_plugins(&platform().operator()).await;
    let tenant = platform().newcomer().await;
    let issuer = tenant.issuer();
    let status = |word: &str| json!({ "status": word });
    let routes = routed_by("fn managers()").into_iter().chain(routed_by("fn addresses()"));
    let routes = routes.chain(routed_by("fn descendants()"));
    for (method, path) in routes.filter(|(method, _)| method != "get") {
        let (answer, target, action, before, after) = match (method.as_str(), path.as_str()) {
            ("post", "/offers") => {
                let answer = issuer.create(&badge().tx_code()).await;
                let made = json!({ "configuration_ids": ["employee-badge"], "tx_code_required": true });
                (answer.clone(), text(&answer.json()["id"]), "offer.created", Value::Null, made)
            }
            ("delete", "/offers/{id}") => {
                let id = issuer.offer(badge()).await.id;
                let answer = issuer.delete(&format!("/offers/{id}")).await;
                let (before, after) = (json!({ "state": "created" }), json!({ "state": "cancelled" }));
                (answer, id, "offer.cancelled", before, after)
            }
            ("post", "/credentials/{id}/revoke") => {
                let id = issued(&tenant).await;
                let answer = issuer.change(&id, "revoke").await;
                (answer, id, "credential.revoked", status("valid"), status("revoked"))
            }
            ("post", "/credentials/{id}/suspend") => {
                let id = issued(&tenant).await;
                let answer = issuer.change(&id, "suspend").await;
                (answer, id, "credential.suspended", status("valid"), status("suspended"))
            }
            ("post", "/credentials/{id}/reinstate") => {
                let id = issued(&tenant).await;
                issuer.change(&id, "suspend").await.is(200);
                let answer = issuer.change(&id, "reinstate").await;
                (answer, id, "credential.reinstated", status("suspended"), status("valid"))
            }
            ("post", "/credentials/{id}/replay") => {
                let id = issued(&tenant).await;
                let subject = badge().0["credentials"][0]["subject"].clone();
                let path = format!("/credentials/{id}/replay");
                let answer = issuer.post(&path, &json!({ "subject": subject })).await;
                let made = json!({ "same": true, "input": "given" });
                (answer, id, "decision.replayed", Value::Null, made)
            }
            ("post", "/deferrals/{id}/complete") => {
                let id = issuer.offer(badge().deferred()).await.deferral();
                let answer = issuer.complete(&id, &json!({})).await;
                let (before, after) = (
                    json!({ "state": "pending" }),
                    json!({ "state": "completed", "subject_brought": false }),
                );
                (answer, id, "deferral.completed", before, after)
            }
            ("post", "/deferrals/{id}/refuse") => {
                let id = issuer.offer(badge().deferred()).await.deferral();
                let answer = issuer.refuse(&id, "Not this time").await;
                let (before, after) = (json!({ "state": "pending" }), json!({ "state": "refused" }));
                (answer, id, "deferral.refused", before, after)
            }
            ("post", "/api-keys") => {
                let made = json!({ "name": "a name", "scopes": ["auditor"] });
                let answer = issuer.post("/api-keys", &made).await;
                (answer.clone(), text(&answer.json()["id"]), "api-key.created", Value::Null, made)
            }
            ("patch", "/api-keys/{id}") => {
                let id = a_key(&issuer).await;
                let request = issuer.request(Method::PATCH, &format!("/api-keys/{id}"));
                let answer = Answer::to(request.json(&json!({ "name": "another" }))).await;
                let (before, after) = (json!({ "name": "a name" }), json!({ "name": "another" }));
                (answer, id, "api-key.renamed", before, after)
            }
            ("delete", "/api-keys/{id}") => {
                let id = a_key(&issuer).await;
                let answer = issuer.delete(&format!("/api-keys/{id}")).await;
                (answer, id, "api-key.revoked", json!({}), Value::Null)
            }
            ("post", "/clients") => {
                let answer = issuer.post("/clients", &client("made")).await;
                (
                    answer.clone(),
                    text(&answer.json()["client_id"]),
                    "client.admitted",
                    Value::Null,
                    client("made"),
                )
            }
            ("patch", "/clients/{id}") => {
                let id = a_client(&issuer).await;
                let request =
                    issuer.request(Method::PATCH, &format!("/clients/{id}")).header("if-match", "*");
                let answer = Answer::to(request.json(&json!({ "name": "changed" }))).await;
                (answer, id, "client.changed", client("made"), client("changed"))
            }
            ("post", "/clients/{id}/rotate-secret") => {
                let id = a_client(&issuer).await;
                let answer = issuer.post(&format!("/clients/{id}/rotate-secret"), &json!({})).await;
                (answer, id, "client.secret-rotated", Value::Null, json!({ "overlap_seconds": 0 }))
            }
            ("delete", "/clients/{id}") => {
                let id = a_client(&issuer).await;
                let answer = issuer.delete(&format!("/clients/{id}")).await;
                (answer, id, "client.removed", client("made"), Value::Null)
            }
            ("post", "/keys/rotate") => {
                let answer = issuer.post("/keys/rotate", &json!({ "activate_in": 0 })).await;
                let (before, after) = (json!({ "version": 1 }), json!({ "version": 2, "activate_in": 0 }));
                (answer, "credential".to_owned(), "key.rotated", before, after)
            }
            // Each has a test of its own: `every_change_of_keys_is_told`, `an_accepted_invitation_is_told`,
            // `what_was_given_up_is_told_once_more`.
            (
                "post",
                "/keys/import" | "/keys/{kid}/revoke" | "/invitations/accept" | "/webhooks/{id}/replay-dead",
            )
            | ("put", "/keys/{kid}/certificate") => continue,
            ("delete", "/keys/{kid}/certificate") => {
                let keys = issuer.get("/keys").await.granted();
                let of_credentials = |key: &&Value| key["use"] == "credential" && key["state"] == "active";
                let kid = text(&keys["data"].as_array().unwrap().iter().find(of_credentials).unwrap()["kid"]);
                let answer = issuer.delete(&format!("/keys/{kid}/certificate")).await;
                let none = json!({ "certificate_expires_at": null });
                (answer, kid, "key.certified", none.clone(), none)
            }
            ("delete", "/sessions/{id}") => {
                let id = issuer.offer(badge()).await.id;
                issuer.delete(&format!("/offers/{id}")).await.is(204);
                (
                    issuer.delete(&format!("/sessions/{id}")).await,
                    id,
                    "session.forgotten",
                    json!({}),
                    Value::Null,
                )
            }
            ("put" | "patch", "/configuration" | "/configuration/{principal}") => {
                let own = path == "/configuration";
                let id = if own { tenant_id(&issuer).await } else { a_key(&issuer).await };
                let path = if own { path.clone() } else { format!("/configuration/{id}") };
                let method: Method = method.to_uppercase().parse().unwrap();
                let seconds = if method == Method::PUT { 60 } else { 90 };
                let request = issuer.request(method, &path).header("if-match", "*");
                let answer = Answer::to(request.json(&json!({ "offer_lifetime": seconds }))).await;
                // Methods come in the order of the alphabet, so it is patched first.
                let before = if own && seconds == 60 { json!(90) } else { Value::Null };
                let (before, after) =
                    (json!({ "offer_lifetime": before }), json!({ "offer_lifetime": seconds }));
                (answer, id, "configuration.changed", before, after)
            }
            ("post", "/halts") => {
                let halt = json!({ "scope": "plugin", "component": "0".repeat(64), "reason": "told" });
                let answer = issuer.post("/halts", &halt).await;
                let mut made = halt;
                made["tenant"] = answer.json()["tenant"].clone();
                (answer.clone(), text(&answer.json()["id"]), "halt.ordered", Value::Null, made)
            }
            ("delete", "/halts/{id}") => {
                let halt = json!({ "scope": "plugin", "component": "0".repeat(64), "reason": "told" });
                let ordered = issuer.post("/halts", &halt).await.is(201).json();
                let id = text(&ordered["id"]);
                let answer = issuer.delete(&format!("/halts/{id}")).await;
                let mut before = halt;
                before["tenant"] = ordered["tenant"].clone();
                (answer, id, "halt.lifted", before, Value::Null)
            }
            ("put", "/sources/{configuration_id}/{name}") => {
                let request = issuer.request(Method::PUT, "/sources/staff-pass/staff");
                let header = json!({ "name": "Authorization", "value": "Bearer 5ec2e7" });
                let body = json!({ "url": "https://staff.test/x", "header": header });
                let after = json!({ "origin": "https://staff.test", "header": "authorization" });
                let target = "staff-pass/staff".to_owned();
                (Answer::to(request.json(&body)).await, target, "source.set", Value::Null, after)
            }
            ("delete", "/sources/{configuration_id}/{name}") => {
                let request = issuer.request(Method::PUT, "/sources/staff-pass/departments");
                Answer::to(request.json(&json!({ "url": "https://staff.test/" }))).await.is(200);
                let answer = issuer.delete("/sources/staff-pass/departments").await;
                let before = json!({ "origin": "https://staff.test", "header": null });
                (answer, "staff-pass/departments".to_owned(), "source.removed", before, Value::Null)
            }
            ("put", "/providers/{name}") => {
                let request = issuer.request(Method::PUT, "/providers/sso");
                let answer = Answer::to(request.json(&provider("5ec2e7"))).await;
                (answer, "sso".to_owned(), "provider.set", Value::Null, told_of_provider(true))
            }
            ("delete", "/providers/{name}") => {
                let request = issuer.request(Method::PUT, "/providers/login");
                let mut public = provider("");
                public.as_object_mut().unwrap().remove("client_secret");
                Answer::to(request.json(&public)).await.is(200);
                let answer = issuer.delete("/providers/login").await;
                (answer, "login".to_owned(), "provider.removed", told_of_provider(false), Value::Null)
            }
            ("post", "/webhooks") => {
                let answer = issuer.post("/webhooks", &json!({ "url": "https://hooks.test/x?y" })).await;
                (answer.clone(), text(&answer.json()["id"]), "webhook.created", Value::Null, webhook(""))
            }
            ("patch", "/webhooks/{id}") => {
                let id = a_webhook(&issuer).await;
                let request = issuer.request(Method::PATCH, &format!("/webhooks/{id}"));
                let request = request.header("if-match", "*").json(&json!({ "description": "changed" }));
                (Answer::to(request).await, id, "webhook.changed", webhook(""), webhook("changed"))
            }
            ("delete", "/webhooks/{id}") => {
                let id = a_webhook(&issuer).await;
                let answer = issuer.delete(&format!("/webhooks/{id}")).await;
                (answer, id, "webhook.deleted", webhook(""), Value::Null)
            }
            ("post", "/webhooks/{id}/rotate-secret") => {
                let id = a_webhook(&issuer).await;
                let answer = issuer
                    .post(&format!("/webhooks/{id}/rotate-secret"), &json!({ "overlap_seconds": 60 }))
                    .await;
                (answer, id, "webhook.secret-rotated", Value::Null, json!({ "overlap_seconds": 60 }))
            }
            ("post", "/webhooks/{id}/test") => {
                let id = a_webhook(&issuer).await;
                let answer = issuer.post(&format!("/webhooks/{id}/test"), &json!({})).await;
                (answer.clone(), id, "webhook.tested", Value::Null, answer.json())
            }
            ("post", "/webhooks/{id}/deliveries/{event_id}/replay") => {
                let id = a_webhook(&issuer).await;
                let event = issuer.post(&format!("/webhooks/{id}/test"), &json!({})).await.is(202).json();
                let path = format!("/webhooks/{id}/deliveries/{}/replay", text(&event["event_id"]));
                let answer = issuer.post(&path, &json!({})).await;
                let after = json!({ "event_id": event["event_id"], "replayed": 1 });
                (answer, id, "webhook.replayed", Value::Null, after)
            }
            ("post", "/plugins") => {
                let plugin = a_plugin();
                let answer = issuer.upload(&plugin).await;
                (answer, plugin.digest(), "plugin.uploaded", Value::Null, brought("approved"))
            }
            ("delete", "/plugins/{digest}") => {
                let plugin = a_plugin();
                issuer.upload(&plugin).await.is(201);
                let answer = issuer.delete(&format!("/plugins/{}", plugin.digest())).await;
                let before = json!({ "name": "employee-badge", "version": "0.2.0" });
                (answer, plugin.digest(), "plugin.discarded", before, Value::Null)
            }
            ("post", "/plugins/{digest}/approve") => {
                let plugin = a_plugin();
                let ask = issuer.request(Method::PATCH, "/configuration").header("if-match", "*");
                Answer::to(ask.json(&json!({ "plugin_approval": true }))).await.is(200);
                issuer.key(&["owner"]).await.upload(&plugin).await.is(201);
                let path = format!("/plugins/{}/approve", plugin.digest());
                let answer = issuer.post(&path, &json!({})).await;
                let ask = issuer.request(Method::PATCH, "/configuration").header("if-match", "*");
                Answer::to(ask.json(&json!({ "plugin_approval": null }))).await.is(200);
                let approval = |word: &str| json!({ "approval": word });
                let (before, after) = (approval("awaiting-approval"), approval("approved"));
                (answer, plugin.digest(), "plugin.approved", before, after)
            }
            ("post", "/activations") => {
                let before = json!({ "component": active(&issuer, PID).await });
                let configuration = json!({ "issuing_country": "DE" });
                let request = json!({ "digest": before["component"], "configuration": configuration });
                let answer = issuer.post("/activations", &request).await;
                let after = json!({
                    "plugin": format!("{PID} 0.1.0"), "component": before["component"], "part": "active",
                    "configuration": sha256_hex(configuration.to_string()),
                });
                (answer, PID.to_owned(), "plugin.activated", before, after)
            }
            ("delete", "/activations/{configuration_id}") => {
                let diploma = "university-diploma";
                let before = json!({ "component": active(&issuer, diploma).await });
                let answer = issuer.delete(&format!("/activations/{diploma}")).await;
                (answer, diploma.to_owned(), "plugin.deactivated", before, Value::Null)
            }
            ("post", "/activations/{configuration_id}/rollback") => {
                let badge = "employee-badge";
                let before = json!({ "component": active(&issuer, badge).await });
                issuer.delete(&format!("/activations/{badge}")).await.is(204);
                let answer = issuer.post(&format!("/activations/{badge}/rollback"), &json!({})).await;
                (answer, badge.to_owned(), "plugin.rolled-back", before, Value::Null)
            }
            // What is done to a child is the platform's to tell; that it was ordered, the parent's.
            ("post", "/subtenants") => {
                let slug = unique("c-").to_lowercase();
                let owner = json!({ "email": "ada@example.com" });
                let child = json!({ "slug": slug, "name": "Child", "owner": owner });
                let answer = issuer.post("/subtenants", &child).await;
                let made = json!({ "slug": slug, "name": "Child" });
                (answer, slug, "subtenant.ordered", Value::Null, made)
            }
            ("patch", "/subtenants/{id}") => {
                let id = a_child(&issuer).await;
                let request = issuer.request(Method::PATCH, &format!("/subtenants/{id}"));
                let request = request.header("if-match", "*").json(&json!({ "name": "Renamed" }));
                let (before, after) = (json!({ "name": "Child" }), json!({ "name": "Renamed" }));
                (Answer::to(request).await, id, "subtenant.change-ordered", before, after)
            }
            ("post", "/subtenants/{id}/suspend") => {
                let id = a_child(&issuer).await;
                let answer = issuer.post(&format!("/subtenants/{id}/suspend"), &json!({})).await;
                (answer, id, "subtenant.change-ordered", status("active"), status("suspended"))
            }
            ("post", "/subtenants/{id}/resume") => {
                let id = a_child(&issuer).await;
                issuer.post(&format!("/subtenants/{id}/suspend"), &json!({})).await.is(200);
                let answer = issuer.post(&format!("/subtenants/{id}/resume"), &json!({})).await;
                (answer, id, "subtenant.change-ordered", status("suspended"), status("active"))
            }
            ("post", "/subtenants/{id}/close") => {
                let id = a_child(&issuer).await;
                let answer = issuer.post(&format!("/subtenants/{id}/close"), &json!({})).await;
                (answer, id, "subtenant.change-ordered", status("active"), status("closing"))
            }
            ("post", "/domains") => {
                let answer = issuer.post("/domains", &json!({ "domain": "told.test" })).await;
                (answer, "told.test".to_owned(), "domain.claimed", Value::Null, json!({}))
            }
            ("post", "/domains/{domain}/verify") => {
                issuer.post("/domains", &json!({ "domain": "looked-at.test" })).await.is(201);
                let answer = issuer.post("/domains/looked-at.test/verify", &json!({})).await;
                let target = "looked-at.test".to_owned();
                (answer, target, "domain.verification-asked", Value::Null, Value::Null)
            }
            ("delete", "/domains/{domain}") => {
                issuer.post("/domains", &json!({ "domain": "given-up.test" })).await.is(201);
                let answer = issuer.delete("/domains/given-up.test").await;
                (answer, "given-up.test".to_owned(), "domain.released", json!({}), Value::Null)
            }
            ("put", "/public-endpoints/{service}") => {
                let made = json!({ "url": tenant.identifier });
                let request = issuer.request(Method::PUT, "/public-endpoints/issuer").json(&made);
                (Answer::to(request).await, "issuer".to_owned(), "endpoint.bound", Value::Null, made)
            }
            _ => panic!("{method} {path} changes something: what does the audit trail say of it?"),
        };
        assert!((200..300).contains(&answer.status), "{answer}");
        let request = answer.header("x-request-id").unwrap();
        let told = entries(&issuer, "").await;
        let told: Vec<_> = told.iter().filter(|entry| entry["request_id"] == request).collect();
        assert_eq!(told.len(), 1, "{method} {path}: {told:?}");
        assert_eq!((&told[0]["action"], &told[0]["target"]), (&json!(action), &json!(target)));
        assert_eq!((&told[0]["before"], &told[0]["after"]), (&before, &after), "{method} {path}");
        assert_eq!(told[0]["actor"], "api-key");
        assert!(text(&told[0]["actor_id"]).starts_with("key_") && text(&told[0]["id"]).starts_with("aud_"));
    }
}

const PID: &str = "person-identification-data";

/// A plugin that nobody else has.
fn a_plugin() -> Plugin {
    Plugin::next_badge().saying("Employee pass.", &unique("Badge ")[..14])
}

/// What is told of it when it comes.
fn brought(approval: &str) -> Value {
    json!({ "name": "employee-badge", "version": "0.2.0", "approval": approval })
}

/// The digest of what is active under that id.
async fn active(issuer: &Issuer, configuration_id: &str) -> String {
    let in_force = issuer.get("/activations").await.granted();
    let all = in_force["data"].as_array().unwrap().clone();
    text(&all.iter().find(|one| one["configuration_id"] == configuration_id).unwrap()["digest"])
}

/// What is told of a webhook: never the whole URL.
fn webhook(description: &str) -> Value {
    json!({
        "origin": "https://hooks.test", "description": description, "event_types": null, "enabled": true,
    })
}

/// A webhook that is never reached; a tenant has ten at most.
async fn a_webhook(issuer: &Issuer) -> String {
    let made = json!({ "url": "https://hooks.test/x?y" });
    text(&issuer.post("/webhooks", &made).await.is(201).json()["id"])
}

fn client(name: &str) -> Value {
    json!({ "name": name, "scopes": ["auditor"], "configuration_ids": null })
}

async fn a_client(issuer: &Issuer) -> String {
    text(&issuer.post("/clients", &client("made")).await.is(201).json()["client_id"])
}

async fn a_key(issuer: &Issuer) -> String {
    let made = json!({ "name": "a name", "scopes": ["auditor"] });
    text(&issuer.post("/api-keys", &made).await.is(201).json()["id"])
}
