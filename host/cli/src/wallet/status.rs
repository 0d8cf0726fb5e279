//! The status of a credential, from its status list (Token Status List §8.3).

use std::collections::BTreeMap;

use chancery_credential::jose::Jws;
use chancery_credential::sd_jwt::StatusReference;
use chancery_credential::status_list::{self, StatusList};
use chancery_domain::CredentialStatus;

use super::failure::{ClaimError, Step};
use super::issuer_keys::PublishedKeys;
use super::{Wallet, link, success};

const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// The lists fetched so far: copies of one credential share one.
#[derive(Debug, Default)]
pub(crate) struct StatusLists(BTreeMap<String, StatusList>);

impl StatusLists {
    /// What the list at `uri` says at `index`.
    pub(crate) async fn status(
        &mut self,
        wallet: &Wallet,
        issuer: &str,
        published: &PublishedKeys,
        StatusReference { uri, index }: &StatusReference,
    ) -> Result<CredentialStatus, ClaimError> {
        if !self.0.contains_key(uri) {
            let list = wallet.status_list(uri, issuer, published).await?;
            self.0.insert(uri.clone(), list);
        }
        self.0.get(uri).and_then(|list| list.get(*index)).ok_or_else(|| {
            Step::Status.unexpected(format_args!("a status at index {index} of {uri}"), "the end of the list")
        })
    }
}

impl Wallet {
    /// Fetches and verifies a list.
    async fn status_list(
        &self,
        uri: &str,
        issuer: &str,
        published: &PublishedKeys,
    ) -> Result<StatusList, ClaimError> {
        let step = Step::Status;
        let url = link::endpoint(step, uri)?;
        let answer = self.fetch(step, &url, MEDIA_TYPE).await?;
        success(step, &answer, "200 with a status list")?;
        let media_type = answer.media_type();
        step.expect(
            media_type == MEDIA_TYPE,
            format_args!("Content-Type {MEDIA_TYPE} from {url}"),
            format_args!("{media_type:?}"),
        )?;
        let token = std::str::from_utf8(&answer.body)
            .map_err(|_| step.unexpected("a status list token", "what is no text"))?;
        let jws = Jws::parse(token).map_err(|error| step.unexpected("a status list token", error))?;
        let (key, _) = self.issuer_key(jws.header(), issuer, published)?;
        status_list::verify(token, uri, &|_| Some(key.clone()), self.now())
            .map_err(|error| step.unexpected(format_args!("a status list token for {uri}"), error))
    }
}
