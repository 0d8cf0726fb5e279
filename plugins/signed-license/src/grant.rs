//! What the payload of a licence grants, and when.

use std::collections::BTreeMap;

use chancery_plugin_sdk::license::{Context, Entitlements, Limits, State};
use serde::Deserialize;

const DAY: u64 = 86_400;
/// Clocks are set now and then; by more than that they are turned back.
const CLOCK_TOLERANCE: u64 = 60 * 60;

#[derive(Deserialize)]
struct Payload {
    /// The licence's own identifier.
    jti: String,
    /// Who holds it.
    sub: String,
    /// The installation that it is for; any where there is none.
    aud: Option<String>,
    nbf: Option<u64>,
    exp: Option<u64>,
    #[serde(default)]
    grace_days: u32,
    #[serde(default)]
    limits: Granted,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    quotas: BTreeMap<String, u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Granted {
    max_root_tenants: Option<u32>,
    max_total_tenants: Option<u32>,
    max_hierarchy_depth: Option<u32>,
    subtenants_allowed: Option<bool>,
}

/// What is granted at this time in this place; else a sentence on cause and fix.
pub fn read(payload: &[u8], max_grace_days: u32, context: &Context) -> Result<Entitlements, String> {
    let payload: Payload = serde_json::from_slice(payload)
        .map_err(|error| format!("the licence cannot be read: {error}; ask for a new one"))?;
    let Context { now, latest, installation, .. } = context;
    if payload.aud.as_ref().is_some_and(|aud| aud.trim_end_matches('/') != installation.trim_end_matches('/'))
    {
        return Err(format!("the licence is for another installation; ask for one for {installation}"));
    }
    if latest.saturating_sub(*now) > CLOCK_TOLERANCE {
        return Err("the clock was turned back; set it right".into());
    }
    if payload.nbf.is_some_and(|nbf| *now < nbf) {
        return Err("the licence does not hold yet; wait, or set the clock right".into());
    }
    let grace_until =
        payload.exp.map(|exp| exp.saturating_add(u64::from(payload.grace_days.min(max_grace_days)) * DAY));
    let (state, reason) = match (payload.exp, grace_until) {
        (Some(exp), Some(grace)) if *now >= exp && *now < grace => {
            (State::Grace, Some("the licence has expired and goes on for a short time; renew it"))
        }
        (Some(exp), _) if *now >= exp => (State::Expired, Some("the licence has expired; renew it")),
        _ => (State::Active, None),
    };
    let Granted { max_root_tenants, max_total_tenants, max_hierarchy_depth, subtenants_allowed } =
        payload.limits;
    Ok(Entitlements {
        state,
        reason: reason.map(str::to_owned),
        id: Some(payload.jti),
        licensee: Some(payload.sub),
        not_before: payload.nbf,
        expires: payload.exp,
        grace_until,
        limits: Limits { max_root_tenants, max_total_tenants, max_hierarchy_depth, subtenants_allowed },
        features: payload.features,
        quotas: payload.quotas,
    })
}
