//! A tenant ends: what it issued is revoked in lists that outlive its credentials, its keys are destroyed, its
//! rows wiped, its slug kept from everybody for ever.
//!
//! The decision and the chore that carries it out are one transaction, and every step after it can be repeated:
//! whoever is interrupted, a job of any replica goes on.

use chancery_credential::status_list::{Purpose, StatusList, StatusListToken};
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::tenant::{TenantChange, TenantStatus};
use chancery_domain::{Tenant, TenantId};
use chancery_store::{By, Chore, LastDocument, StoreError};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::publish_status_list::{ListForm, sign_list};
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::refusal::Refusal;

/// How long the last lists are good beyond the last credential.
const MARGIN: Duration = Duration::DAY;
/// How long verifiers may keep a list that never changes again.
const TTL_SECONDS: u32 = 12 * 3600;
/// When to look again for what was being written while rows were wiped.
const ONCE_MORE_AFTER: Duration = Duration::MINUTE;

/// What becomes of the credentials of a tenant that is to be deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// They are revoked, and the tenant is gone at once.
    Revoke,
    /// They are good until then, and the tenant closes meanwhile.
    HonourUntil(OffsetDateTime),
}

/// Deletes a tenant, or has it deleted later; the tenant as it is now.
pub(crate) async fn delete_tenant(
    app: &App,
    author: Author,
    read: &Tenant,
    ending: Ending,
) -> Result<Tenant, Problem> {
    let wrong = |error: chancery_domain::tenant::WrongStatus| {
        Problem::new(ProblemCode::WrongState).detail(error.to_string())
    };
    read.status.after(TenantChange::Delete).map_err(wrong)?;
    let at = match ending {
        Ending::Revoke => app.now(),
        // While it closes a tenant is public, and this one never was.
        Ending::HonourUntil(_) if !read.status.is_public() => {
            let detail = "the tenant was not let in, so there is nothing to honour";
            return Err(Problem::new(ProblemCode::WrongState).detail(detail));
        }
        Ending::HonourUntil(until) => until,
    };
    let mut tx = app.store.platform(By::Operator).await?;
    let scheduled = tx.schedule_burial(read, at).await?;
    if scheduled {
        let after = match ending {
            Ending::Revoke => json!({ "status": TenantStatus::Deleted }),
            Ending::HonourUntil(until) => {
                json!({ "status": TenantStatus::Closing, "deleted_at": until.unix_timestamp() })
            }
        };
        let changed = Changed { before: json!({ "status": read.status }), after };
        tx.record(&app.entry(author, Action::TenantDeleted, read.id, &changed)).await?;
    }
    tx.commit().await?;
    if !scheduled {
        return Err(Problem::new(ProblemCode::PreconditionFailed));
    }
    app.tenants.forget(read.id);
    if let Ending::Revoke = ending {
        bury(app, read.id).await.map_err(|error| Problem::new(ProblemCode::Unavailable).because(error))?;
    }
    let mut tx = app.store.platform(By::Operator).await?;
    let tenant = tx.tenant(read.id).await?;
    tx.commit().await?;
    tenant.ok_or_else(Problem::not_found)
}

/// Why a tenant is not buried yet; the job tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBuried {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Load(#[from] crate::tenants::LoadError),
    #[error("failed to sign the last status list: {0:?}")]
    Sign(Refusal),
}

