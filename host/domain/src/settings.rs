//! Settings: what may be chosen about how a tenant issues, at which level, and which level a value comes from.
//!
//! A value is looked for from the narrowest level to the broadest: the caller, its tenant, the deployment; the
//! default is what nobody chose. A level may say that a choice of its own is final: then it counts, whatever narrower
//! levels chose before or after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::key_attestation::RequiredAttestation;

/// Where a setting is chosen, the broadest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For every tenant of the deployment.
    Application,
    /// For one tenant.
    Tenant,
    /// For one API key or client.
    Principal,
}

impl Level {
    /// The word that the API uses for where a value comes from.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Tenant => "tenant",
            Self::Principal => "principal",
        }
    }
}

/// Which rules hold between the issuer and wallets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// `OpenID4VCI` 1.0, for every wallet.
    #[default]
    Open,
    /// HAIP 1.0: for wallets that authenticate, with pushed requests and bound tokens.
    Haip,
}

/// One setting, as it is described to whoever chooses.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What counts where nobody chose.
    pub default: Value,
    /// The JSON Schema of its values.
    pub schema: Value,
    /// Where it may be chosen.
    pub levels: &'static [Level],
}

/// A value that a setting cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit {
    /// The setting.
    pub name: &'static str,
    /// What a value must be.
    pub rule: &'static str,
}

/// What a value must be, to be checked and to be described.
struct Rule<T: 'static> {
    schema: fn() -> Value,
    words: &'static str,
    holds: fn(&T) -> bool,
}

/// The member that says which choices are final.
const FINAL: &str = "final";

const ANYWHERE: &[Level] = &[Level::Application, Level::Tenant, Level::Principal];
const OF_TENANTS: &[Level] = &[Level::Application, Level::Tenant];
const OF_ONE_TENANT: &[Level] = &[Level::Tenant];
const OF_THE_DEPLOYMENT: &[Level] = &[Level::Application];

/// What the deployment answers to plugins that its tenants bring, in the words of the setting.
const TENANT_PLUGINS: [&str; 3] = ["refused", "on-approval", "accepted"];

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty = $default:expr, $levels:ident, $rule:expr;)*) => {
        /// What counts.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Settings {
            $($(#[doc = $doc])* pub $name: $type,)*
            /// The settings that no narrower level changes.
            fixed: Vec<String>,
        }

        /// What somebody chose at one level; the rest is left to the others.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Overrides {
            $(
                $(#[doc = $doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
            /// Which of these no narrower level changes.
            #[serde(default, rename = "final", skip_serializing_if = "Vec::is_empty")]
            pub finals: Vec<String>,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)* fixed: Vec::new() }
            }
        }

        impl Settings {
            /// The settings with what was chosen over them, at a narrower level.
            #[must_use]
            pub fn with(&self, chosen: &Overrides) -> Self {
                $(
                    let own = chosen.$name.as_ref().filter(|_| !self.is_fixed(stringify!($name)));
                    let $name = own.unwrap_or(&self.$name).clone();
                )*
                let fixed = self.fixed.iter().chain(&chosen.finals).cloned().collect();
                Self { $($name,)* fixed }
            }

            fn is_fixed(&self, name: &str) -> bool {
                self.fixed.iter().any(|fixed| fixed == name)
            }
        }

        impl Overrides {
            /// What a level may not choose, or not so.
            pub fn unfit(&self, level: Level) -> Vec<Unfit> {
                let mut unfit = Vec::new();
                $(
                    if let Some(value) = &self.$name {
                        let name = stringify!($name);
                        let rule: Rule<$type> = $rule;
                        if !$levels.contains(&level) {
                            unfit.push(Unfit { name, rule: "this is not chosen here" });
                        } else if !(rule.holds)(value) {
                            unfit.push(Unfit { name, rule: rule.words });
                        }
                    }
                )*
                if level == Level::Principal && !self.finals.is_empty() {
                    unfit.push(Unfit { name: FINAL, rule: "nobody is below this level" });
                } else if self.finals.iter().any(|name| !self.is_chosen(name)) {
                    unfit.push(Unfit { name: FINAL, rule: "these are names of settings that are chosen here, too" });
                }
                unfit
            }

            /// What is chosen otherwise than before although a broader level has the last word.
            pub fn overruled(&self, before: &Self, above: &Self) -> Vec<Unfit> {
                let mut overruled = Vec::new();
                $(
                    let name = stringify!($name);
                    if above.is_final(name) && self.$name.is_some() && self.$name != before.$name {
                        overruled.push(Unfit { name, rule: "a broader level has the last word on this" });
                    }
                )*
                overruled
            }

            fn is_chosen(&self, name: &str) -> bool {
                $((name == stringify!($name) && self.$name.is_some()))||*
            }

            /// Whether no narrower level changes the setting.
            pub fn is_final(&self, name: &str) -> bool {
                self.finals.iter().any(|one| one == name)
            }

            /// Everything that was chosen, by name.
            pub fn by_name(&self) -> Map<String, Value> {
                let mut chosen = Map::new();
                $(
                    if let Some(value) = &self.$name {
                        chosen.insert(stringify!($name).to_owned(), json!(value));
                    }
                )*
                if !self.finals.is_empty() {
                    chosen.insert(FINAL.to_owned(), json!(self.finals));
                }
                chosen
            }
        }

        /// Every setting.
        pub fn all() -> Vec<Setting> {
            vec![$({
                let rule: Rule<$type> = $rule;
                let default: $type = $default;
                Setting {
                    name: stringify!($name),
                    description: concat!($($doc),*).trim_ascii_start(),
                    default: json!(default),
                    schema: (rule.schema)(),
                    levels: $levels,
                }
            },)*]
        }
    };
}

