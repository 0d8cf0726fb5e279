//! What a licence grants, from the contract's form to the host's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{bindings::license as wit, log::escaped, manifest::is_name, template::seconds};

/// More than anybody grants.
const MAX_NAMES: usize = 100;

/// What a licence grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// Whether it grants anything.
    pub state: LicenseState,
    /// A sentence on the state: cause and fix.
    pub reason: Option<String>,
    /// The licence's own identifier.
    pub id: Option<String>,
    /// Who holds it.
    pub licensee: Option<String>,
    /// From when it holds.
    pub not_before: Option<OffsetDateTime>,
    /// Until when it holds.
    pub expires: Option<OffsetDateTime>,
    /// Until when what it granted goes on after that.
    pub grace_until: Option<OffsetDateTime>,
    /// How much it allows.
    pub limits: LicenseLimits,
    /// What it allows at all; what is not in here is not allowed.
    pub features: BTreeSet<String>,
    /// More limits, by name.
    pub quotas: BTreeMap<String, u64>,
}

/// Whether a licence grants anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LicenseState {
    /// There is no document.
    Missing,
    /// It holds.
    Active,
    /// It has expired, a short time ago.
    Grace,
    /// It has expired.
    Expired,
    /// It cannot be read or trusted, or is not for here and now.
    Invalid,
}

/// How much a licence allows; none is as much as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LicenseLimits {
    /// Tenants at the root.
    pub max_root_tenants: Option<u32>,
    /// Tenants in all.
    pub max_total_tenants: Option<u32>,
    /// Levels of tenants.
    pub max_hierarchy_depth: Option<u32>,
    /// Whether tenants may have subtenants.
    pub subtenants_allowed: Option<bool>,
}

impl LicenseState {
    /// Whether anything may be added to the installation.
    pub const fn grants(self) -> bool {
        matches!(self, Self::Active | Self::Grace)
    }

    /// A stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
        }
    }
}

impl Entitlements {
    /// The state at a later time, of the same document: what was active expires without anybody asking.
    pub fn state_at(&self, now: OffsetDateTime) -> LicenseState {
        if !self.state.grants() {
            return self.state;
        }
        match self.expires {
            Some(expires) if now >= expires => match self.grace_until {
                Some(grace) if now < grace => LicenseState::Grace,
                _ => LicenseState::Expired,
            },
            _ => self.state,
        }
    }
}

/// Accepts what can be true at `now`; the error completes "its answer breaks the contract: …".
pub(crate) fn accept(said: wit::Entitlements, now: Duration) -> Result<Entitlements, String> {
    let time = |what: &str, seconds: Option<u64>| {
        let Some(seconds) = seconds else { return Ok(None) };
        let time = i64::try_from(seconds).ok().and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
        time.map(Some).ok_or_else(|| format!("its `{what}` lies beyond the year 9999"))
    };
    let names = said.features.iter().chain(said.quotas.iter().map(|quota| &quota.name));
    if said.features.len() > MAX_NAMES || said.quotas.len() > MAX_NAMES {
        return Err(format!("it has more than {MAX_NAMES} features or quotas"));
    }
    if names.into_iter().any(|name| !is_name(name)) {
        return Err("a feature or quota has a name that is not of the form `[a-z][a-z0-9-]*`".into());
    }
    let quotas: BTreeMap<String, u64> =
        said.quotas.iter().map(|quota| (quota.name.clone(), quota.maximum)).collect();
    if quotas.len() < said.quotas.len() {
        return Err("two quotas have the same name".into());
    }
    let text = |text: Option<String>| text.map(|text| escaped(&text, 500));
    let entitlements = Entitlements {
        state: match said.state {
            wit::State::Missing => LicenseState::Missing,
            wit::State::Active => LicenseState::Active,
            wit::State::Grace => LicenseState::Grace,
            wit::State::Expired => LicenseState::Expired,
            wit::State::Invalid => LicenseState::Invalid,
        },
        reason: text(said.reason),
        id: text(said.id),
        licensee: text(said.licensee),
        not_before: time("not-before", said.not_before)?,
        expires: time("expires", said.expires)?,
        grace_until: time("grace-until", said.grace_until)?,
        limits: LicenseLimits {
            max_root_tenants: said.limits.max_root_tenants,
            max_total_tenants: said.limits.max_total_tenants,
            max_hierarchy_depth: said.limits.max_hierarchy_depth,
            subtenants_allowed: said.limits.subtenants_allowed,
        },
        features: said.features.into_iter().collect(),
        quotas,
    };
    consistent(&entitlements, now).map(|()| entitlements)
}

