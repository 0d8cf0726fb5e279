//! Coming back for what the issuer does not give yet (OpenID4VCI §9).

use std::time::Duration;

use chancery_protocol::credential::{
    CredentialAnswer, CredentialResponse, DeferredCredentialRequest, DeferredResponse,
};
use chancery_protocol::offer::CredentialOffer;
use serde_json::{Value, json};

use super::credential::Wanted;
use super::dpop::DpopKey;
use super::failure::{ClaimError, Problem, Step};
use super::grant::Grant;
use super::issuer::Issuer;
use super::keys::HolderKey;
use super::{Claimed, Wallet, link};

/// What a wallet comes back with.
#[derive(Debug)]
pub struct Waiting {
    /// The transaction.
    pub transaction_id: String,
    /// In how many seconds the issuer is to be asked again.
    pub interval: u32,
    access_token: String,
    /// The key that the token is bound to.
    dpop_key: Option<Value>,
    /// The keys that were proved.
    holder_keys: Vec<HolderKey>,
}

impl Waiting {
    fn new(told: DeferredResponse, grant: &Grant, holder_keys: Vec<HolderKey>) -> Self {
        Self {
            transaction_id: told.transaction_id,
            interval: told.interval,
            access_token: grant.access_token().to_owned(),
            dpop_key: grant.private_jwk(),
            holder_keys,
        }
    }

    /// All that it takes to come back. Whoever reads it can, too.
    pub(super) fn kept(&self) -> Value {
        let keys: Vec<_> = self.holder_keys.iter().map(HolderKey::private_jwk).collect();
        json!({
            "transaction_id": self.transaction_id,
            "interval": self.interval,
            "access_token": self.access_token,
            "dpop_key": self.dpop_key,
            "holder_keys": keys,
        })
    }

    /// Reads what [`Waiting::kept`] wrote.
    fn read(kept: &Value) -> Option<Self> {
        let text = |name: &str| kept.get(name)?.as_str().map(str::to_owned);
        let keys = kept.get("holder_keys")?.as_array()?.iter().map(HolderKey::from_private_jwk);
        Some(Self {
            transaction_id: text("transaction_id")?,
            interval: kept.get("interval")?.as_u64()?.try_into().ok()?,
            access_token: text("access_token")?,
            dpop_key: kept.get("dpop_key").filter(|key| !key.is_null()).cloned(),
            holder_keys: keys.collect::<Option<_>>()?,
        })
    }
}

impl Wallet {
    /// Waits as long as it may, then takes what it got or keeps what it takes to come back.
    pub(super) async fn wait(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        wanted: &Wanted,
        told: DeferredResponse,
        keys: Vec<HolderKey>,
    ) -> Result<Claimed, ClaimError> {
        let mut told = check(told, None)?;
        let until = self.now() + self.settings.wait;
        while self.now() + Duration::from_secs(told.interval.into()) <= until {
            tokio::time::sleep(Duration::from_secs(told.interval.into())).await;
            match self.come_back(issuer, grant, &told.transaction_id, keys.len()).await? {
                CredentialAnswer::Issued(response) => {
                    return self.take(issuer, grant, wanted, response, keys).await;
                }
                CredentialAnswer::Deferred(again) => told = check(again, Some(&told.transaction_id))?,
            }
        }
        Ok(Claimed {
            issuer: issuer.identifier().to_owned(),
            configuration_id: wanted.configuration_id().to_owned(),
            credentials: Vec::new(),
            notification: None,
            waiting: Some(Waiting::new(told, grant, keys)),
        })
    }

