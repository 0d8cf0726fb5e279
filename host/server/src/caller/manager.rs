//! Managers: an API key with scopes.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::scope::Scope;
use chancery_domain::{ApiKeyId, TenantId};
use http::header;
use http::request::Parts;
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::here;

/// What a route demands of its caller.
pub(crate) trait May: Send + Sync {
    /// Any one of these scopes will do.
    const SCOPES: &'static [Scope];
}

/// May make and withdraw offers.
pub(crate) struct Offers;
/// May change the status of credentials and make keys.
pub(crate) struct Manages;
/// May read offers and credentials.
pub(crate) struct Reads;
/// May rotate signing keys and bring their own.
pub(crate) struct KeepsKeys;
/// May see the public halves of signing keys and their dates.
pub(crate) struct SeesKeys;
/// May see who else may call.
pub(crate) struct Oversees;

impl May for Offers {
    const SCOPES: &'static [Scope] = &[Scope::Offer, Scope::Manage];
}

impl May for Manages {
    const SCOPES: &'static [Scope] = &[Scope::Manage];
}

impl May for KeepsKeys {
    const SCOPES: &'static [Scope] = &[Scope::Keys];
}

impl May for SeesKeys {
    const SCOPES: &'static [Scope] = &[Scope::Keys, Scope::Auditor];
}

impl May for Oversees {
    const SCOPES: &'static [Scope] = &[Scope::Manage, Scope::Auditor];
}

impl May for Reads {
    const SCOPES: &'static [Scope] = &[Scope::Offer, Scope::Manage, Scope::Auditor];
}

/// The holder of an API key of this tenant that may do `M`.
pub(crate) struct Manager<M: May> {
    /// The tenant that is managed.
    pub(crate) issuer: Arc<Issuer>,
    /// Which key it was.
    pub(crate) key: ApiKeyId,
    /// The key's scopes: nobody may grant more than they hold.
    pub(crate) scopes: Vec<Scope>,
    /// Needed to seal idempotent answers for this caller alone.
    pub(crate) secret: ApiKeySecret,
    may: PhantomData<M>,
}

impl<M: May> FromRequestParts<Arc<App>> for Manager<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let issuer = managed(parts)?;
        let secret = api_key(parts)?;
        let key = look_up(app, &issuer, &secret.hash()).await?;
        Self::with(issuer, secret, key)
    }
}

impl<M: May> Manager<M> {
    pub(super) fn with(issuer: Arc<Issuer>, secret: ApiKeySecret, key: KnownKey) -> Result<Self, Problem> {
        let may = |held: &Scope| M::SCOPES.iter().any(|wanted| held.covers(*wanted));
        if !key.scopes.iter().any(may) {
            let wanted: Vec<_> = M::SCOPES.iter().map(|scope| scope.as_str()).collect();
            let detail = format!("this needs the scope {}", wanted.join(" or "));
            return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
        }
        Ok(Self { issuer, key: key.id, scopes: key.scopes, secret, may: PhantomData })
    }
}

/// A manager whose key was good a moment ago, which spares a transaction.
///
/// Only for work that [confirms](Presumed::confirm) the key, or names it to the statement that writes:
/// that one checks it again, as the statement that permits a signature does.
pub(crate) struct Presumed<M: May>(pub(crate) Manager<M>);

impl<M: May> FromRequestParts<Arc<App>> for Presumed<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let issuer = managed(parts)?;
        let secret = api_key(parts)?;
        let (name, now) = ((issuer.tenant(), secret.hash()), app.now());
        let key = if let Some(key) = app.known_keys.recall(&name, now) {
            key
        } else {
            let key = look_up(app, &issuer, &name.1).await?;
            app.known_keys.remember(name, key.clone(), now);
            key
        };
        Manager::with(issuer, secret, key).map(Self)
    }
}

impl<M: May> Presumed<M> {
    /// Makes sure that the key still is good.
    pub(crate) async fn confirm(&self, app: &App) -> Result<(), Problem> {
        look_up(app, &self.0.issuer, &self.0.secret.hash()).await.map(drop).inspect_err(|_| self.forget(app))
    }

