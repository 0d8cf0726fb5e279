//! A wallet in raw HTTP: every step alone, and every step can be done wrong.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::Offer;
use crate::answer::text;
use crate::jose::{self, Jwt, Key};
use crate::{Acme, Answer};

/// The grant type, with its hyphen.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// A holder's wallet.
#[derive(Clone)]
pub struct Wallet {
    acme: Acme,
}

/// An access token.
#[derive(Debug, Clone)]
pub struct Token {
    /// As it came.
    pub text: String,
    /// The whole answer.
    pub answer: Value,
}

impl Wallet {
    pub(super) fn new(acme: Acme) -> Self {
        Self { acme }
    }

    /// The issuer identifier: what proofs are for.
    pub fn issuer(&self) -> &str {
        &self.acme.identifier
    }

    /// The offer behind a link, fetched if need be.
    pub async fn read(&self, offer: &Offer) -> Value {
        let link = Url::parse(&offer.link).unwrap();
        let parameters: Vec<(String, String)> = link.query_pairs().into_owned().collect();
        assert_eq!(parameters.len(), 1, "{link}");
        match parameters[0].0.as_str() {
            "credential_offer" => serde_json::from_str(&parameters[0].1).unwrap(),
            "credential_offer_uri" => {
                Answer::to(self.acme.http.get(self.acme.here(&parameters[0].1))).await.granted()
            }
            other => panic!("{other} in {link}"),
        }
    }

    /// The pre-authorized code of an offer.
    pub async fn code(&self, offer: &Offer) -> String {
        text(&self.read(offer).await["grants"][GRANT]["pre-authorized_code"])
    }

    /// A token request, to be completed.
    pub fn token_request(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.acme.http.post(self.acme.at("/token")).form(form)
    }

    /// Asks for a token with this form.
    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        Answer::to(self.token_request(form)).await
    }

    /// Asks for a token with this code.
    pub async fn exchange(&self, code: &str) -> Answer {
        self.token(&[("grant_type", GRANT), ("pre-authorized_code", code)]).await
    }

    /// Exchanges the offer's code.
    pub async fn redeem(&self, offer: &Offer) -> Token {
        let code = self.code(offer).await;
        let mut form = vec![("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
        if let Some(tx_code) = &offer.tx_code {
            form.push(("tx_code", tx_code));
        }
        Token::read(self.token(&form).await)
    }

    /// Exchanges the offer's code for a token that is bound to a key.
    pub async fn redeem_bound(&self, offer: &Offer, key: &Key) -> Token {
        let code = self.code(offer).await;
        let proof = self.dpop(key, "/token").await.sign(key);
        let form = [("grant_type", GRANT), ("pre-authorized_code", code.as_str())];
        let token = Token::read(Answer::to(self.token_request(&form).header("DPoP", proof)).await);
        assert_eq!(token.answer["token_type"], "DPoP");
        token
    }

    /// A fresh `c_nonce`.
    pub async fn nonce(&self) -> String {
        text(&self.ask_for_nonce().await.granted()["c_nonce"])
    }

    /// Asks the nonce endpoint.
    pub async fn ask_for_nonce(&self) -> Answer {
        Answer::to(self.acme.http.post(self.acme.at("/nonce"))).await
    }

    /// A DPoP proof for a path, with a nonce of the server, to be signed.
    pub async fn dpop(&self, key: &Key, path: &str) -> Jwt {
        let nonce = self.ask_for_nonce().await.header("dpop-nonce").unwrap().to_owned();
        jose::dpop_proof(key, &format!("{}{path}", self.acme.identifier), Some(&nonce))
    }

    /// A DPoP proof for the credential endpoint, with this token.
    pub async fn dpop_with(&self, key: &Key, token: &Token) -> Jwt {
        self.dpop_at("/credential", key, token).await
    }

    /// A DPoP proof for an endpoint, with this token.
    pub async fn dpop_at(&self, path: &str, key: &Key, token: &Token) -> Jwt {
        self.dpop(key, path).await.claim("ath", jose::sha256(&token.text))
    }

    /// A key proof, to be signed.
    pub fn proof(&self, key: &Key, nonce: &str) -> Jwt {
        jose::key_proof(key, &self.acme.identifier, nonce)
    }

    /// Proofs of these keys, all with one nonce.
    pub fn proofs(&self, keys: &[Key], nonce: &str) -> Vec<String> {
        keys.iter().map(|key| self.proof(key, nonce).sign(key)).collect()
    }

    /// A request to an endpoint, to be completed.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.acme.http.request(Method::POST, self.acme.at(path))
    }

    /// Asks for a credential with a bearer token.
    pub async fn request(&self, token: &Token, body: &Value) -> Answer {
        Answer::to(self.post("/credential").bearer_auth(&token.text).json(body)).await
    }

    /// Asks for a credential with a bound token and a proof.
    pub async fn request_bound(&self, token: &Token, proof: &str, body: &Value) -> Answer {
        let request = self.post("/credential").header("authorization", format!("DPoP {}", token.text));
        Answer::to(request.header("DPoP", proof).json(body)).await
    }

    /// Asks for a badge with these proofs.
    pub async fn request_badge(&self, token: &Token, proofs: &[String]) -> Answer {
        self.request(token, &badge_request(proofs)).await
    }

    /// Claims a badge for one fresh key.
    pub async fn claim(&self, offer: &Offer) -> String {
        self.claim_copies(offer, 1).await.remove(0)
    }

    /// Claims copies of a badge, each for a fresh key.
    pub async fn claim_copies(&self, offer: &Offer, count: usize) -> Vec<String> {
        let token = self.redeem(offer).await;
        let proofs = self.proofs(&Key::some(count), &self.nonce().await);
        credentials(&self.request_badge(&token, &proofs).await.granted())
    }
}

