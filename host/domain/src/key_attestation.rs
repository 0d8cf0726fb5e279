//! What somebody attests of holders' keys, and what an issuer demands (OpenID4VCI 1.0 Appendix D).

use serde::{Deserialize, Serialize};

/// Resistance to attacks, the strongest first (Appendix D.2).
pub const LEVELS: [&str; 4] =
    ["iso_18045_high", "iso_18045_moderate", "iso_18045_enhanced-basic", "iso_18045_basic"];
/// How many levels a demand may list.
const MOST_LEVELS: usize = 10;

/// What an attestation must say: of each, one of those that are listed; an empty list demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredAttestation {
    /// How well keys are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_storage: Vec<String>,
    /// How well the user is recognised before a key is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_authentication: Vec<String>,
}

impl RequiredAttestation {
    /// Whether what is attested is enough.
    pub fn is_met_by(&self, key_storage: &[String], user_authentication: &[String]) -> bool {
        let has_one = |demanded: &[String], attested: &[String]| {
            demanded.is_empty() || demanded.iter().any(|level| attested.contains(level))
        };
        has_one(&self.key_storage, key_storage) && has_one(&self.user_authentication, user_authentication)
    }

    /// Whether metadata can say it.
    pub(crate) fn is_sound(&self) -> bool {
        let is_level = |level: &String| {
            (1..=200).contains(&level.len()) && level.bytes().all(|byte| byte.is_ascii_graphic())
        };
        [&self.key_storage, &self.user_authentication]
            .into_iter()
            .all(|levels| levels.len() <= MOST_LEVELS && levels.iter().all(is_level))
    }
}

/// The place of a level, the strongest first; those that only others know come last.
fn rank(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len())
}

/// The strongest of the levels that one attestation asserts.
pub fn strongest(levels: &[String]) -> Option<&str> {
    levels.iter().map(String::as_str).min_by_key(|level| rank(level))
}

/// The weakest of what several attestations say; none if one of them says nothing.
pub fn weakest<'a>(levels: impl IntoIterator<Item = Option<&'a str>>) -> Option<&'a str> {
    let levels: Option<Vec<&str>> = levels.into_iter().collect();
    levels?.into_iter().max_by_key(|level| rank(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_of_the_demanded_levels_is_enough_and_none_is_not() {
        let demand = |storage: &[&str], user: &[&str]| RequiredAttestation {
            key_storage: words(storage),
            user_authentication: words(user),
        };
        let attested = (words(&["iso_18045_moderate"]), words(&["iso_18045_basic"]));
        let is_met = |demand: RequiredAttestation| demand.is_met_by(&attested.0, &attested.1);
        assert!(is_met(demand(&[], &[])));
        assert!(is_met(demand(&["iso_18045_high", "iso_18045_moderate"], &[])));
        assert!(is_met(demand(&["iso_18045_moderate"], &["iso_18045_basic"])));
        assert!(!is_met(demand(&["iso_18045_high"], &[])));
        assert!(!is_met(demand(&["iso_18045_moderate"], &["iso_18045_high"])));
    }

    #[test]
    fn what_a_template_hears_is_never_more_than_is_attested_of_every_key() {
        assert_eq!(strongest(&words(&["iso_18045_basic", "iso_18045_high"])), Some("iso_18045_high"));
        assert_eq!(strongest(&words(&["https://levels.example/1"])), Some("https://levels.example/1"));
        assert_eq!(strongest(&[]), None);
        let levels = [Some("iso_18045_high"), Some("iso_18045_enhanced-basic"), Some("iso_18045_moderate")];
        assert_eq!(weakest(levels), Some("iso_18045_enhanced-basic"));
        assert_eq!(weakest([Some("iso_18045_high"), None]), None);
        assert_eq!(weakest([]), None);
    }
}
