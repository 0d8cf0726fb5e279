//! An issuer offers credentials to a holder. What is wrong with the subject is
//! said here, to the issuer, not at the wallet.

use std::collections::BTreeSet;

use chancery_credential::secrets::OfferSecret;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::deferral::DEFERRAL_INTERVAL;
use chancery_domain::template::Issue;
use chancery_domain::{DeferralId, EventType, OfferGrant, OfferId, OfferState, Random, random_bytes};
use chancery_protocol::offer::{OfferLink, TxCode};
use chancery_store::{ISSUE_WITHIN, NewDeferral, NewOffer, NewTxCode, PinnedItem, Principal, TenantTx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::circumstances::Circumstances;
use super::defer_credential::interval_of;
use super::fetch_offer::describe_offer;
use super::redeem_code::tx_code_mac;
use super::rehearse::{Rehearsed, rehearse};
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};

/// How many credentials one offer may hold.
const MOST_CREDENTIALS: usize = 10;
/// Seconds that an offer may be open.
const LIFETIMES: std::ops::RangeInclusive<u32> = 30..=30 * 86_400;

/// What a manager asks for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferRequest {
    /// One entry for each credential; configurations are distinct.
    pub(crate) credentials: Vec<OfferedCredential>,
    /// Whether the holder must enter a code that you send over another channel.
    #[serde(default)]
    pub(crate) tx_code: bool,
    /// Seconds until the offer expires, 30 to 2,592,000; as configured if absent.
    #[serde(default)]
    pub(crate) expires_in: Option<u32>,
    /// Whether the link holds the whole offer instead of a reference to it.
    #[serde(default)]
    pub(crate) by_value: bool,
    /// How the wallet gets its token: `pre-authorized_code` (default), or `authorization_code`, where the holder
    /// consents on a page of the issuer first, and enters the transaction code there if there is one.
    #[serde(default)]
    #[schema(value_type = String)]
    pub(crate) grant: OfferGrant,
}

/// One credential of an offer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferedCredential {
    /// A key of `credential_configurations_supported`.
    pub(crate) configuration_id: String,
    /// Who the credential is about; its shape is the template's. What is deferred may do without: then whoever
    /// completes it brings it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) subject: Option<Value>,
    /// Whether somebody has to complete it first (`POST /deferrals/{id}/complete`); wallets are told to come back.
    #[serde(default)]
    pub(crate) deferred: bool,
}

/// A new offer. The link and the transaction code appear only here.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct CreatedOffer {
    /// `ofr_…`
    #[schema(value_type = String)]
    pub(crate) id: OfferId,
    /// `openid-credential-offer://…`, for a QR code or a link.
    pub(crate) offer_uri: String,
    /// Give it to the holder over another channel than the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tx_code: Option<String>,
    /// RFC 3339, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
    /// A page with the QR code and the live state, for the holder.
    pub(crate) page_url: String,
    /// `created`
    #[schema(value_type = String)]
    pub(crate) state: OfferState,
    /// What has to be completed before it is issued; absent if nothing has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deferrals: Vec<OfferedDeferral>,
}

/// One credential of an offer that has to be completed.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct OfferedDeferral {
    /// `dfr_…`
    #[schema(value_type = String)]
    pub(crate) id: DeferralId,
    pub(crate) configuration_id: String,
}