settings! {
    /// Seconds until an offer expires that does not say it itself.
    offer_lifetime: u32 = 600, ANYWHERE, Rule {
        schema: || json!({ "type": "integer", "minimum": 30, "maximum": 2_592_000 }),
        words: "30 to 2592000 seconds",
        holds: |seconds| (30..=2_592_000).contains(seconds),
    };
    /// How many digits a transaction code has.
    tx_code_length: u8 = 6, ANYWHERE, Rule {
        schema: || json!({ "type": "integer", "minimum": 4, "maximum": 12 }),
        words: "4 to 12 digits",
        holds: |digits| (4..=12).contains(digits),
    };
    /// Which rules hold for wallets: `open`, or `haip` (HAIP 1.0), where they authenticate, push their requests and
    /// bind their tokens to a key.
    profile: Profile = Profile::Open, OF_TENANTS, Rule {
        schema: || json!({ "type": "string", "enum": ["open", "haip"] }),
        words: "open or haip",
        holds: |_| true,
    };
    /// Whose word counts for wallets: certificates (PEM) of authorities under which providers attest them; nobody's, if
    /// empty.
    wallet_providers: String = String::new(), OF_TENANTS, Rule {
        schema: || json!({ "type": "string", "maxLength": 65_536 }),
        words: "certificates in PEM, 64 KiB at most",
        holds: |pem| pem.len() <= 65_536,
    };
    /// Who vouches for signing keys by certificates: `outside`, authorities whose chains are kept with the keys, or else
    /// `own`, the tenant itself, whose certificate verifiers need from it.
    certificate_authority: String = "outside".to_owned(), OF_TENANTS, Rule {
        schema: || json!({ "enum": AUTHORITIES }),
        words: "outside or own",
        holds: |word| AUTHORITIES.contains(&word.as_str()),
    };
    /// Where the tenant is, by two capital letters (ISO 3166-1); nowhere, if empty. With it the tenant's own authority and
    /// what it certifies are such as ISO/IEC 18013-5 Annex B wants them for mobile documents. A change founds the authority
    /// anew: verifiers need its new certificate.
    certificate_country: String = String::new(), OF_TENANTS, Rule {
        schema: || json!({ "type": "string", "pattern": "^([A-Z]{2})?$" }),
        words: "two capital letters, or nothing",
        holds: |country| matches!(country.len(), 0 | 2) && country.bytes().all(|byte| byte.is_ascii_uppercase()),
    };
    /// Whose word counts for the keys of holders: certificates (PEM) of authorities under which they are attested;
    /// nobody's, if empty.
    key_attesters: String = String::new(), OF_TENANTS, Rule {
        schema: || json!({ "type": "string", "maxLength": 65_536 }),
        words: "certificates in PEM, 64 KiB at most",
        holds: |pem| pem.len() <= 65_536,
    };
    /// For which credential configurations the keys of holders must be attested, and as what: of `key_storage` and of
    /// `user_authentication` one of those that are listed (OpenID4VCI Appendix D.2). `{}` takes any attestation.
    key_attestations_required: BTreeMap<String, RequiredAttestation> = BTreeMap::new(), OF_TENANTS, Rule {
        schema: || {
            let levels = json!({ "type": "array", "items": { "type": "string" }, "maxItems": 10 });
            let members = json!({ "key_storage": levels, "user_authentication": levels });
            let required = json!({ "type": "object", "properties": members, "additionalProperties": false });
            json!({ "type": "object", "maxProperties": 100, "additionalProperties": required })
        },
        words: "by credential configuration, what must be attested: at most 10 levels of each kind",
        holds: |required| required.len() <= 100 && required.values().all(RequiredAttestation::is_sound),
    };
    /// Whether wallets get tokens that are bound to a key (RFC 9449), and no others.
    dpop_required: bool = false, OF_TENANTS, Rule {
        schema: || json!({ "type": "boolean" }),
        words: "true or false",
        holds: |_| true,
    };
    /// Whether wallets must encrypt their requests for credentials, and get encrypted answers (OpenID4VCI §10).
    encryption_required: bool = false, OF_TENANTS, Rule {
        schema: || json!({ "type": "boolean" }),
        words: "true or false",
        holds: |_| true,
    };
    /// Days for which a wallet may renew what it received, by refresh tokens that are bound to its key; 0: not at all.
    /// What is known of the holder is kept as long, sealed under the refresh token.
    refresh_token_days: u16 = 0, OF_TENANTS, Rule {
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 365 }),
        words: "0 to 365 days",
        holds: |days| *days <= 365,
    };
    /// How often a wallet may ask once more for a credential that it received, with the token that it has, if that is bound
    /// to its key; 0: never. What is known of the holder is kept, sealed, as long as that token lives: minutes.
    credential_repeats: u8 = 5, OF_TENANTS, Rule {
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 20 }),
        words: "0 to 20 times",
        holds: |times| *times <= 20,
    };
    /// Days for which a wallet may wait for a credential that somebody has yet to decide on. Its token is good as long,
    /// if it is bound to a key.
    deferral_days: u16 = 30, OF_TENANTS, Rule {
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 365 }),
        words: "1 to 365 days",
        holds: |days| (1..=365).contains(days),
    };
    /// Days after which an offer that is over is forgotten. What was issued for it stays.
    session_retention_days: u16 = 90, OF_TENANTS, Rule {
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": 3650 }),
        words: "1 to 3650 days",
        holds: |days| (1..=3650).contains(days),
    };
    /// Whether somebody who did not upload a plugin has to approve it before it is activated.
    plugin_approval: bool = false, OF_TENANTS, Rule {
        schema: || json!({ "type": "boolean" }),
        words: "true or false",
        holds: |_| true,
    };
    /// Whose plugins may come onto the shelf and be activated from it: the public keys of their publishers (Ed25519,
    /// base64url), one of which must have signed a plugin. Anybody's, if empty. What comes with the program is exempt.
    plugin_publishers: Vec<String> = Vec::new(), OF_TENANTS, Rule {
        schema: || json!({
            "type": "array", "maxItems": 32, "uniqueItems": true,
            "items": { "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$" }
        }),
        words: "at most 32 public keys, 43 characters of base64url each",
        holds: |keys| keys.len() <= 32 && keys.iter().all(|key| is_public_key(key)),
    };
    /// What becomes of plugins that tenants upload themselves: `refused`, `on-approval` (by an operator) or
    /// `accepted`. Where there is one tenant only, it is its own operator, and this does not count.
    tenant_plugins: String = "refused".to_owned(), OF_THE_DEPLOYMENT, Rule {
        schema: || json!({ "enum": TENANT_PLUGINS }),
        words: "refused, on-approval or accepted",
        holds: |word| TENANT_PLUGINS.contains(&word.as_str()),
    };
    /// Hours for which is kept what templates were asked for a credential, sealed, so that their decisions can be made
    /// again without the subject's data at hand; 0: not at all. It is personal data: for as long as something is looked
    /// into.
    input_retention_hours: u8 = 0, OF_ONE_TENANT, Rule {
        schema: || json!({ "type": "integer", "minimum": 0, "maximum": 24 }),
        words: "0 to 24 hours",
        holds: |hours| *hours <= 24,
    };
    /// What wallets call the issuer; the name of the tenant, if empty.
    display_name: String = String::new(), OF_ONE_TENANT, Rule {
        schema: || json!({ "type": "string", "maxLength": 200 }),
        words: "at most 200 characters, none of them invisible",
        holds: |name| name.chars().count() <= 200 && !name.chars().any(char::is_control),
    };
    /// The language of that name (BCP 47); none, if empty.
    display_locale: String = String::new(), OF_ONE_TENANT, Rule {
        schema: || json!({ "type": "string", "pattern": "^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$" }),
        words: "a language tag such as de or de-AT",
        holds: |tag| tag.is_empty() || is_language_tag(tag),
    };
    /// Where wallets find the issuer's logo; none, if empty.
    logo_uri: String = String::new(), OF_ONE_TENANT, Rule {
        schema: || json!({ "type": "string", "maxLength": 500, "pattern": "^(https://.+)?$" }),
        words: "an https URL of at most 500 characters",
        holds: |uri| uri.is_empty() || is_https(uri),
    };
}

