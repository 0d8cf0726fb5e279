//! Guests that would go on for ever: how long after their deadline they are ended.
//!
//! Fuel ends them first, so here they have as much of it as they like.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chancery_engine::{FaultKind, Limits, Template};
use chancery_guests::built;
use serde_json::{Value, json};

use crate::measure::{milliseconds, ms};
use crate::plugin::{Bench, subject_request};

/// How many are called at a time.
const AT_A_TIME: usize = 4;

/// By how much each kind was late.
pub(super) struct Overdue {
    /// Processor time beyond what a guest may compute.
    computing: Vec<Duration>,
    /// Time beyond what a whole call may take, of those that wait.
    waiting: Vec<Duration>,
}

pub(super) async fn measure(data: &Path, chancery: &Path, count: usize) -> Result<Overdue> {
    let limits = Limits { fuel: u64::MAX / 2, ..Limits::default() };
    let bench = Bench::apart(data, chancery, limits)?;
    let component = built("hostile");
    let mut overdue = Overdue { computing: Vec::new(), waiting: Vec::new() };
    for what in ["endless", "busy-copy"] {
        let template = bench.configured(&component, json!({ "prepare": what })).await?;
        for (used, _) in ended(&template, count).await? {
            overdue.computing.push(used.saturating_sub(limits.running));
        }
    }
    let template = bench.configured(&component, json!({ "prepare": "sleep" })).await?;
    for (_, took) in ended(&template, count.min(AT_A_TIME * 4)).await? {
        overdue.waiting.push(took.saturating_sub(limits.whole));
    }
    Ok(overdue)
}

/// What so many calls used of a processor, and how long they took, until they were ended.
async fn ended(template: &Template, count: usize) -> Result<Vec<(Duration, Duration)>> {
    let call = || async {
        let subject = json!({ "value": "x" });
        let began = Instant::now();
        let call = template.measure(&subject_request(&subject)).await;
        match call.answer {
            Err(fault) if fault.kind == FaultKind::Timeout => Ok((call.usage.time, began.elapsed())),
            other => bail!("it was to be ended: {other:?}"),
        }
    };
    let mut all = Vec::new();
    while all.len() < count {
        let (one, two, three, four) = tokio::join!(call(), call(), call(), call());
        all.extend([one?, two?, three?, four?]);
    }
    Ok(all)
}

impl Overdue {
    /// The latest, in milliseconds.
    pub(super) fn most(&self) -> Option<f64> {
        self.computing.iter().chain(&self.waiting).max().map(|most| ms(*most))
    }

    pub(super) fn document(&self) -> Value {
        let of = |all: &Vec<Duration>| {
            let longest = all.iter().max().map(|most| ms(*most));
            json!({ "calls": all.len(), "late": milliseconds(all.clone()), "longest": longest })
        };
        json!({ "computing": of(&self.computing), "waiting": of(&self.waiting) })
    }
}
