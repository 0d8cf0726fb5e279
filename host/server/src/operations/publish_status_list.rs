//! Status lists are signed when something changed and somebody asks, or a moment after, never on
//! a timer per tenant; and once, however many ask. A database that is away does not stop them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chancery_credential::keys::SignError;
use chancery_credential::status_list::{self, CWT, Purpose, StatusList, StatusListToken};
use chancery_domain::TenantId;
use moka::sync::Cache;
use parking_lot::Mutex;
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
    /// The word that files and metrics use.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Cwt => "cwt",
            Self::Bitstring(purpose) => purpose.as_str(),
        }
    }

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
#[derive(Debug, Clone)]
pub(crate) struct PublishedList {
    pub(crate) token: Bytes,
    pub(crate) etag: String,
    pub(crate) version: u64,
    pub(crate) key_id: String,
    pub(crate) signed_at: OffsetDateTime,
    pub(crate) checked_at: OffsetDateTime,
    /// When the database said so last; asked in vain, it says nothing.
    pub(crate) confirmed_at: OffsetDateTime,
}

/// How many bytes of signed lists are kept in memory: those of some thousand tenants.
const KEPT: u64 = 64 << 20;
/// How many lists are signed at a time, at most; it is looked at for as long as anybody waits.
const AT_A_TIME: u64 = 10_000;

/// A list names where it is: at another address of its issuer it is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    tenant: TenantId,
    identifier: String,
    list: u64,
    form: ListForm,
}

/// Held by whoever signs a list: when that failed last.
type Turn = Arc<tokio::sync::Mutex<Option<OffsetDateTime>>>;

/// The lists that this process has signed. Those that nobody asks for give way first, and are signed again.
pub(crate) struct PublishedLists {
    signed: Cache<Place, PublishedList>,
    turns: Cache<Place, Turn>,
    /// With when that was noted.
    changed: Mutex<HashMap<(TenantId, u64), OffsetDateTime>>,
}

impl Default for PublishedLists {
    fn default() -> Self {
        let size = |_: &_, list: &PublishedList| u32::try_from(list.token.len()).unwrap_or(u32::MAX);
        Self {
            signed: Cache::builder().max_capacity(KEPT).weigher(size).build(),
            turns: Cache::new(AT_A_TIME),
            changed: Mutex::default(),
        }
    }
}

impl PublishedLists {
    /// Notes that a list is to be signed, even if nobody asks for it: a database that was put back is reminded of
    /// what was published, and of nothing else.
    pub(crate) fn note_change(&self, tenant: TenantId, list: u64, now: OffsetDateTime) {
        self.changed.lock().insert((tenant, list), now);
    }

    fn take_changed(&self) -> HashMap<(TenantId, u64), OffsetDateTime> {
        std::mem::take(&mut *self.changed.lock())
    }

    /// What was signed is not what the database says any more.
    pub(crate) fn forget_all(&self) {
        self.signed.invalidate_all();
    }

    fn fresh(&self, place: &Place, now: OffsetDateTime) -> Option<PublishedList> {
        self.signed.get(place).filter(|known| now - known.checked_at < FRESHNESS)
    }
}

/// Signs the lists that changed in the last second.
pub(crate) async fn publish_changed(app: &App) {
    for ((tenant, list), noted) in app.published_lists.take_changed() {
        let is_done = match app.tenants.by_id(tenant, None).await {
            // What was looked at before the change counts as fresh for a moment, and does not have it.
            Ok(Some(issuer)) => publish_status_list(app, &issuer, list, ListForm::Jwt)
                .await
                .is_ok_and(|list| list.is_none_or(|list| list.confirmed_at >= noted)),
            // It is over, and so are its lists.
            Ok(None) => true,
            Err(_) => false,
        };
        if !is_done {
            app.published_lists.note_change(tenant, list, noted);
        }
    }
}

/// The current list, signed; `None` if there is no such list.
pub(crate) async fn publish_status_list(
    app: &App,
    issuer: &Issuer,
    list: u64,
    form: ListForm,
) -> Result<Option<PublishedList>, Refusal> {
    let lists = &app.published_lists;
    let place = Place { tenant: issuer.tenant(), identifier: issuer.identifier.clone(), list, form };
    let came = app.now();
    if let Some(fresh) = lists.fresh(&place, came) {
        return Ok(Some(fresh));
    }
    let turn = lists.turns.get_with_by_ref(&place, Turn::default);
    let mut failed = turn.lock().await;
    // Whoever waited has what the one before them has, be it nothing.
    let now = app.now();
    if let Some(fresh) = lists.fresh(&place, now) {
        return Ok(Some(fresh));
    }
    if failed.is_some_and(|at| at >= came) {
        return Err(Refusal::unavailable("the status list could not be signed a moment ago"));
    }
    let known = lists.signed.get(&place);
    match renew(app, issuer, &place, known.as_ref(), now).await {
        Ok(published) => {
            if let Some(published) = &published {
                lists.signed.insert(place, published.clone());
            }
            Ok(published)
        }
        // What was signed stays good until it expires; verifiers need not notice our trouble.
        Err(refusal) => {
            let known = match known.filter(|known| now < known.signed_at + LIFETIME) {
                Some(known) => Some(known),
                None => kept_list(app, &place.identifier, list, form).await,
            };
            let Some(known) = known else {
                *failed = Some(app.now());
                return Err(refusal);
            };
            let known = PublishedList { checked_at: app.now(), ..known };
            lists.signed.insert(place, known.clone());
            Ok(Some(known))
        }
    }
}

/// What was signed last and is still good, by this process or one before it, whether or not anything is known of the
/// issuer now.
pub(crate) async fn kept_list(
    app: &App,
    identifier: &str,
    list: u64,
    form: ListForm,
) -> Option<PublishedList> {
    let (lists, identifier, now) = (app.kept_lists.clone(), identifier.to_owned(), app.now());
    let read = app.tasks.spawn_blocking(move || lists.find(&identifier, list, form, now));
    read.await.ok().flatten()
}

async fn renew(
    app: &App,
    issuer: &Issuer,
    place: &Place,
    known: Option<&PublishedList>,
    now: OffsetDateTime,
) -> Result<Option<PublishedList>, Refusal> {
    let (list, form) = (place.list, place.form);
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
        return Ok(Some(PublishedList { checked_at: now, confirmed_at: now, ..known.clone() }));
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
    let published = PublishedList {
        token,
        etag: format!("\"{}-{}\"", row.version, now.unix_timestamp()),
        version: row.version,
        key_id: issuer.signer.key_id().to_owned(),
        signed_at: now,
        checked_at: now,
        confirmed_at: now,
    };
    keep(app, issuer, place, &published).await;
    metrics::counter!("chancery_status_lists_signed_total", "form" => form.word()).increment(1);
    Ok(Some(published))
}

/// Keeps a list where a database that is away, or was put back, does not take it along. Statuses are read back from one
/// form, so whoever asks for another has that kept too.
async fn keep(app: &App, issuer: &Issuer, place: &Place, published: &PublishedList) {
    let (lists, place, published) = (app.kept_lists.clone(), place.clone(), published.clone());
    if place.form != ListForm::Jwt {
        app.published_lists.note_change(place.tenant, place.list, app.now());
    }
    let tenant = issuer.tenant().to_string();
    let kept = app.tasks.spawn_blocking(move || {
        lists.keep(&tenant, &place.identifier, place.list, place.form, &published);
    });
    // It says itself what went wrong.
    let _ = kept.await;
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
