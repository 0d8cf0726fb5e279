//! Managers: an API key with scopes.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_credential::secrets::ApiKeySecret;
use chancery_domain::ApiKeyId;
use chancery_domain::scope::Scope;
use http::header;
use http::request::Parts;

use crate::app::App;
use crate::problem::{Problem, ProblemCode};

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
/// May see who else may call.
pub(crate) struct Oversees;

impl May for Offers {
    const SCOPES: &'static [Scope] = &[Scope::Offer, Scope::Manage];
}

impl May for Manages {
    const SCOPES: &'static [Scope] = &[Scope::Manage];
}

impl May for Oversees {
    const SCOPES: &'static [Scope] = &[Scope::Manage, Scope::Auditor];
}

impl May for Reads {
    const SCOPES: &'static [Scope] = &[Scope::Offer, Scope::Manage, Scope::Auditor];
}

/// The holder of an API key of this tenant that may do `M`.
pub(crate) struct Manager<M: May> {
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
        let unauthenticated = || Problem::new(ProblemCode::Unauthenticated);
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthenticated()) };
        let (scheme, secret) =
            value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unauthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthenticated());
        }
        let secret = ApiKeySecret::parse(secret.trim()).ok_or_else(unauthenticated)?;

        let mut tx = app.tenant(app.issuer()).await?;
        let key = tx.api_key(&secret.hash()).await?;
        tx.commit().await?;
        let key = key.ok_or_else(unauthenticated)?;

        if !key.scopes.iter().any(|scope| M::SCOPES.contains(scope)) {
            let wanted: Vec<_> = M::SCOPES.iter().map(|scope| scope.as_str()).collect();
            let detail = format!("this needs the scope {}", wanted.join(" or "));
            return Err(Problem::new(ProblemCode::Forbidden).detail(detail));
        }
        Ok(Self { key: key.id, scopes: key.scopes, secret, may: PhantomData })
    }
}
