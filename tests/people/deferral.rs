//! Those who wait for a decision, and those who make it.

use serde_json::{Value, json};

use super::{Issuer, Offer, Request, Token, Wallet};
use crate::Answer;
use crate::answer::text;
use crate::jose::Key;
use crate::people::wallet::{badge_request, request_for};

/// What a wallet was told to come back with.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The id.
    pub id: String,
    /// In how many seconds.
    pub interval: u64,
}

impl Transaction {
    /// Reads an answer that puts off.
    #[track_caller]
    pub fn read(answer: Answer) -> Self {
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
        let answer = answer.is(202).json();
        let members: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members, ["transaction_id", "interval"]);
        Self { id: text(&answer["transaction_id"]), interval: answer["interval"].as_u64().unwrap() }
    }
}

impl Request {
    /// With the first credential deferred.
    #[must_use]
    pub fn deferred(mut self) -> Self {
        self.0["credentials"][0]["deferred"] = true.into();
        self
    }

    /// With nothing said of the first subject.
    #[must_use]
    pub fn about_nobody(mut self) -> Self {
        self.0["credentials"][0].as_object_mut().unwrap().swap_remove("subject");
        self
    }
}

impl Offer {
    /// The deferral of its only deferred credential.
    #[track_caller]
    pub fn deferral(&self) -> String {
        let deferrals = self.answer["deferrals"].as_array().unwrap_or_else(|| panic!("{}", self.answer));
        assert_eq!(deferrals.len(), 1, "{deferrals:?}");
        text(&deferrals[0]["id"])
    }
}

impl Issuer {
    /// Completes a deferral.
    pub async fn complete(&self, deferral: &str, body: &Value) -> Answer {
        self.post(&format!("/deferrals/{deferral}/complete"), body).await
    }

    /// Refuses a deferral.
    pub async fn refuse(&self, deferral: &str, reason: &str) -> Answer {
        self.post(&format!("/deferrals/{deferral}/refuse"), &json!({ "reason": reason })).await
    }

    /// How far a deferral has come.
    pub async fn deferral_state(&self, deferral: &str) -> String {
        text(&self.get(&format!("/deferrals/{deferral}")).await.granted()["state"])
    }
}

impl Wallet {
    /// Asks for a badge that it does not get yet.
    pub async fn wait_for_badge(&self, token: &Token) -> Transaction {
        self.wait_for("employee-badge", token).await
    }

    /// Asks for a credential that it does not get yet.
    pub async fn wait_for(&self, configuration_id: &str, token: &Token) -> Transaction {
        let proofs = self.proofs(&Key::some(1), &self.nonce().await);
        Transaction::read(self.request(token, &request_for(configuration_id, &proofs)).await)
    }

    /// Asks for a badge that it does not get yet, with a bound token.
    pub async fn wait_for_badge_bound(&self, token: &Token, key: &Key) -> Transaction {
        let proofs = self.proofs(&Key::some(1), &self.nonce().await);
        let proof = self.dpop_with(key, token).await.sign(key);
        Transaction::read(self.request_bound(token, &proof, &badge_request(&proofs)).await)
    }

    /// Comes back.
    pub async fn come_back(&self, token: &Token, transaction: &Transaction) -> Answer {
        self.come_back_with(token, &json!({ "transaction_id": transaction.id })).await
    }

    /// Comes back with any body.
    pub async fn come_back_with(&self, token: &Token, body: &Value) -> Answer {
        Answer::to(self.post("/deferred-credential").bearer_auth(&token.text).json(body)).await
    }

    /// Comes back with a bound token.
    pub async fn come_back_bound(&self, token: &Token, key: &Key, transaction: &Transaction) -> Answer {
        let proof = self.dpop_at("/deferred-credential", key, token).await.sign(key);
        let request =
            self.post("/deferred-credential").header("authorization", format!("DPoP {}", token.text));
        Answer::to(request.header("DPoP", proof).json(&json!({ "transaction_id": transaction.id }))).await
    }
}