/// What a wallet asks a holder to consent to.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The parameters.
    pub form: Vec<(String, String)>,
    /// What the challenge was made from.
    pub verifier: String,
}

/// Where the tests' wallet is found.
pub const REDIRECT: &str = "https://wallet.example/cb?mine=1";

impl Asking {
    /// For a configuration, by scope.
    pub fn scope(scope: &str) -> Self {
        Self::new().with("scope", scope)
    }

    /// For configurations, by authorization details.
    pub fn details(configuration_ids: &[&str]) -> Self {
        let detail = |id: &&str| json!({ "type": "openid_credential", "credential_configuration_id": id });
        let details: Vec<_> = configuration_ids.iter().map(detail).collect();
        Self::new().with("authorization_details", &json!(details).to_string())
    }

    fn new() -> Self {
        let verifier = crate::unique("verifier-of-a-wallet-and-long-enough-it-is-");
        let form = [
            ("response_type", "code"),
            ("client_id", "wallet"),
            ("redirect_uri", REDIRECT),
            ("state", "state of the wallet"),
            ("code_challenge", &jose::sha256(&verifier)),
            ("code_challenge_method", "S256"),
        ];
        Self { form: form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), verifier }
    }

    /// With this parameter instead.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.form.retain(|(known, _)| known != name);
        self
    }

    /// The token request that follows.
    pub fn redemption<'a>(&'a self, code: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", "wallet"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &self.verifier),
        ]
    }
}

impl Wallet {
    /// Pushes a request.
    pub async fn push(&self, asking: &Asking) -> Answer {
        Answer::to(self.post("/par").form(&asking.form)).await
    }

    /// Pushes a good request: its `request_uri`.
    pub async fn pushed(&self, asking: &Asking) -> String {
        let answer = self.push(asking).await.is(201);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
        text(&answer.json()["request_uri"])
    }

    /// The issuer state of an offer.
    pub async fn issuer_state(&self, offer: &Offer) -> String {
        text(&self.read(offer).await["grants"]["authorization_code"]["issuer_state"])
    }

    /// The code that the holder of an offer consents to.
    pub async fn consented(&self, offer: &Offer, asking: &Asking) -> (Asking, String) {
        let asking = asking.clone().with("issuer_state", &self.issuer_state(offer).await);
        let holder = self.acme.holder();
        let page = holder.open(&self.pushed(&asking).await).await;
        let code = holder.consent(&page).await.remove("code").unwrap();
        (asking, code)
    }
}

/// A request for a badge with these proofs.
pub fn badge_request(proofs: &[String]) -> Value {
    request_for("employee-badge", proofs)
}

/// A request for a credential with these proofs.
pub fn request_for(configuration_id: &str, proofs: &[String]) -> Value {
    json!({ "credential_configuration_id": configuration_id, "proofs": { "jwt": proofs } })
}

/// The credentials of an answer.
#[track_caller]
pub fn credentials(answer: &Value) -> Vec<String> {
    let credentials = answer["credentials"].as_array().unwrap_or_else(|| panic!("{answer}"));
    credentials.iter().map(|credential| text(&credential["credential"])).collect()
}

impl Token {
    /// Reads the answer to a token request.
    #[track_caller]
    pub fn read(answer: Answer) -> Self {
        let answer = answer.granted();
        Self { text: text(&answer["access_token"]), answer }
    }
}
