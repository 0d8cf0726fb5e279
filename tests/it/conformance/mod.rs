//! What the conformance plans of the OpenID Foundation check of an issuer: tests of ours after their modules, by their
//! names.
//!
//! The plans are `oid4vci-1_0-issuer-test-plan` and `oid4vci-1_0-issuer-haip-test-plan`, with what HAIP takes from FAPI
//! 2.0. They need an address that the world can reach; these run anywhere, with both formats, both beginnings and with
//! or without encryption where a module does not say otherwise.

mod attestation;
mod deferred;
mod failures;
mod fapi2;
mod issuer;

use chancery_tests::answer::text;
use chancery_tests::jose::{Key, sha256};
use chancery_tests::people::wallet::{Asking, request_for};
use chancery_tests::people::{Offer, Registered, Request, Token};
use chancery_tests::{Acme, Answer, mdoc, platform, unique};
use serde_json::{Value, json};

use crate::wallet::credential::encrypted;

/// The data of a person, which is issued in either format.
const PID: &str = "person-identification-data";

/// What a plan is run with.
#[derive(Debug, Clone, Copy)]
struct Variant {
    configuration_id: &'static str,
    /// By an offer of the issuer, or by the wallet itself.
    by_issuer: bool,
    encrypted: bool,
    /// Asked for by authorization details (RFC 9396), or by scope.
    rar: bool,
}

/// Every variant that HAIP has, asked for by scope.
fn variants() -> impl Iterator<Item = Variant> {
    let formats = [PID, "person-identification-data.mso_mdoc"];
    formats.into_iter().flat_map(|configuration_id| {
        [(true, false), (true, true), (false, false), (false, true)].map(|(by_issuer, encrypted)| Variant {
            configuration_id,
            by_issuer,
            encrypted,
            rar: false,
        })
    })
}

/// Every variant that HAIP has.
fn all_variants() -> impl Iterator<Item = Variant> {
    variants().flat_map(|variant| [variant, Variant { rar: true, ..variant }])
}

/// The variant for modules that are about something else.
const PLAIN: Variant = Variant { configuration_id: PID, by_issuer: true, encrypted: false, rar: false };

/// An offer of the variant's credential, by that grant.
async fn offer_by(acme: &Acme, variant: Variant, grant: &str) -> Offer {
    let subject = json!({
        "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
        "place_of_birth": { "country": "DE" }, "nationalities": ["DE"],
    });
    let credential = json!({ "configuration_id": variant.configuration_id, "subject": subject });
    acme.issuer().offer(Request(json!({ "credentials": [credential] })).with("grant", grant)).await
}

/// A run of the HAIP plan: a tenant of its own, and two wallets that it registered.
struct Plan {
    acme: Acme,
    client: Registered,
    other: Registered,
}

impl Plan {
    async fn start() -> Self {
        let plan = Self::start_plain().await;
        plan.acme.choose(&json!({ "profile": "haip" })).await.is(200);
        plan
    }

    /// A run of the plan without HAIP.
    async fn start_plain() -> Self {
        let acme = platform().newcomer().await;
        let (client, other) = (acme.registered().await, acme.registered().await);
        Self { acme, client, other }
    }

    async fn offer(&self, variant: Variant) -> Offer {
        offer_by(&self.acme, variant, "authorization_code").await
    }

    /// What a wallet asks for, with a parameter that nobody knows.
    async fn asking(&self, client: &Registered, offer: &Offer, variant: Variant) -> Asking {
        let wanted = if variant.rar {
            Asking::details(&[variant.configuration_id])
        } else {
            Asking::scope(variant.configuration_id)
        };
        let asking = client.asking(&wanted).with("x-unknown", &unique("x"));
        if !variant.by_issuer {
            return asking;
        }
        asking.with("issuer_state", &self.acme.wallet().issuer_state(offer).await)
    }

    async fn push(&self, client: &Registered, asking: &Asking) -> Answer {
        let form: Vec<_> = asking.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Answer::to(self.acme.wallet().post("/par").form(&client.asserting(&form))).await
    }

    /// Opens a pushed request as a browser does.
    async fn visit(&self, client: &Registered, request_uri: &str) -> Answer {
        self.acme.holder().visit(&[("client_id", &client.id), ("request_uri", request_uri)]).await
    }

    /// The page on which the holder decides.
    async fn decision(&self, client: &Registered, asking: &Asking, offer: &Offer) -> Answer {
        let pushed = self.push(client, asking).await.is(201);
        assert_eq!(pushed.header("cache-control"), Some("no-store"), "{pushed}");
        let page = self.visit(client, &text(&pushed.json()["request_uri"])).await.is(200);
        if page.text().contains("Put this into your wallet?") {
            return page;
        }
        self.acme.holder().sign_in(&page, &offer.page_url).await.is(200)
    }

    /// The request of a wallet and the code that came of it.
    async fn authorize(&self, client: &Registered, variant: Variant) -> (Asking, String) {
        let offer = self.offer(variant).await;
        let asking = self.asking(client, &offer, variant).await;
        let page = self.decision(client, &asking, &offer).await;
        let told = self.acme.holder().consent(&page).await;
        assert_eq!(told["iss"], self.acme.identifier, "RFC 9207");
        assert_eq!(told["state"], "state of the wallet");
        (asking, told["code"].clone())
    }

    /// Asks for a token with a form, as this client and with this key.
    async fn ask_for_token(&self, client: &Registered, form: &[(&str, &str)], key: &Key) -> Answer {
        let wallet = self.acme.wallet();
        let proof = wallet.dpop(key, "/token").await.sign(key);
        let mut form = client.asserting(form);
        form.push(("x-unknown", unique("x")));
        Answer::to(wallet.post("/token").form(&form).header("DPoP", proof)).await
    }

