//! An issuer revokes, suspends or reinstates a credential that is out in the world.

use chancery_domain::{CredentialId, StatusChange};
use chancery_store::Credential;

use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// Changes the status; the status list shows it from the next second on.
pub(crate) async fn change_status(
    app: &App,
    issuer: &Issuer,
    credential: CredentialId,
    change: StatusChange,
) -> Result<Credential, Problem> {
    let mut tx = app.tenant(issuer).await?;
    let changed = tx.change_status(credential, change).await?;
    let credential = tx.credential(credential).await?;
    tx.commit().await?;
    changed
        .ok_or_else(Problem::not_found)?
        .map_err(|revoked| Problem::new(ProblemCode::WrongState).detail(revoked.to_string()))?;
    credential.ok_or_else(Problem::not_found)
}
