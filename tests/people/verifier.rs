//! Somebody who is shown a credential, and believes nothing that a signature does not say.

use serde_json::Value;

use crate::answer::text;
use crate::sd_jwt::{self, SdJwt};
use crate::{Acme, Answer, jose};

/// Somebody who is shown a credential.
pub struct Verifier(Acme);

impl Verifier {
    pub(super) fn new(acme: Acme) -> Self {
        Self(acme)
    }

    /// The issuer's keys, as SD-JWT VC has them found.
    pub async fn keys(&self) -> Value {
        let answer = Answer::to(self.0.http.get(self.0.at("/.well-known/jwt-vc-issuer"))).await.is(200);
        let document = answer.json();
        assert_eq!(document["issuer"], self.0.identifier);
        document["jwks"].clone()
    }

    /// Takes the credential apart.
    pub async fn verify(&self, credential: &str) -> SdJwt {
        sd_jwt::verify(credential, &self.keys().await)
    }

    /// The signed list that the credential refers to: header and claims.
    pub async fn status_list(&self, credential: &SdJwt) -> (Value, Value) {
        self.status_list_at(&text(&credential.payload["status"]["status_list"]["uri"])).await
    }

    async fn status_list_at(&self, uri: &str) -> (Value, Value) {
        let answer = Answer::to(self.0.http.get(self.0.here(uri))).await.is(200);
        let (header, claims) = jose::verify(answer.text(), &self.keys().await);
        assert_eq!(claims["sub"], uri, "Token Status List §5.1");
        (header, claims)
    }

    /// The credential's status: 0 valid, 1 revoked, 2 suspended.
    pub async fn status(&self, credential: &SdJwt) -> u8 {
        let entry = &credential.payload["status"]["status_list"];
        self.status_at(&text(&entry["uri"]), entry["idx"].as_u64().unwrap()).await
    }

    /// The same, of any format, by the entry that the credential names.
    pub async fn status_at(&self, uri: &str, index: u64) -> u8 {
        let (_, claims) = self.status_list_at(uri).await;
        assert_eq!(claims["status_list"]["bits"], 2);
        sd_jwt::status(&text(&claims["status_list"]["lst"]), index).0
    }
}