    /// The key turned out to be good no longer.
    pub(crate) fn forget(&self, app: &App) {
        app.known_keys.forget(&(self.0.issuer.tenant(), self.0.secret.hash()));
    }
}

/// The tenant that is to be managed. Its own people do not while it is suspended.
fn managed(parts: &Parts) -> Result<Arc<Issuer>, Problem> {
    let issuer = here(parts).ok_or_else(Problem::not_found)?;
    if issuer.tenant.status.may_manage() { Ok(issuer) } else { Err(Problem::new(ProblemCode::Suspended)) }
}

/// The one API key of the request.
pub(super) fn api_key(parts: &Parts) -> Result<ApiKeySecret, Problem> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthenticated()) };
    let (scheme, secret) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthenticated());
    }
    ApiKeySecret::parse(secret.trim()).ok_or_else(unauthenticated)
}

pub(super) async fn look_up(app: &App, issuer: &Issuer, hash: &[u8; 32]) -> Result<KnownKey, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let key = tx.api_key(hash).await?;
    tx.commit().await?;
    let key = key.ok_or_else(unauthenticated)?;
    Ok(KnownKey { id: key.id, scopes: key.scopes })
}

pub(super) fn unauthenticated() -> Problem {
    Problem::new(ProblemCode::Unauthenticated)
}

/// How long a key is presumed to be good.
const PRESUMED_FOR: Duration = Duration::seconds(10);

/// What a key may do; neither changes while it lives.
#[derive(Clone)]
pub(super) struct KnownKey {
    id: ApiKeyId,
    scopes: Vec<Scope>,
}

/// Keys that were good a moment ago, by hash. There are never more than there are good keys.
#[derive(Default)]
pub(crate) struct KnownKeys(Mutex<HashMap<KeyName, (KnownKey, OffsetDateTime)>>);

/// A key opens one tenant's door, so it is known under that tenant.
type KeyName = (TenantId, [u8; 32]);

impl KnownKeys {
    fn recall(&self, name: &KeyName, now: OffsetDateTime) -> Option<KnownKey> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(_, since)| is_fresh(*since, now)).map(|(key, _)| key.clone())
    }

    fn remember(&self, name: KeyName, key: KnownKey, now: OffsetDateTime) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, since)| is_fresh(*since, now));
        known.insert(name, (key, now));
    }

    fn forget(&self, name: &KeyName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// A clock that was set back makes nothing fresh.
fn is_fresh(since: OffsetDateTime, now: OffsetDateTime) -> bool {
    (Duration::ZERO..PRESUMED_FOR).contains(&(now - since))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    fn name(number: u8) -> KeyName {
        (TenantId::new(NOW, [9; 10]), [number; 32])
    }

    fn known() -> KnownKeys {
        let keys = KnownKeys::default();
        let key = KnownKey { id: ApiKeyId::new(NOW, [1; 10]), scopes: vec![Scope::Offer] };
        keys.remember(name(1), key, NOW);
        keys
    }

    #[test]
    fn a_key_is_presumed_good_for_ten_seconds() {
        let keys = known();
        assert!(keys.recall(&name(1), NOW + Duration::milliseconds(9_999)).is_some());
        assert!(keys.recall(&name(1), NOW + Duration::seconds(10)).is_none());
        assert!(keys.recall(&name(1), NOW - Duration::seconds(1)).is_none());
        assert!(keys.recall(&name(2), NOW).is_none());
    }

    #[test]
    fn a_key_that_was_refused_is_looked_up_again() {
        let keys = known();
        keys.forget(&name(1));
        assert!(keys.recall(&name(1), NOW).is_none());
    }

    #[test]
    fn keys_that_nobody_uses_are_forgotten() {
        let keys = known();
        let key = KnownKey { id: ApiKeyId::new(NOW, [2; 10]), scopes: Vec::new() };
        keys.remember(name(2), key, NOW + Duration::seconds(10));
        assert_eq!(keys.0.lock().unwrap().len(), 1);
    }
}
