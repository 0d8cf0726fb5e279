//! How things stand with the licence now.
//!
//! What the plugin read is kept beside the document, for every replica, and read again after a while. If the plugin
//! does not answer, what it read last counts for a bounded time. The latest time that any host has seen is kept too,
//! so that turning the clock back wins nothing.

use chancery_credential::keys::SealedFor;
use chancery_engine::{Circumstances, Entitlements, Fault, Hook, Input, License, LicenseState};
use chancery_store::{By, InstalledLicense, StoreError};
use time::{Duration, OffsetDateTime};

use crate::app::App;
use crate::operations::plugins::decisions::{Posed, READING, keep_decision};
use crate::tenants::templates::Unusable;

const JOB: By = By::Job("look at the licence");
/// After this time the document is read again.
const FRESH_FOR: Duration = Duration::minutes(5);
/// How long what was read last counts while the plugin does not answer.
const GOOD_FOR: Duration = Duration::hours(24);
/// Clocks are set now and then; by more than that they are turned back.
const CLOCK_TOLERANCE: Duration = Duration::HOUR;

/// How things stand with an installed licence.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) installed: InstalledLicense,
    pub(crate) state: LicenseState,
    /// A sentence on the state: cause and fix.
    pub(crate) reason: Option<String>,
    /// What it grants, or granted.
    pub(crate) entitlements: Option<Entitlements>,
    /// Since when the plugin has not answered.
    pub(crate) failing_since: Option<OffsetDateTime>,
}

/// How things stand; none if no licence plugin is installed.
pub(crate) async fn standing(app: &App) -> Result<Option<Standing>, StoreError> {
    let mut tx = app.store.platform(JOB).await?;
    let installed = tx.license().await?;
    tx.commit().await?;
    let Some(installed) = installed else { return Ok(None) };
    let now = app.now();
    let known = last_read(&installed);
    if is_turned_back(now, installed.latest_at) {
        let reason = "the clock was turned back; set it right, or install a new document";
        return Ok(Some(as_of(installed, known, LicenseState::Invalid, Some(reason.to_owned()))));
    }
    let standing = match known {
        Some((entitlements, at)) if is_fresh(&entitlements, at, now) => {
            let state = entitlements.state_at(now);
            let reason = entitlements.reason.clone();
            as_of(installed, Some((entitlements, at)), state, reason)
        }
        known => match read(app, &installed, now).await {
            Ok(entitlements) => {
                note(app, &installed, &entitlements, now).await?;
                let (state, reason) = (entitlements.state, entitlements.reason.clone());
                as_of(installed, Some((entitlements, now)), state, reason)
            }
            Err(why) => {
                let since = note_failure(app, &installed, &why).await?;
                failing(installed, known, since, now)
            }
        },
    };
    Ok(Some(standing))
}

/// Notes that the plugin did not answer; since when it has not.
pub(super) async fn note_failure(
    app: &App,
    installed: &InstalledLicense,
    why: &str,
) -> Result<OffsetDateTime, StoreError> {
    tracing::warn!(why, "the licence plugin does not answer");
    metrics::counter!("chancery_license_failures_total").increment(1);
    let mut tx = app.store.platform(JOB).await?;
    let since = tx.note_license_answers(installed.revision, false, app.now()).await?;
    tx.commit().await?;
    Ok(since.unwrap_or_else(|| app.now()))
}

/// Notes that it answers everything again.
pub(super) async fn note_recovery(app: &App, installed: &InstalledLicense) -> Result<(), StoreError> {
    let mut tx = app.store.platform(JOB).await?;
    tx.note_license_answers(installed.revision, true, app.now()).await?;
    tx.commit().await
}

/// Whether what was read last still counts for a plugin that has not answered since then.
pub(super) fn is_bridged(since: OffsetDateTime, now: OffsetDateTime) -> bool {
    now - since <= GOOD_FOR
}

/// Remembers how late it is, for a host that is asked nothing.
pub(crate) async fn remember_time(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.platform(JOB).await?;
    tx.note_time(app.now()).await?;
    tx.commit().await
}

/// The installed plugin in its configuration.
pub(super) async fn plugin(app: &App, installed: &InstalledLicense) -> Result<License, Unusable> {
    let templates = &app.tenants.workshop.templates;
    let component = templates.permitted(&app.store, &app.engine, installed.component).await?;
    Ok(app.engine.license(&component, installed.configuration.clone()).await?)
}

pub(super) fn circumstances(app: &App, now: OffsetDateTime, latest: OffsetDateTime) -> Circumstances {
    Circumstances {
        now,
        latest,
        installation: app.tenants.workshop.public_url.as_str().trim_end_matches('/').to_owned(),
        locale: "en".to_owned(),
    }
}

async fn read(app: &App, installed: &InstalledLicense, now: OffsetDateTime) -> Result<Entitlements, String> {
    let plugin = plugin(app, installed).await.map_err(|error| error.to_string())?;
    let open = |sealed: &Vec<u8>| {
        let opened = app.tenants.workshop.keyring.open(&SealedFor::LICENSE, sealed).ok();
        opened.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    };
    let document = match installed.sealed_document.as_ref().map(open) {
        Some(None) => return Err("the document cannot be opened; install it again".to_owned()),
        document => document.flatten(),
    };
    let circumstances = circumstances(app, now, installed.latest_at);
    let read = grants(app, &plugin, installed, document.as_deref(), &circumstances).await;
    read.map_err(|fault| fault.to_string())
}

