//! Whether the licence allows a registration, or the use of a feature.
//!
//! The host counts first; the plugin is asked about what the host's own count allows, and can only narrow. The count
//! is made once more in the transaction of the registration, where nobody else counts meanwhile.

use chancery_domain::TenantId;
use chancery_domain::onboarding::{Feature, Full, TenantCounts, TenantPlaces};
use chancery_domain::template::Issue;
use chancery_engine::{Entitlements, LicenseState, Permission, Used};
use chancery_store::Gate;

use super::standing::{
    Standing, circumstances, is_bridged, note_failure, note_recovery, plugin, posed, standing,
};
use crate::app::App;
use crate::operations::plugins::decisions::keep_decision;
use crate::problem::{Problem, ProblemCode};

/// Lets a registration through to where it is counted: by which licence it was judged, and the places.
pub(crate) async fn allow_registration(
    app: &App,
    counts: &TenantCounts,
    depth: u32,
) -> Result<Gate, Problem> {
    let Some(standing) = standing(app).await? else { return Ok(Gate::default()) };
    let at_root = depth == 1;
    let granted = granted(&standing)?;
    let limits = &granted.limits;
    let places = TenantPlaces { total: limits.max_total_tenants, roots: limits.max_root_tenants };
    let mut issues: Vec<Issue> = places.full(counts, at_root).map(full).into_iter().collect();
    if !at_root {
        issues.extend(lacks_feature(granted, Feature::Subtenants));
        issues.extend(lacks_depth(granted, depth));
    }
    refuse_if_any(issues)?;
    let operation = if at_root { "register-root-tenant" } else { "register-subtenant" };
    let used = used(counts, depth);
    ask(app, &standing, granted, operation, &used).await?;
    Ok(Gate { license: Some(standing.installed.revision), places })
}

/// Lets a tenant use a feature, if the licence grants it. Self-hosted, there is none.
pub(crate) async fn allow_feature(app: &App, feature: Feature, tenant: TenantId) -> Result<(), Problem> {
    if !app.tenants.workshop.saas {
        return Ok(());
    }
    let Some(standing) = standing(app).await? else { return Ok(()) };
    let granted = granted(&standing)?;
    refuse_if_any(lacks_feature(granted, feature).into_iter().collect())?;
    // One below the tenant would lie deeper by one than itself.
    let (counts, below) = app.store.directory().counts(Some(tenant)).await?;
    ask(app, &standing, granted, feature.as_str(), &used(&counts, below.saturating_sub(1))).await
}

/// The refusal of who finds the last place taken.
pub(crate) fn lacks_place(taken: Full) -> Problem {
    refusal(vec![full(taken)])
}

fn granted(standing: &Standing) -> Result<&Entitlements, Problem> {
    let granted = standing.entitlements.as_ref().filter(|_| standing.state.grants());
    granted.ok_or_else(|| {
        let state = match standing.state {
            LicenseState::Missing => "there is no licence",
            LicenseState::Expired => "the licence has expired",
            _ => "the licence is not valid",
        };
        let reason = standing.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Problem::new(ProblemCode::NotLicensed).detail(format!("{state}{reason}"))
    })
}

async fn ask(
    app: &App,
    standing: &Standing,
    granted: &Entitlements,
    operation: &str,
    used: &Used,
) -> Result<(), Problem> {
    let installed = &standing.installed;
    let now = app.now();
    let asked = match plugin(app, installed).await {
        Ok(plugin) => {
            let circumstances = circumstances(app, now, installed.latest_at);
            let input = plugin.check_input(operation, used, granted, &circumstances);
            let call = plugin.run_check(&input).await;
            keep_decision(app, &posed(installed, operation, &input), &call).await;
            call.answer.map_err(|fault| fault.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match asked {
        Ok(permission) => {
            if standing.failing_since.is_some() {
                note_recovery(app, installed).await?;
            }
            match permission {
                Permission::Allow => Ok(()),
                Permission::Deny(reasons) => Err(refusal(reasons)),
            }
        }
        Err(why) => {
            let since = note_failure(app, installed, &why).await?;
            // By the host's own count, and by what was read last, it is allowed.
            if is_bridged(since, now) {
                return Ok(());
            }
            let detail = "the licence plugin has not answered for too long; install one that does";
            Err(Problem::new(ProblemCode::NotLicensed).detail(detail).because(why))
        }
    }
}

fn used(counts: &TenantCounts, depth: u32) -> Used {
    Used {
        root_tenants: counts.roots,
        total_tenants: counts.total,
        hierarchy_depth: depth,
        ..Used::default()
    }
}

fn lacks_feature(granted: &Entitlements, feature: Feature) -> Option<Issue> {
    if !granted.features.contains(feature.as_str()) {
        let message = format!("the licence does not include {}", feature.as_str());
        return Some(issue("/features", "not-granted", message));
    }
    let forbidden = feature == Feature::Subtenants && granted.limits.subtenants_allowed == Some(false);
    let message = "the licence allows no tenant below a tenant";
    forbidden.then(|| issue("/limits/subtenants-allowed", "not-granted", message.to_owned()))
}

fn lacks_depth(granted: &Entitlements, depth: u32) -> Option<Issue> {
    let most = granted.limits.max_hierarchy_depth.filter(|most| depth > *most)?;
    let message = format!("the licence allows tenants {most} deep, this one would lie at {depth}");
    Some(issue("/limits/max-hierarchy-depth", "too-deep", message))
}

fn full(full: Full) -> Issue {
    let (pointer, message) = match full {
        Full::Total => ("/limits/max-total-tenants", "the licence allows no more tenants"),
        Full::Roots => ("/limits/max-root-tenants", "the licence allows no more tenants at the root"),
    };
    issue(pointer, "full", message.to_owned())
}

fn issue(pointer: &str, code: &str, message: String) -> Issue {
    Issue { pointer: pointer.to_owned(), code: code.to_owned(), message }
}

fn refuse_if_any(issues: Vec<Issue>) -> Result<(), Problem> {
    if issues.is_empty() { Ok(()) } else { Err(refusal(issues)) }
}

fn refusal(issues: Vec<Issue>) -> Problem {
    let detail = issues.first().map(|issue| issue.message.clone()).unwrap_or_default();
    Problem::new(ProblemCode::NotLicensed).detail(detail).with_errors(issues)
}
