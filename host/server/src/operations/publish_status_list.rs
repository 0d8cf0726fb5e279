//! Status lists are signed when something changed and somebody asks, never on
//! a timer per tenant. A database that is away does not stop them.

use bytes::Bytes;
use chancery_credential::keys::SignError;
use chancery_credential::status_list::{self, CWT, Purpose, StatusList, StatusListToken};
use chancery_domain::TenantId;
use moka::sync::Cache;
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// How long verifiers may keep a list; a revocation is seen everywhere after this and a second.
pub(crate) const TTL_SECONDS: u32 = 30;
/// How long a signed list is good for: as long as it must do without the database.
pub(crate) const LIFETIME: Duration = Duration::hours(24);
/// A list is signed anew at half its life, even if nothing changed.
const RENEWAL: Duration = Duration::hours(12);
/// How often the database is asked whether a list changed.
const FRESHNESS: Duration = Duration::seconds(1);

/// A form in which a list is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ListForm {
    /// Token Status List, as JWT.
    Jwt,
    /// The same, as CWT.
    Cwt,
    /// Bitstring Status List, for one purpose.
    Bitstring(Purpose),
}

impl ListForm {
    /// The media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Jwt => "application/statuslist+jwt",
            Self::Cwt => CWT,
            Self::Bitstring(_) => "application/vc+jwt",
        }
    }
}

/// A signed list.
#[derive(Clone)]
pub(crate) struct PublishedList {
    pub(crate) token: Bytes,
    pub(crate) etag: String,
    version: u64,
    key_id: String,
    signed_at: OffsetDateTime,
    checked_at: OffsetDateTime,
}

/// How many bytes of signed lists are kept: those of some thousand tenants.
const KEPT: u64 = 64 << 20;

/// The lists that this process has signed. Those that nobody asks for give way first, and are signed again.
pub(crate) struct PublishedLists(Cache<(TenantId, u32, ListForm), PublishedList>);

impl Default for PublishedLists {
    fn default() -> Self {
        let size = |_: &_, list: &PublishedList| u32::try_from(list.token.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(KEPT).weigher(size).build())
    }
}

/// The current list, signed; `None` if there is no such list.
pub(crate) async fn publish_status_list(
    app: &App,
    issuer: &Issuer,
    list: u32,
    form: ListForm,
) -> Result<Option<PublishedList>, Refusal> {
    let key = (issuer.tenant(), list, form);
    let now = app.now();
    let known = app.published_lists.0.get(&key);
    if let Some(known) = &known
        && now - known.checked_at < FRESHNESS
    {
        return Ok(Some(known.clone()));
    }
    match renew(app, issuer, (list, form), known.as_ref(), now).await {
        Ok(published) => {
            if let Some(published) = &published {
                app.published_lists.0.insert(key, published.clone());
            }
            Ok(published)
        }
        // What was signed stays good until it expires; verifiers need not notice our trouble.
        Err(refusal) => known.filter(|known| now < known.signed_at + LIFETIME).map(Some).ok_or(refusal),
    }
}

async fn renew(
    app: &App,
    issuer: &Issuer,
    (list, form): (u32, ListForm),
    known: Option<&PublishedList>,
    now: OffsetDateTime,
) -> Result<Option<PublishedList>, Refusal> {
    let mut tx = app.tenant(issuer).await?;
    let Some(row) = tx.status_list(list).await? else {
        tx.commit().await?;
        return Ok(None);
    };
    if let Some(known) = known
        && known.version == row.version
        && known.key_id == issuer.signer.key_id()
        && now - known.signed_at < RENEWAL
    {
        tx.commit().await?;
        return Ok(Some(PublishedList { checked_at: now, ..known.clone() }));
    }
    let statuses = tx.statuses(list).await?;
    tx.commit().await?;

    let mut bits = StatusList::valid(row.size);
    for (index, status) in statuses {
        bits.set(index, status).map_err(Refusal::unavailable)?;
    }
    let (uri, aggregation) = (issuer.status_list_uri(list), issuer.status_aggregation_uri());
    let statement = StatusListToken {
        uri: &uri,
        issuer: Some(&issuer.identifier),
        issued_at: now,
        expires_at: now + LIFETIME,
        ttl_seconds: TTL_SECONDS,
        aggregation_uri: Some(&aggregation),
    };
    let token = sign_list(issuer, &bits, &statement, form)
        .await
        .map_err(|error| Refusal::unavailable(format_args!("failed to sign a status list: {error}")))?;
    let etag = format!("\"{}-{}\"", row.version, now.unix_timestamp());
    Ok(Some(PublishedList {
        token,
        etag,
        version: row.version,
        key_id: issuer.signer.key_id().to_owned(),
        signed_at: now,
        checked_at: now,
    }))
}

/// Signs a list in one of its forms.
pub(crate) async fn sign_list(
    issuer: &Issuer,
    bits: &StatusList,
    statement: &StatusListToken<'_>,
    form: ListForm,
) -> Result<Bytes, SignError> {
    let (signer, chain) = (issuer.signer.as_ref(), issuer.chain.as_ref());
    Ok(match form {
        ListForm::Jwt => status_list::sign(bits, statement, signer, chain).await?.into(),
        ListForm::Cwt => status_list::sign_cwt(bits, statement, signer, chain).await?.into(),
        ListForm::Bitstring(purpose) => {
            status_list::sign_bitstring(bits, purpose, statement, issuer.of_w3c()).await?.into()
        }
    })
}
