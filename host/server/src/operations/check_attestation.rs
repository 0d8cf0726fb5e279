//! Whether somebody still vouches for a wallet, or for keys: their status list is asked, and who cannot ask does not
//! believe.

use std::sync::Arc;
use std::time::Duration as Span;

use bytes::Bytes;
use chancery_credential::sd_jwt::StatusReference;
use chancery_credential::status_list::{ForeignList, verify_foreign};
use chancery_credential::x509::Anchors;
use chancery_domain::TenantId;
use chancery_protocol::error::ErrorCode;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use moka::sync::Cache;
use time::Duration;

use crate::app::App;
use crate::egress::{Outbound, Reason};
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// How long a list is relied on, whatever it says itself.
const GOOD_FOR: Duration = Duration::minutes(5);
/// What a list may weigh, in bytes, compressed.
const LARGEST: usize = 1 << 20;

/// Lists that were asked for a moment ago, by whose anchors they were believed.
pub(crate) struct ProvidersLists(Cache<(TenantId, Voucher, String), Arc<ForeignList>>);

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Voucher {
    /// The provider of a wallet.
    OfWallets,
    /// Whoever attests how keys are kept.
    OfKeys,
}

impl Voucher {
    fn anchors(self, issuer: &Issuer) -> &Anchors {
        match self {
            Self::OfWallets => &issuer.wallet_providers,
            Self::OfKeys => &issuer.key_attesters,
        }
    }

    fn given_up(self) -> Refusal {
        match self {
            Self::OfWallets => {
                Refusal::client_invalid().because("the provider of the wallet does not vouch for it any more")
            }
            Self::OfKeys => {
                let description = "whoever attested the keys does not vouch for them any more";
                Refusal::new(ErrorCode::InvalidProof, description)
            }
        }
    }
}

impl Default for ProvidersLists {
    fn default() -> Self {
        let ttl = Span::from_secs(GOOD_FOR.whole_seconds().unsigned_abs());
        Self(Cache::builder().max_capacity(200).time_to_live(ttl).build())
    }
}

/// Refuses what nobody vouches for any more. When that cannot be found out, the wallet may come again with what it has:
/// nothing was used up yet.
pub(crate) async fn check_status(
    app: &App,
    issuer: &Issuer,
    voucher: Voucher,
    reference: &StatusReference,
) -> Result<(), Refusal> {
    let place = (issuer.tenant(), voucher, reference.uri.clone());
    let known = app.providers_lists.0.get(&place).filter(|list| list.good_until > app.now());
    let list = if let Some(list) = known {
        list
    } else {
        let list = Arc::new(fetch(app, issuer, voucher, &reference.uri).await?);
        app.providers_lists.0.insert(place, list.clone());
        list
    };
    if list.is_valid(reference.index) { Ok(()) } else { Err(voucher.given_up()) }
}

async fn fetch(app: &App, issuer: &Issuer, voucher: Voucher, uri: &str) -> Result<ForeignList, Refusal> {
    let away = |cause: &dyn std::fmt::Display| {
        Refusal::unavailable(format_args!("the status list of an attestation cannot be believed: {cause}"))
    };
    let accept = (header::ACCEPT, HeaderValue::from_static("application/statuslist+jwt"));
    let request = Outbound {
        reason: Reason::Status,
        tenant: issuer.tenant(),
        method: Method::GET,
        url: uri,
        headers: HeaderMap::from_iter([accept]),
        body: Bytes::new(),
        most: LARGEST,
    };
    let answer = app.egress.send(request).await.map_err(|failed| away(&failed))?;
    if answer.status != StatusCode::OK {
        return Err(away(&answer.status));
    }
    let token = std::str::from_utf8(&answer.body).map_err(|error| away(&error))?;
    verify_foreign(token.trim(), uri, voucher.anchors(issuer), app.now(), GOOD_FOR)
        .map_err(|error| away(&error))
}
