//! Operators: an API key of the application tenant that may administer the deployment.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_domain::audit::{Actor, Author};
use chancery_domain::scope::Scope;
use http::request::Parts;

use super::manager::{Manager, May, api_key, look_up, unauthenticated};
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// May administer the deployment.
pub(crate) struct Operates;

impl May for Operates {
    const SCOPES: &'static [Scope] = &[Scope::PlatformAdmin];
}

/// Somebody who administers the deployment. Sees tenants, never their data.
pub(crate) struct Operator(pub(crate) Manager<Operates>);

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let secret = api_key(parts)?;
        let application = app.tenants.application().await;
        let application = application
            .map_err(|error| Problem::new(ProblemCode::Unavailable).because(error))?
            .ok_or_else(unauthenticated)?;
        let key = look_up(app, &application, &secret.hash()).await?;
        Manager::with(parts, application, secret, key).map(Self)
    }
}

impl Operator {
    /// As the audit trail knows the caller.
    pub(crate) fn author(&self) -> Author {
        Author { actor: Actor::Operator(self.0.key), ..self.0.author() }
    }
}
