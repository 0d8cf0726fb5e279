//! `chancery audit …`: an audit trail, by way of the management API or of the platform-admin API.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::listing;
use crate::arguments::{AuditCommand, Output, Trail};
use crate::failure::Failure;
use crate::management::Management;
use crate::output;

pub(super) async fn obey(command: AuditCommand, form: Output) -> Result<(), Failure> {
    match command {
        AuditCommand::List { action, target_id, part, trail } => {
            let mut query = listing::query(&part);
            query.extend(action.map(|action| ("action", action)));
            query.extend(target_id.map(|target| ("target", target)));
            let reply = find(&trail)?.get(&["audit"], &query).await?;
            let columns = ["at", "action", "target", "actor", "actor_id", "before", "after", "request_id"];
            listing::show(&reply, &columns, form)
        }
        AuditCommand::Verify { known, trail } => verify(known, &trail, form).await,
    }
}

fn find(trail: &Trail) -> Result<Management, Failure> {
    if trail.platform { Management::find_platform(&trail.target) } else { Management::find(&trail.target) }
}

/// What was found in a part of the trail, or in all of it.
#[derive(Serialize, Deserialize)]
struct Report {
    sound: bool,
    entries: u64,
    seals: u64,
    waiting: Option<u64>,
    head: Option<Head>,
    findings: Vec<Value>,
    #[serde(skip_serializing)]
    next_cursor: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    seal: u64,
    sealed_at: String,
    hash: String,
}

/// Asks part by part, and sums up.
async fn verify(known: Option<String>, trail: &Trail, form: Output) -> Result<(), Failure> {
    let api = find(trail)?;
    let mut report = ask(&api, None, known.as_ref()).await?;
    while let Some(cursor) = report.next_cursor {
        let part = ask(&api, Some(cursor), known.as_ref()).await?;
        report.findings.extend(part.findings);
        report = Report {
            sound: report.sound && part.sound,
            entries: report.entries + part.entries,
            seals: report.seals + part.seals,
            findings: report.findings,
            ..part
        };
    }
    match form {
        Output::Json => output::data(&json!(report).to_string())?,
        Output::Text => {
            if !report.findings.is_empty() {
                output::data(&output::table(&report.findings, &["kind", "seal", "entry", "message"]))?;
            }
            let head = report.head.as_ref();
            output::data(&output::members(&json!({
                "entries": report.entries,
                "waiting": report.waiting,
                "seals": report.seals,
                "sealed_at": head.map(|head| &head.sealed_at),
                "hash": head.map(|head| &head.hash),
            })))?;
        }
    }
    if report.sound { Ok(()) } else { Err(Failure::Tampered { findings: report.findings.len() }) }
}

async fn ask(api: &Management, cursor: Option<u64>, known: Option<&String>) -> Result<Report, Failure> {
    let cursor = cursor.map(|cursor| ("cursor", cursor.to_string()));
    let query: Vec<_> = cursor.into_iter().chain(known.map(|known| ("known", known.clone()))).collect();
    let reply = api.get(&["audit", "verification"], &query).await?;
    serde_json::from_value(reply.value).map_err(|error| Failure::Usage {
        found: format!("the answer is none about an audit trail: {error}"),
        fix: "name the management API of an issuer, e.g. https://issuer.example/api".into(),
    })
}