/// Makes the offer behind a new secret, inside `tx`, which the caller commits; `made_by` is nobody if the host
/// itself makes it. None, and nothing made, if whoever makes it may no longer.
pub(crate) async fn create_offer(
    app: &App,
    issuer: &Issuer,
    tx: &mut TenantTx,
    checked: CheckedOffer,
    secret: &OfferSecret,
    (made_by, author): (Option<Principal>, Author),
) -> Result<Option<CreatedOffer>, Problem> {
    let now = app.now();
    let random = app.random.as_ref();
    let CheckedOffer { items, subjects, deferred, tx_code, expires_in, by_value, grant } = checked;
    let settings = made_by.map_or_else(|| issuer.settings.clone(), |caller| issuer.settings_of(caller));
    let expires_in = expires_in.unwrap_or(settings.offer_lifetime);

    let id = OfferId::new(now, random_bytes(random));
    let code = secret.code();
    let internal = |error: serde_json::Error| Problem::new(ProblemCode::Internal).because(error);
    let subjects = serde_json::to_vec(&subjects).map_err(internal)?;
    let tx_code = tx_code.then(|| random_digits(random, settings.tx_code_length));
    let described = tx_code.is_some().then(|| describe_tx_code(settings.tx_code_length));
    let expires_at = now.truncate_to_second() + Duration::seconds(expires_in.into());
    let configuration_ids: Vec<String> = items.iter().map(|item| item.configuration_id.clone()).collect();
    let made = json!({ "configuration_ids": configuration_ids, "tx_code_required": tx_code.is_some() });
    let event =
        || json!({ "offer_id": id, "state": OfferState::Created, "configuration_ids": configuration_ids });

    let new = NewOffer {
        id,
        handle_hash: secret.lookup_hash(),
        grant,
        code_hash: match grant {
            OfferGrant::PreAuthorizedCode => code.lookup_hash(),
            OfferGrant::AuthorizationCode => code.issuer_state_hash(),
        },
        items,
        tx_code: match (&tx_code, &described) {
            (Some(tx_code), Some(described)) => Some(NewTxCode {
                mac: tx_code_mac(issuer, id, tx_code),
                description: serde_json::to_value(described).map_err(internal)?,
            }),
            _ => None,
        },
        sealed_subject: issuer.keys.seal_subject(id, &code, &subjects, random),
        created_at: now,
        expires_at,
        made_by,
        audit: app.entry(author, Action::OfferCreated, id, &Changed::made(made)),
    };
    if !tx.create_offer(&new).await? {
        return Ok(None);
    }
    let mut deferrals = Vec::new();
    for Deferred { configuration_id, has_subject, interval, reason } in deferred {
        let deferral = DeferralId::new(now, random_bytes(random));
        let new = NewDeferral {
            id: deferral,
            offer: id,
            configuration_id: configuration_id.clone(),
            has_subject,
            recipient: issuer.keys.deferral_recipient(deferral, &code),
            interval,
            reason,
            created_at: now,
            expires_at: expires_at + ISSUE_WITHIN,
        };
        tx.defer(&new).await?;
        deferrals.push(OfferedDeferral { id: deferral, configuration_id });
    }
    app.tell(issuer, tx, EventType::OfferCreated, event).await?;

    let by_reference = issuer.at(&format!("/offers/{}", secret.as_str()));
    let link = if by_value {
        OfferLink::ByValue(describe_offer(issuer, secret, grant, configuration_ids, described))
    } else {
        OfferLink::ByReference(by_reference.clone())
    };
    Ok(Some(CreatedOffer {
        id,
        offer_uri: link.to_uri(),
        tx_code,
        expires_at,
        page_url: format!("{by_reference}/page"),
        state: OfferState::Created,
        deferrals,
    }))
}

/// What the wallet is told of the transaction code.
fn describe_tx_code(digits: u8) -> TxCode {
    TxCode {
        input_mode: Some("numeric".to_owned()),
        length: Some(digits),
        description: Some("The code that you received separately".to_owned()),
    }
}

/// An offer that will not surprise the wallet: every subject passed its template.
pub(crate) struct CheckedOffer {
    items: Vec<PinnedItem>,
    /// By credential configuration id, and the circumstances.
    subjects: Map<String, Value>,
    deferred: Vec<Deferred>,
    tx_code: bool,
    expires_in: Option<u32>,
    by_value: bool,
    grant: OfferGrant,
}

/// A credential that somebody has to complete first, because the manager or the template says so.
struct Deferred {
    configuration_id: String,
    has_subject: bool,
    interval: u32,
    reason: Option<String>,
}