/// Asks the plugin what the document grants, and keeps the decision.
pub(super) async fn grants(
    app: &App,
    plugin: &License,
    installed: &InstalledLicense,
    document: Option<&str>,
    circumstances: &Circumstances,
) -> Result<Entitlements, Fault> {
    let input = plugin.input(document, circumstances)?;
    let call = plugin.run(&input).await;
    keep_decision(app, &posed(installed, READING, &input), &call).await;
    call.answer
}

/// A question to the installed plugin.
pub(super) fn posed<'a>(installed: &'a InstalledLicense, about: &'a str, input: &'a Input) -> Posed<'a> {
    Posed {
        hook: Hook::License,
        about,
        component: installed.component,
        configuration: &installed.configuration,
        input,
    }
}

async fn note(
    app: &App,
    installed: &InstalledLicense,
    entitlements: &Entitlements,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // What cannot be written down is read again next time.
    let Ok(written) = serde_json::to_value(entitlements) else { return Ok(()) };
    let mut tx = app.store.platform(JOB).await?;
    tx.note_entitlements(installed.revision, &written, now).await?;
    tx.note_time(now).await?;
    tx.commit().await
}

fn last_read(installed: &InstalledLicense) -> Option<(Entitlements, OffsetDateTime)> {
    let (written, at) = installed.entitlements.as_ref()?;
    Some((serde_json::from_value(written.clone()).ok()?, *at))
}

fn is_turned_back(now: OffsetDateTime, latest: OffsetDateTime) -> bool {
    latest - now > CLOCK_TOLERANCE
}

/// What grants nothing may be about to, and is asked again.
fn is_fresh(entitlements: &Entitlements, at: OffsetDateTime, now: OffsetDateTime) -> bool {
    entitlements.state_at(now) == entitlements.state
        && entitlements.state.grants()
        && at <= now
        && now - at < FRESH_FOR
}

fn as_of(
    installed: InstalledLicense,
    known: Option<(Entitlements, OffsetDateTime)>,
    state: LicenseState,
    reason: Option<String>,
) -> Standing {
    let failing_since = installed.failing_since;
    Standing { installed, state, reason, entitlements: known.map(|(known, _)| known), failing_since }
}

fn failing(
    installed: InstalledLicense,
    known: Option<(Entitlements, OffsetDateTime)>,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Standing {
    let (state, reason) = match &known {
        Some((entitlements, _)) if is_bridged(since, now) => (
            entitlements.state_at(now),
            "the licence plugin does not answer; what it read last counts for 24 hours",
        ),
        _ => {
            (LicenseState::Invalid, "the licence plugin has not answered for too long; install one that does")
        }
    };
    Standing { failing_since: Some(since), ..as_of(installed, known, state, Some(reason.to_owned())) }
}

#[cfg(test)]
mod tests {
    use chancery_engine::LicenseLimits;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

    fn granted() -> Entitlements {
        Entitlements {
            state: LicenseState::Active,
            reason: None,
            id: None,
            licensee: None,
            not_before: None,
            expires: Some(NOW + Duration::hours(2)),
            grace_until: Some(NOW + Duration::hours(3)),
            limits: LicenseLimits::default(),
            features: std::collections::BTreeSet::new(),
            quotas: std::collections::BTreeMap::new(),
        }
    }

    fn installed() -> InstalledLicense {
        InstalledLicense {
            revision: uuid::Uuid::nil(),
            component: [0; 32],
            configuration: serde_json::Value::Null,
            sealed_document: None,
            document_hash: None,
            installed_at: NOW,
            latest_at: NOW,
            entitlements: None,
            failing_since: None,
        }
    }

    #[test]
    fn a_clock_may_be_set_but_not_turned_back() {
        assert!(!is_turned_back(NOW, NOW - Duration::DAY), "time passes");
        assert!(!is_turned_back(NOW, NOW + Duration::HOUR));
        assert!(is_turned_back(NOW, NOW + Duration::HOUR + Duration::SECOND));
    }

    #[test]
    fn what_was_read_is_read_again_after_a_while_and_when_its_state_changes() {
        let fresh = |after: Duration| is_fresh(&granted(), NOW, NOW + after);
        assert!(fresh(Duration::ZERO) && fresh(Duration::minutes(4)));
        assert!(!fresh(Duration::minutes(5)) && !fresh(-Duration::SECOND));
        let ends = Entitlements { expires: Some(NOW + Duration::MINUTE), ..granted() };
        assert!(!is_fresh(&ends, NOW, NOW + Duration::MINUTE));
        let expired = Entitlements { state: LicenseState::Expired, ..granted() };
        assert!(!is_fresh(&expired, NOW, NOW));
    }

    #[test]
    fn what_was_read_last_counts_for_a_day_and_never_beyond_its_end() {
        let known = |expires: Duration| {
            let expires = Some(NOW + expires);
            Some((Entitlements { expires, grace_until: None, ..granted() }, NOW))
        };
        let state = |known, after: Duration| failing(installed(), known, NOW, NOW + after).state;
        assert_eq!(state(known(Duration::days(9)), Duration::hours(24)), LicenseState::Active);
        assert_eq!(state(known(Duration::days(9)), Duration::hours(25)), LicenseState::Invalid);
        assert_eq!(state(known(Duration::hours(2)), Duration::hours(2)), LicenseState::Expired);
        assert_eq!(state(None, Duration::ZERO), LicenseState::Invalid);
    }
}