    /// Comes back for one entry of what `--out` wrote. None if it waits for nothing.
    pub async fn resume(&self, kept: &Value) -> Result<Option<Claimed>, ClaimError> {
        let Some(waiting) = kept.get("waiting") else { return Ok(None) };
        let text = |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned);
        let read = Waiting::read(waiting).zip(text("issuer").zip(text("configuration_id")));
        let (waiting, (issuer, configuration_id)) = read.ok_or_else(|| {
            Step::Deferred.failed(Problem::Caller("the file was not written by `chancery wallet`".into()))
        })?;
        let offer = CredentialOffer {
            credential_issuer: issuer,
            credential_configuration_ids: vec![configuration_id.clone()],
            grants: None,
        };
        let issuer = self.issuer(&offer).await?;
        let dpop = waiting.dpop_key.as_ref().and_then(HolderKey::from_private_jwk).map(DpopKey::new);
        let mut grant = Grant::resumed(waiting.access_token, dpop);
        let wanted = Wanted::Configuration(configuration_id);
        let keys = waiting.holder_keys;
        match self.come_back(&issuer, &mut grant, &waiting.transaction_id, keys.len()).await? {
            CredentialAnswer::Issued(response) => {
                self.take(&issuer, &mut grant, &wanted, response, keys).await.map(Some)
            }
            CredentialAnswer::Deferred(told) => {
                let told = check(told, Some(&waiting.transaction_id))?;
                self.wait(&issuer, &mut grant, &wanted, told, keys).await.map(Some)
            }
        }
    }

    /// The deferred credential request.
    async fn come_back(
        &self,
        issuer: &Issuer,
        grant: &mut Grant,
        transaction_id: &str,
        copies: usize,
    ) -> Result<CredentialAnswer, ClaimError> {
        let step = Step::Deferred;
        let endpoint = issuer.metadata().deferred_credential_endpoint.as_deref().ok_or_else(|| {
            step.unexpected("a deferred_credential_endpoint, since it deferred", "none in the metadata")
        })?;
        let url = link::endpoint(step, endpoint)?;
        let transaction_id = transaction_id.to_owned();
        let request = DeferredCredentialRequest { transaction_id, credential_response_encryption: None };
        let answer = self.exchange(issuer, grant, step, &url, &request).await?;
        if let CredentialAnswer::Issued(response) = &answer {
            complete(step, response, copies)?;
        }
        Ok(answer)
    }
}

/// One credential for each key.
pub(super) fn complete(step: Step, response: &CredentialResponse, copies: usize) -> Result<(), ClaimError> {
    let came = response.credentials.len();
    step.expect(came == copies, format_args!("{copies} credentials, one for each key"), came)
}

/// An interval above 0, and the transaction that it always was (OpenID4VCI §8.3, §9.2).
fn check(told: DeferredResponse, before: Option<&str>) -> Result<DeferredResponse, ClaimError> {
    let step = Step::Deferred;
    step.expect(told.interval > 0, "an interval above 0", told.interval)?;
    step.expect(!told.transaction_id.is_empty(), "a transaction_id", "an empty one")?;
    let is_same = before.is_none_or(|before| before == told.transaction_id);
    step.expect(is_same, "the same transaction_id as before", "another")?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use chancery_credential::SystemRandom;

    use super::*;

    fn told(transaction_id: &str, interval: u32) -> DeferredResponse {
        DeferredResponse { transaction_id: transaction_id.into(), interval }
    }

    #[test]
    fn an_answer_that_puts_off_must_say_when_to_come_and_stay_the_same() {
        check(told("a", 1), None).unwrap();
        check(told("a", 1), Some("a")).unwrap();
        assert!(check(told("a", 0), None).is_err());
        assert!(check(told("", 1), None).is_err());
        assert!(check(told("b", 1), Some("a")).is_err());
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let keys = vec![HolderKey::generate(&SystemRandom).unwrap()];
        let thumbprint = keys[0].public_jwk().thumbprint();
        let waiting = Waiting {
            transaction_id: "t".into(),
            interval: 5,
            access_token: "token".into(),
            dpop_key: Some(HolderKey::generate(&SystemRandom).unwrap().private_jwk()),
            holder_keys: keys,
        };
        let read = Waiting::read(&waiting.kept()).unwrap();
        assert_eq!(
            (read.transaction_id.as_str(), read.interval, read.access_token.as_str()),
            ("t", 5, "token")
        );
        assert_eq!(read.dpop_key, waiting.dpop_key);
        assert_eq!(read.holder_keys[0].public_jwk().thumbprint(), thumbprint);
        assert!(Waiting::read(&json!({ "transaction_id": "t" })).is_none());
    }
}