/// Whatever a document says, nothing is granted before it holds or after it ended.
fn consistent(entitlements: &Entitlements, now: Duration) -> Result<(), String> {
    let now = OffsetDateTime::UNIX_EPOCH + now;
    let Entitlements { state, not_before, expires, grace_until, .. } = entitlements;
    match (expires, grace_until) {
        (None, Some(_)) => return Err("it has a `grace-until` without `expires`".into()),
        (Some(expires), Some(grace)) if grace < expires => {
            return Err("its `grace-until` is before its `expires`".into());
        }
        _ => {}
    }
    if !state.grants() {
        return Ok(());
    }
    if not_before.is_some_and(|not_before| not_before > now) {
        return Err("it grants something before its `not-before`".into());
    }
    if entitlements.state_at(now) != *state {
        return Err(format!("it is said to be {} at a time when it cannot be", state.as_str()));
    }
    if *state == LicenseState::Grace && expires.is_none_or(|expires| now < expires) {
        return Err("it is said to be grace before it expired".into());
    }
    Ok(())
}

/// The same, for the plugin that said it.
pub(crate) fn handed_in(entitlements: &Entitlements) -> wit::Entitlements {
    let limits = &entitlements.limits;
    wit::Entitlements {
        state: match entitlements.state {
            LicenseState::Missing => wit::State::Missing,
            LicenseState::Active => wit::State::Active,
            LicenseState::Grace => wit::State::Grace,
            LicenseState::Expired => wit::State::Expired,
            LicenseState::Invalid => wit::State::Invalid,
        },
        reason: entitlements.reason.clone(),
        id: entitlements.id.clone(),
        licensee: entitlements.licensee.clone(),
        not_before: entitlements.not_before.map(seconds),
        expires: entitlements.expires.map(seconds),
        grace_until: entitlements.grace_until.map(seconds),
        limits: wit::Limits {
            max_root_tenants: limits.max_root_tenants,
            max_total_tenants: limits.max_total_tenants,
            max_hierarchy_depth: limits.max_hierarchy_depth,
            subtenants_allowed: limits.subtenants_allowed,
        },
        features: entitlements.features.iter().cloned().collect(),
        quotas: entitlements
            .quotas
            .iter()
            .map(|(name, maximum)| wit::Quota { name: name.clone(), maximum: *maximum })
            .collect(),
        ext: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: wit::State) -> wit::Entitlements {
        wit::Entitlements {
            state,
            reason: None,
            id: None,
            licensee: None,
            not_before: Some(100),
            expires: Some(200),
            grace_until: Some(300),
            limits: wit::Limits {
                max_root_tenants: Some(1),
                max_total_tenants: None,
                max_hierarchy_depth: None,
                subtenants_allowed: None,
            },
            features: vec!["federation".into()],
            quotas: vec![wit::Quota { name: "credentials-per-month".into(), maximum: 10 }],
            ext: Vec::new(),
        }
    }

    fn accepted(said: wit::Entitlements, now: u64) -> Result<Entitlements, String> {
        accept(said, Duration::from_secs(now))
    }

    #[test]
    fn a_licence_grants_only_while_it_can() {
        for (state, holds) in [(wit::State::Active, 100..200), (wit::State::Grace, 200..300)] {
            for now in [0, 99, 100, 199, 200, 299, 300, 1_000] {
                assert_eq!(accepted(said(state), now).is_ok(), holds.contains(&now), "{state:?} at {now}");
            }
        }
        for state in [wit::State::Missing, wit::State::Expired, wit::State::Invalid] {
            assert!(accepted(said(state), 150).is_ok_and(|accepted| !accepted.state.grants()));
        }
    }

    #[test]
    fn it_expires_without_being_asked_again() {
        let active = accepted(said(wit::State::Active), 150).unwrap();
        let at = |seconds| active.state_at(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(
            [at(199), at(200), at(299), at(300)],
            [LicenseState::Active, LicenseState::Grace, LicenseState::Grace, LicenseState::Expired]
        );
    }

    #[test]
    fn what_cannot_be_is_a_breach_of_contract() {
        let breaches: [fn(&mut wit::Entitlements); 6] = [
            |it| it.expires = None,
            |it| it.grace_until = Some(199),
            |it| it.expires = Some(u64::MAX),
            |it| it.features.push("Federation!".into()),
            |it| it.quotas.push(it.quotas[0].clone()),
            |it| it.features = (0..101).map(|number| format!("f{number}")).collect(),
        ];
        for (index, breach) in breaches.iter().enumerate() {
            let mut said = said(wit::State::Active);
            breach(&mut said);
            assert!(accepted(said, 150).is_err(), "breach {index}");
        }
    }

    #[test]
    fn a_plugin_gets_back_what_it_said() {
        let active = accepted(said(wit::State::Active), 150).unwrap();
        assert_eq!(accept(handed_in(&active), Duration::from_secs(150)), Ok(active));
    }
}
