//! Operators: callers of the application tenant that may administer the deployment.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chancery_domain::audit::{Actor, Author};
use http::request::Parts;

use super::bearer::{Bearer, unauthenticated};
use super::manager::{Manager, Operates};
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Somebody who administers the deployment. Sees tenants, never their data.
pub(crate) struct Operator(pub(crate) Manager<Operates>);

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let bearer = Bearer::of(&parts.headers)?;
        let application = app.tenants.application().await;
        let application = application
            .map_err(|error| Problem::new(ProblemCode::Unavailable).because(error))?
            .ok_or_else(unauthenticated)?;
        let known = bearer.look_up(app, &application).await?;
        Manager::with(parts, application, &bearer, known).map(Self)
    }
}

impl Operator {
    /// As the audit trail knows the caller.
    pub(crate) fn author(&self) -> Author {
        Author { actor: Actor::Operator(self.0.principal.uuid()), ..self.0.author() }
    }
}