/// Checks the whole request and reports everything that is wrong with it. No transaction is open meanwhile.
pub(crate) async fn check_offer(
    app: &App,
    issuer: &Issuer,
    request: OfferRequest,
    circumstances: &Circumstances,
) -> Result<CheckedOffer, Problem> {
    if !issuer.tenant.status.may_issue() {
        return Err(Problem::new(ProblemCode::WrongState).detail("this issuer issues no more"));
    }
    if let Some(fault) = issuer.certificate_fault(app.now()) {
        return Err(Problem::new(ProblemCode::WrongState).detail(fault.to_managers()));
    }
    let mut issues = Vec::new();
    let mut report = |pointer: String, code: &str, message: String| {
        issues.push(Issue { pointer, code: code.to_owned(), message });
    };
    if request.credentials.is_empty() || request.credentials.len() > MOST_CREDENTIALS {
        report("/credentials".into(), "count", format!("an offer holds 1 to {MOST_CREDENTIALS} credentials"));
    }
    if request.expires_in.is_some_and(|seconds| !LIFETIMES.contains(&seconds)) {
        let message = format!("must lie between {} and {} seconds", LIFETIMES.start(), LIFETIMES.end());
        report("/expires_in".into(), "range", message);
    }

    let mut known = BTreeSet::new();
    let mut items = Vec::new();
    let mut subjects = Map::new();
    let mut deferred = Vec::new();
    for (index, credential) in request.credentials.into_iter().take(MOST_CREDENTIALS).enumerate() {
        let at = format!("/credentials/{index}");
        let id = credential.configuration_id;
        let Some(active) = issuer.active_template(&id) else {
            let known = issuer.configuration_ids().join(", ");
            let message = format!("there is no such credential configuration; there are: {known}");
            report(format!("{at}/configuration_id"), "unknown-configuration", message);
            continue;
        };
        if !known.insert(id.clone()) {
            report(
                format!("{at}/configuration_id"),
                "duplicate",
                "an offer holds each configuration once".into(),
            );
            continue;
        }
        let template = active.for_new_offer(app.random.as_ref());
        items.push(PinnedItem { configuration_id: id.clone(), revision: template.revision() });
        let rehearsed = match &credential.subject {
            Some(subject) => Some(rehearse(app, issuer, template, subject, circumstances, None).await?),
            None if credential.deferred => None,
            None => {
                let message = "only what is deferred may do without a subject".to_owned();
                report(format!("{at}/subject"), "required", message);
                continue;
            }
        };
        let said = match rehearsed {
            Some(Rehearsed::Refuses(issues)) => {
                for issue in issues {
                    report(format!("{at}/subject{}", issue.pointer), &issue.code, issue.message);
                }
                continue;
            }
            Some(Rehearsed::Defers(said)) => Some(said),
            Some(Rehearsed::Issues) | None => None,
        };
        if credential.deferred || said.is_some() {
            deferred.push(Deferred {
                configuration_id: id.clone(),
                has_subject: credential.subject.is_some(),
                interval: said.as_ref().map_or(DEFERRAL_INTERVAL, interval_of),
                reason: said.map(|said| said.reason),
            });
        }
        if let Some(subject) = credential.subject {
            subjects.insert(id, subject);
        }
    }
    if !issues.is_empty() {
        return Err(Problem::invalid(issues));
    }
    circumstances.put(&mut subjects);
    Ok(CheckedOffer {
        items,
        subjects,
        deferred,
        tx_code: request.tx_code,
        expires_in: request.expires_in,
        by_value: request.by_value,
        grant: request.grant,
    })
}

/// `count` decimal digits, each equally likely.
fn random_digits(random: &dyn Random, count: u8) -> String {
    let mut digits = String::new();
    while digits.len() < usize::from(count) {
        let [byte] = random_bytes(random);
        // 250 is the largest multiple of ten in a byte; the rest would favour low digits.
        if byte < 250 {
            digits.push(char::from(b'0' + byte % 10));
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn every_digit_is_equally_likely() {
        let random = Counting(0.into());
        // 250 accepted bytes, each of 0..250 once: every digit 25 times.
        let digits = random_digits(&random, 250);
        for digit in '0'..='9' {
            assert_eq!(digits.chars().filter(|d| *d == digit).count(), 25, "{digit}");
        }
    }
}