/// Who may vouch for signing keys.
const AUTHORITIES: [&str; 2] = ["outside", "own"];

impl Settings {
    /// Whether the tenant vouches for its signing keys where nobody else does.
    pub fn certifies_itself(&self) -> bool {
        self.certificate_authority == "own"
    }

    /// Where the tenant is, if it said so.
    pub fn country(&self) -> Option<&str> {
        Some(self.certificate_country.as_str()).filter(|country| !country.is_empty())
    }
}

/// As far as one can tell without arithmetic.
fn is_public_key(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_language =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_subtag =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(is_language) && parts.all(is_subtag)
}

/// No more than a wallet needs to try it: whether anything is there is not asked.
fn is_https(text: &str) -> bool {
    let host = text.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    text.len() <= 500
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_fit_and_every_setting_is_described() {
        for setting in all() {
            let chosen: Overrides =
                serde_json::from_value(json!({ (setting.name): setting.default })).unwrap();
            for level in setting.levels {
                assert_eq!(chosen.unfit(*level), [], "{}", setting.name);
            }
            assert!(!setting.description.is_empty() && setting.schema.is_object(), "{}", setting.name);
        }
    }

    #[test]
    fn the_narrower_level_wins() {
        let tenant = Overrides { offer_lifetime: Some(60), tx_code_length: Some(8), ..Overrides::default() };
        let principal = Overrides { offer_lifetime: Some(90), ..Overrides::default() };
        let settings = Settings::default().with(&tenant).with(&principal);
        assert_eq!((settings.offer_lifetime, settings.tx_code_length), (90, 8));
        assert!(!settings.dpop_required);
    }

    #[test]
    fn the_broader_level_wins_where_its_choice_is_final() {
        let finals = vec!["dpop_required".to_owned()];
        let application = Overrides { dpop_required: Some(true), finals, ..Overrides::default() };
        let tenant =
            Overrides { dpop_required: Some(false), offer_lifetime: Some(60), ..Overrides::default() };
        let settings = Settings::default().with(&application).with(&tenant);
        assert_eq!((settings.dpop_required, settings.offer_lifetime), (true, 60));
        let named = |unfit: Vec<Unfit>| unfit.iter().map(|unfit| unfit.name).collect::<Vec<_>>();
        assert_eq!(named(tenant.overruled(&Overrides::default(), &application)), ["dpop_required"]);
        assert_eq!(tenant.overruled(&tenant, &application), [], "it was there before");
        let nothing = Overrides { dpop_required: None, ..application.clone() };
        assert_eq!(named(nothing.unfit(Level::Application)), ["final"]);
        assert_eq!(application.unfit(Level::Application), []);
        let own = Overrides {
            offer_lifetime: Some(60),
            finals: vec!["offer_lifetime".to_owned()],
            ..Overrides::default()
        };
        assert_eq!((own.unfit(Level::Tenant), named(own.unfit(Level::Principal))), (vec![], vec!["final"]));
    }

    #[test]
    fn what_is_out_of_bounds_or_out_of_place_is_named() {
        let chosen = Overrides { tx_code_length: Some(3), dpop_required: Some(true), ..Overrides::default() };
        let names = |level| chosen.unfit(level).iter().map(|unfit| unfit.name).collect::<Vec<_>>();
        assert_eq!(names(Level::Tenant), ["tx_code_length"]);
        assert_eq!(names(Level::Principal), ["tx_code_length", "dpop_required"]);
        for (tag, fits) in [("de", true), ("de-AT", true), ("d", false), ("de_AT", false), ("de-", false)] {
            assert_eq!(is_language_tag(tag), fits, "{tag}");
        }
        for (uri, fits) in [
            ("https://acme.example/logo.svg", true),
            ("http://acme.example/logo.svg", false),
            ("https://", false),
            ("https://user@acme.example", false),
            ("https://acme.example/a b", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_https(uri), fits, "{uri}");
        }
    }
}