    async fn redeem(&self, client: &Registered, asking: &Asking, code: &str, key: &Key) -> Answer {
        self.ask_for_token(client, &asking.redemption(code), key).await
    }

    /// A token, for which everything was done right.
    async fn token(&self, client: &Registered, variant: Variant, key: &Key) -> Token {
        let (asking, code) = self.authorize(client, variant).await;
        let answer = self.redeem(client, &asking, &code, key).await;
        assert_eq!((answer.header("cache-control"), answer.status), (Some("no-store"), 200), "{answer}");
        let token = Token::read(answer);
        assert!(token.answer["token_type"].as_str().unwrap().eq_ignore_ascii_case("DPoP"));
        assert!(token.answer["expires_in"].as_u64().unwrap() > 0);
        token
    }

    /// A request for a credential with these proofs, and a member that nobody knows.
    async fn request(&self, variant: Variant, holders: &[Key]) -> Value {
        let nonce = self.acme.wallet().ask_for_nonce().await;
        assert_eq!(nonce.header("cache-control"), Some("no-store"), "{nonce}");
        let proofs = self.acme.wallet().proofs(holders, &text(&nonce.json()["c_nonce"]));
        let mut request = request_for(variant.configuration_id, &proofs);
        request["x-unknown"] = unique("x").into();
        request
    }

    /// Sends a request for a credential, with a fresh proof of the token's key.
    async fn ask(&self, token: &Token, key: &Key, body: &Value) -> Answer {
        let proof = self.acme.wallet().dpop_with(key, token).await.sign(key);
        self.acme.wallet().request_bound(token, &proof, body).await
    }

    /// What is answered, read by whom it is for.
    async fn receive(&self, variant: Variant, token: &Token, key: &Key, holders: &[Key]) -> Value {
        let mut request = self.request(variant, holders).await;
        let identifier = &token.answer["authorization_details"][0]["credential_identifiers"][0];
        if identifier.is_string() {
            request.as_object_mut().unwrap().remove("credential_configuration_id");
            request["credential_identifier"] = identifier.clone();
        }
        assert_eq!(identifier.is_string(), variant.rar, "{}", token.answer);
        self.exchange("/credential", variant, (token, key), request).await.1
    }

    /// Sends a document with a token, and reads the answer: status and document.
    async fn exchange(
        &self,
        path: &str,
        variant: Variant,
        (token, key): (&Token, &Key),
        mut request: Value,
    ) -> (u16, Value) {
        let wallet = self.acme.wallet();
        let proof = wallet.dpop(key, path).await.claim("ath", sha256(&token.text)).sign(key);
        let asked = wallet.post(path).header("authorization", format!("DPoP {}", token.text));
        let asked = asked.header("DPoP", proof);
        if !variant.encrypted {
            let answer = Answer::to(asked.json(&request)).await;
            return (answer.status, answer.json());
        }
        let (private, public) = encrypted::own_key();
        // Not every issuer says that it compresses; none may stumble over the wish.
        request["credential_response_encryption"] = json!({ "jwk": public, "enc": "A128GCM", "zip": "DEF" });
        let theirs = encrypted::advertised(&self.acme, "request").await;
        let jwe = encrypted::sealed(&theirs["jwks"]["keys"][0], "A128GCM", false, &request);
        let answer = Answer::to(asked.header("content-type", "application/jwt").body(jwe)).await;
        if answer.status >= 400 {
            // A refusal is nothing to hide (OpenID4VCI §8.3.1.2).
            return (answer.status, answer.json());
        }
        (answer.status, encrypted::opened(&private, &answer)["content"].clone())
    }

    async fn verified(&self, variant: Variant, credentials: &[String], holders: &[Key]) -> Vec<Seen> {
        verified(&self.acme, variant, credentials, holders).await
    }
}

/// What a verifier sees of a copy.
struct Seen {
    said: Value,
    /// Its entry in a status list.
    status: String,
    /// When it was issued.
    issued: i64,
    salts: Vec<String>,
}

/// What the copies say, each verified and bound to its key.
async fn verified(acme: &Acme, variant: Variant, credentials: &[String], holders: &[Key]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (credential, holder) in credentials.iter().zip(holders) {
        seen.push(if variant.configuration_id == PID {
            let read = acme.verifier().verify(credential).await;
            assert_eq!(read.payload["cnf"]["jwk"]["x"], holder.jwk()["x"]);
            assert_eq!(read.payload["vct"], "urn:eudi:pid:1");
            assert!(read.header["x5c"].as_array().is_some_and(|chain| !chain.is_empty()), "HAIP");
            assert_eq!(acme.verifier().status(&read).await, 0, "it is valid");
            let list = &read.payload["status"]["status_list"];
            Seen {
                said: json!(read.claims["given_name"]),
                status: list.to_string(),
                issued: read.payload["iat"].as_i64().unwrap(),
                salts: read.salts,
            }
        } else {
            let read = mdoc::verify(credential, &acme.verifier().keys().await);
            assert_eq!(json!(read.device_key_x()), holder.jwk()["x"]);
            let (uri, index) = read.status();
            assert_eq!(acme.verifier().status_at(&uri, index).await, 0, "it is valid");
            let list = mdoc::member(mdoc::member(&read.object, "status"), "status_list");
            let said = read.elements["eu.europa.ec.eudi.pid.1"]["given_name"].as_text().unwrap();
            let salts = read.salts.iter().map(sha256).collect();
            Seen { said: json!(said), status: format!("{list:?}"), issued: read.signed_at(), salts }
        });
    }
    assert_eq!(seen.len(), holders.len());
    seen
}
