//! Managers: whoever holds an API key or a client's token with the scope that a route demands.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_domain::RequestId;
use chancery_domain::audit::{Actor, Author};
use chancery_domain::scope::Scope;
use chancery_store::Principal;
use http::request::Parts;

use super::bearer::Bearer;
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::here;

/// What a route demands of its caller.
pub(crate) trait May: Send + Sync {
    /// Any one of these scopes will do, and any that [covers](Scope::covers) one.
    const SCOPES: &'static [Scope];
}

/// Declares what routes demand. Their `security` in the API description says the same; a test compares both
/// with what happens.
macro_rules! may {
    ($($(#[$doc:meta])* $name:ident = $($scope:ident),+;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl May for $name {
            const SCOPES: &'static [Scope] = &[$(Scope::$scope),+];
        }
    )*};
}

may! {
    /// May change what the tenant is to the world: domains, endpoints.
    Administers = Admin;
    /// May see what the tenant is to the world.
    Inspects = Admin, Auditor;
    /// May make and withdraw offers.
    Offers = Offer;
    /// May change the status of credentials.
    Manages = Manage;
    /// May read offers and credentials.
    Reads = Offer, Auditor;
    /// May make, rename and revoke API keys.
    KeepsKeys = Manage, Clients;
    /// May rotate signing keys and bring their own.
    RotatesKeys = Keys;
    /// May see the public halves of signing keys and their dates.
    SeesKeys = Keys, Auditor;
    /// May bring plugins, and decide what is active of them.
    KeepsPlugins = Plugins;
    /// May see plugins and what is active of them.
    SeesPlugins = Plugins, Auditor;
    /// May admit, change and remove clients; in the application tenant, operators do.
    KeepsClients = Clients, PlatformAdmin;
    /// May see who did what.
    Audits = Auditor;
    /// May see who else may call.
    Oversees = Auditor, Clients, PlatformAdmin;
    /// May administer the deployment. Held in the application tenant only.
    Operates = PlatformAdmin;
}

/// A caller of this tenant that may do `M`.
pub(crate) struct Manager<M: May> {
    /// The tenant that is managed.
    pub(crate) issuer: Arc<Issuer>,
    /// Which request it is.
    request: Option<RequestId>,
    /// Who it is.
    pub(crate) principal: Principal,
    /// What it holds: nobody may give more than that.
    pub(crate) scopes: Vec<Scope>,
    /// The credential configurations that it may offer; none: every one.
    pub(crate) configuration_ids: Option<Vec<String>>,
    /// Needed to seal idempotent answers for this caller alone.
    pub(crate) sealing_secret: [u8; 32],
    may: PhantomData<M>,
}

/// What a key or a token stands for.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) principal: Principal,
    pub(super) scopes: Vec<Scope>,
    pub(super) configuration_ids: Option<Vec<String>>,
}

impl<M: May> FromRequestParts<Arc<App>> for Manager<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let issuer = managed(parts)?;
        let bearer = Bearer::of(&parts.headers)?;
        let known = bearer.look_up(app, &issuer).await?;
        Self::with(parts, issuer, &bearer, known)
    }
}

impl<M: May> Manager<M> {
    pub(super) fn with(
        parts: &Parts,
        issuer: Arc<Issuer>,
        bearer: &Bearer,
        known: Known,
    ) -> Result<Self, Problem> {
        let may = |held: &Scope| M::SCOPES.iter().any(|wanted| held.covers(*wanted));
        if !known.scopes.iter().any(may) {
            let wanted: Vec<_> = M::SCOPES.iter().map(|scope| scope.as_str()).collect();
            return Err(forbidden(format!("this needs the scope {}", wanted.join(" or "))));
        }
        let Known { principal, scopes, configuration_ids } = known;
        let sealing_secret = bearer.sealing_secret(&issuer, principal);
        let request = parts.extensions.get().copied();
        Ok(Self { issuer, request, principal, scopes, configuration_ids, sealing_secret, may: PhantomData })
    }

    /// Nobody gives what they do not hold, or takes hold of what has more than they: neither a role nor a
    /// credential configuration.
    pub(crate) fn check_holds(
        &self,
        scopes: &[Scope],
        configuration_ids: Option<&[String]>,
    ) -> Result<(), Problem> {
        let holds = |scope: &Scope| self.scopes.iter().any(|held| held.covers(*scope));
        if let Some(scope) = scopes.iter().find(|scope| !holds(scope)) {
            return Err(forbidden(format!("you do not hold the scope {} yourself", scope.as_str())));
        }
        match (&self.configuration_ids, configuration_ids) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(forbidden("you may not offer every credential configuration yourself")),
            (Some(_), Some(ids)) => ids.iter().try_for_each(|id| self.check_may_offer(id)),
        }
    }

    /// Whether the caller may offer that credential configuration.
    pub(crate) fn check_may_offer(&self, configuration_id: &str) -> Result<(), Problem> {
        let may =
            self.configuration_ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == configuration_id));
        if may { Ok(()) } else { Err(forbidden(format!("you may not offer {configuration_id}"))) }
    }

    /// As the audit trail knows the caller.
    pub(crate) fn author(&self) -> Author {
        let actor = match self.principal {
            Principal::ApiKey(key) => Actor::ApiKey(key),
            Principal::Client { id, .. } => Actor::Client(id),
        };
        Author { actor, request: self.request }
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Forbidden).detail(detail)
}

/// A manager whose key was good a moment ago, which spares a transaction. A token is looked up every time.
///
/// Only for work that [confirms](Presumed::confirm) the key, or names it to the statement that writes:
/// that one checks it again, as the statement that permits a signature does.
pub(crate) struct Presumed<M: May> {
    pub(crate) manager: Manager<M>,
    bearer: Bearer,
}

impl<M: May> FromRequestParts<Arc<App>> for Presumed<M> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let issuer = managed(parts)?;
        let bearer = Bearer::of(&parts.headers)?;
        let known = match &bearer {
            Bearer::Token(_) => bearer.look_up(app, &issuer).await?,
            Bearer::ApiKey(secret) => {
                let (name, now) = ((issuer.tenant(), secret.hash()), app.now());
                if let Some(known) = app.known_keys.recall(&name, now) {
                    known
                } else {
                    let known = bearer.look_up(app, &issuer).await?;
                    app.known_keys.remember(name, known.clone(), now);
                    known
                }
            }
        };
        Ok(Self { manager: Manager::with(parts, issuer, &bearer, known)?, bearer })
    }
}

impl<M: May> Presumed<M> {
    /// Makes sure that the key still is good.
    pub(crate) async fn confirm(&self, app: &App) -> Result<(), Problem> {
        self.bearer.look_up(app, &self.manager.issuer).await.map(drop).inspect_err(|_| self.forget(app))
    }

    /// The key turned out to be good no longer.
    pub(crate) fn forget(&self, app: &App) {
        if let Bearer::ApiKey(secret) = &self.bearer {
            app.known_keys.forget(&(self.manager.issuer.tenant(), secret.hash()));
        }
    }
}

/// Anybody at all, at a tenant that may be managed.
pub(crate) struct Anybody(pub(crate) Arc<Issuer>);

impl FromRequestParts<Arc<App>> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        managed(parts).map(Self)
    }
}

/// The tenant that is to be managed. Its own people do not while it is suspended.
fn managed(parts: &Parts) -> Result<Arc<Issuer>, Problem> {
    let issuer = here(parts).ok_or_else(Problem::not_found)?;
    if issuer.tenant.status.may_manage() { Ok(issuer) } else { Err(Problem::new(ProblemCode::Suspended)) }
}
