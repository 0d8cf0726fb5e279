//! `GET /audit/verification`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use chancery_domain::AuditEntryId;
use chancery_store::{AuditTrail, Seal, TenantTx};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::app::App;
use crate::audit::{Chain, Sealers};
use crate::caller::{Audits, Manager};
use crate::no_store;
use crate::operations::verify_audit_trail::{Finding, Verification, verify_audit_trail};
use crate::problem::{Problem, ProblemCode};

/// Which part of the trail, and what the caller knows of it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerificationQuery {
    /// From `next_cursor` of the part before.
    #[serde(default)]
    cursor: Option<u32>,
    /// The `hash` of a `head` that you noted earlier: the trail must still hold that seal.
    #[serde(default)]
    known: Option<String>,
}

/// What was found in one part of the trail.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VerificationView {
    /// Whether nothing is wrong with this part.
    sound: bool,
    /// How many sealed entries were looked at.
    entries: usize,
    /// How many seals were looked at.
    seals: usize,
    /// How many entries wait for their seal; told with the last part.
    waiting: Option<u64>,
    /// The last seal that was looked at. Note it elsewhere: it vouches for everything before it.
    head: Option<HeadView>,
    /// What is wrong.
    findings: Vec<FindingView>,
    /// Ask with `?cursor=` for the next part; `null` on the last one.
    next_cursor: Option<u32>,
}

/// A seal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HeadView {
    /// Its number.
    seal: u32,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    sealed_at: OffsetDateTime,
    /// SHA-256 in hexadecimal, over everything up to it.
    hash: String,
}

/// Something that is wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FindingView {
    /// `entry-changed`, `entry-missing`, `entry-stray`, `seal-broken`, `seal-missing` or `head-unknown`.
    kind: &'static str,
    /// The seal that shows it.
    seal: Option<u32>,
    /// The entry.
    #[schema(value_type = Option<String>)]
    entry: Option<AuditEntryId>,
    /// What that means.
    message: &'static str,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let (kind, seal, entry, message) = match finding {
            Finding::Changed { entry, seal } => {
                ("entry-changed", Some(seal), Some(entry), "the entry is not what it was when it was sealed")
            }
            Finding::Missing { entry, seal } => {
                ("entry-missing", seal, Some(entry), "the entry was there and is gone")
            }
            Finding::Stray { entry } => {
                ("entry-stray", None, Some(entry), "the entry was not written by the host")
            }
            Finding::Broken { seal } => (
                "seal-broken",
                Some(seal),
                None,
                "the seal is not over what is under it now, or not in its place",
            ),
            Finding::SealMissing { seal } => {
                ("seal-missing", Some(seal), None, "the seal was there and is gone")
            }
            Finding::UnknownHead => (
                "head-unknown",
                None,
                None,
                "the trail does not hold the seal that you know: its end is lost, or it is another's",
            ),
        };
        Self { kind, seal, entry, message }
    }
}

impl From<Verification> for VerificationView {
    fn from(found: Verification) -> Self {
        let head = |seal: Seal| HeadView {
            seal: seal.number,
            sealed_at: seal.sealed_at,
            hash: hex::encode(seal.hash),
        };
        Self {
            sound: found.findings.is_empty(),
            entries: found.entries,
            seals: found.seals,
            waiting: found.waiting,
            head: found.head.map(head),
            findings: found.findings.into_iter().map(FindingView::from).collect(),
            next_cursor: found.next,
        }
    }
}

/// Look for what somebody rewrote
///
/// Entries are sealed in a chain, under a key that the database does not hold, some seconds after they were
/// made. This finds entries and seals that were changed, removed, added or moved since, a part of the trail
/// at a time.
#[utoipa::path(
    get, path = "/audit/verification", tag = "Audit", params(VerificationQuery),
    responses((status = 200, body = VerificationView)),
    security(("api_key" = ["auditor"]))
)]
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    manager: Manager<Audits>,
    query: Result<Query<VerificationQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let part = Part::read(query)?;
    let mut tx = app.tenant(&manager.issuer).await?;
    let chain = Chain::of_tenant(&sealers(&app, &mut tx).await?);
    let answer = part.verify(&mut tx, &chain).await?;
    tx.commit().await?;
    Ok(answer)
}

/// What sealed the trails of the transaction's tenant.
pub(crate) async fn sealers(app: &App, tx: &mut TenantTx) -> Result<Sealers, Problem> {
    let sealers = Sealers::read(&app.tenants.workshop.keyring, tx).await;
    let sealers = sealers.map_err(|error| Problem::new(ProblemCode::Unavailable).because(error))?;
    sealers.ok_or_else(Problem::not_found)
}

/// The part of a trail that is to be verified.
pub(crate) struct Part {
    after: u32,
    known: Option<[u8; 32]>,
}

impl Part {
    pub(crate) fn read(query: Result<Query<VerificationQuery>, QueryRejection>) -> Result<Self, Problem> {
        let malformed = |detail: &str| Problem::new(ProblemCode::Malformed).detail(detail);
        let Query(query) = query.map_err(|rejection| malformed(&rejection.body_text()))?;
        let after = query.cursor.unwrap_or_default();
        if i32::try_from(after).is_err() {
            return Err(malformed("the cursor is not one of this list"));
        }
        let hash = |text: String| {
            let mut hash = [0; 32];
            hex::decode_to_slice(text, &mut hash)
                .map_err(|_| malformed("known is not the hash of a seal"))?;
            Ok::<_, Problem>(hash)
        };
        Ok(Self { after, known: query.known.map(hash).transpose()? })
    }

    pub(crate) async fn verify(
        &self,
        trail: &mut impl AuditTrail,
        chain: &Chain,
    ) -> Result<Response, Problem> {
        let found = verify_audit_trail(trail, chain, self.after, self.known.as_ref()).await?;
        Ok(no_store(Json(VerificationView::from(found))))
    }
}