/// Carries a deletion out whose time has come, as far as it is not done yet.
pub(crate) async fn bury(app: &App, id: TenantId) -> Result<(), NotBuried> {
    let now = app.now();
    let Some(tenant) = app.store.directory().tenant(id).await? else { return Ok(()) };
    if tenant.delete_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    if tenant.status != TenantStatus::Deleted {
        // None if the keys are gone already.
        if let Some(issuer) = app.tenants.reload(id, None).await? {
            let documents = last_documents(app, &issuer, now).await?;
            let mut tx = app.store.tenant(id).await?;
            let endpoints = tx.public_endpoints().await?;
            tx.bury(&documents).await?;
            tx.commit().await?;
            // What it signed last is in the database now, and says otherwise.
            app.kept_lists.forget(&app.tenants.workshop.default_identifier(&issuer.tenant.slug));
            for endpoint in &endpoints {
                app.kept_lists.forget(&endpoint.url);
            }
        }
        let mut tx = app.store.platform(By::Job("bury")).await?;
        tx.tombstone(id).await?;
        tx.commit().await?;
        app.tenants.forget(id);
        tracing::info!(tenant = %id, "destroyed the keys of a deleted tenant");
    }
    let wiped = wipe(app, id).await?;
    let shredded = shred(app).await;
    let mut tx = app.store.tenant(id).await?;
    let needed_until = tx.forget_last_documents(now).await?;
    if needed_until.is_none() {
        tx.release_addresses().await?;
    }
    let again = if wiped > 0 || !shredded { Some(now + ONCE_MORE_AFTER) } else { needed_until };
    tx.due_again(Chore::Bury, again).await?;
    tx.commit().await?;
    Ok(())
}

async fn wipe(app: &App, id: TenantId) -> Result<u64, StoreError> {
    let mut all = 0;
    loop {
        let mut tx = app.store.tenant(id).await?;
        let some = tx.wipe().await?;
        tx.commit().await?;
        if some == 0 {
            return Ok(all);
        }
        all += some;
    }
}

/// Removes what was deleted from the files of an embedded database. Elsewhere that is the operator's: the last
/// sealed copy goes with the last backup, or with the master that sealed it.
async fn shred(app: &App) -> bool {
    let Some(shredder) = &app.shredder else { return true };
    let shredded = shredder.shred().await;
    if let Err(error) = &shredded {
        tracing::warn!(%error, "cannot rewrite the files of the database yet, will try again");
    }
    shredded.is_ok()
}

/// What verifiers of its credentials look for, signed once more and for the last time. Nothing if none of them
/// is still good.
async fn last_documents(
    app: &App,
    issuer: &Issuer,
    now: OffsetDateTime,
) -> Result<Vec<LastDocument>, NotBuried> {
    let mut tx = app.tenant(issuer).await?;
    let (last, lists) = (tx.last_expiry().await?, tx.status_lists().await?);
    tx.commit().await?;
    let Some(expires_at) = last.filter(|last| *last > now).map(|last| last + MARGIN) else {
        return Ok(Vec::new());
    };
    let document = |path: &str, content_type: &str, body: &[u8]| LastDocument {
        path: path.to_owned(),
        content_type: content_type.to_owned(),
        body: body.to_vec(),
        expires_at,
    };
    let known = &issuer.documents;
    let mut documents = vec![
        document("/jwks", "application/jwk-set+json", &known.jwks),
        document("/.well-known/jwt-vc-issuer", "application/json", &known.jwt_vc_issuer),
    ];
    // did:web §2.5.2: at a bare host the document is well-known.
    let did_path = if issuer.url().path() == "/" { "/.well-known/did.json" } else { "/did.json" };
    documents.extend(known.did.iter().map(|did| document(did_path, "application/did+json", did)));
    for (vct, described) in &known.types {
        let path = vct.strip_prefix(issuer.identifier.as_str());
        documents.extend(path.map(|path| document(path, "application/json", described)));
    }
    for (list, size) in lists {
        let uri = issuer.status_list_uri(list);
        let statement = StatusListToken {
            uri: &uri,
            issuer: Some(&issuer.identifier),
            issued_at: now,
            expires_at,
            ttl_seconds: TTL_SECONDS,
            aggregation_uri: None,
        };
        let bits = StatusList::revoked(size);
        let purposes =
            Purpose::ALL.map(|purpose| (format!("/{}", purpose.as_str()), ListForm::Bitstring(purpose)));
        for (place, form) in [(String::new(), ListForm::Jwt)].into_iter().chain(purposes) {
            let signed = sign_list(issuer, &bits, &statement, form).await;
            let signed = signed.map_err(|error| NotBuried::Sign(Refusal::unavailable(error)))?;
            documents.push(document(&format!("/status-lists/{list}{place}"), form.content_type(), &signed));
        }
    }
    Ok(documents)
}
