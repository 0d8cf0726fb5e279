//! Domains are verified in the background: a record in the DNS proves that who holds the domain wants it to
//! lead to the tenant. It is looked for again every day.

use chancery_domain::address::{DomainState, Verification};
use chancery_store::{By, Domain, StoreError};
use time::Duration;

use crate::app::App;
use crate::egress::dns::Found;

/// Where the record is expected.
pub(crate) fn record_name(domain: &str) -> String {
    format!("_chancery-challenge.{domain}")
}

/// What the record is to say.
pub(crate) fn record_text(challenge: &str) -> String {
    format!("chancery-verification={challenge}")
}

/// While a process checks, no other does.
const LEASE: Duration = Duration::minutes(1);
/// When a claim on what another tenant holds is looked at again.
const HELD_FOR: Duration = Duration::minutes(5);
const MOST_AT_ONCE: u32 = 20;
/// What people are shown of what was found, in characters.
const SHOWN: usize = 200;

/// Checks what is due. No transaction is open while the DNS is asked.
pub(crate) async fn verify_domains(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.platform(By::Job("verify domains")).await?;
    let due = tx.take_due_domains(app.now(), LEASE, MOST_AT_ONCE).await?;
    tx.commit().await?;
    for domain in due {
        verify(app, &domain).await?;
    }
    Ok(())
}

async fn verify(app: &App, domain: &Domain) -> Result<(), StoreError> {
    let found = app.dns.texts(&record_name(&domain.domain)).await;
    let now = app.now();
    let mut judgement = judge(domain, &found, now);
    let mut tx = app.store.platform(By::Job("verify domains")).await?;
    if judgement.0.state == DomainState::Verified
        && let Some(holder) =
            tx.holder_of_domain(&domain.domain).await?.filter(|one| one.tenant != domain.tenant)
    {
        if judge(&holder, &found, now).0.state == DomainState::Verified {
            // Both records are there: who came first keeps it.
            let waiting = Verification { next_check_at: now + HELD_FOR, ..domain.verification };
            judgement = (waiting, "the record, but another tenant's was there before".to_owned());
        } else {
            // Who holds the name in the DNS has changed their mind.
            let lost = Verification { next_check_at: now + HELD_FOR, ..Verification::begin(now) };
            tx.note_domain_check(&holder, &lost, "another tenant's record", now).await?;
            app.tenants.forget(holder.tenant);
        }
    }
    let (verification, said) = judgement;
    tx.note_domain_check(domain, &verification, &said, now).await?;
    tx.commit().await?;
    if verification.state != domain.verification.state {
        tracing::info!(
            tenant = %domain.tenant, domain = domain.domain, state = verification.state.as_str(),
            "a domain changed its state"
        );
        app.tenants.forget(domain.tenant);
    }
    Ok(())
}

/// What follows from what was found. An answer that cannot be believed costs a claim nothing but time.
fn judge(domain: &Domain, found: &Found, now: time::OffsetDateTime) -> (Verification, String) {
    let expected = record_text(&domain.challenge);
    match found {
        Found::Texts(texts) if texts.contains(&expected) => {
            (domain.verification.after(true, now), "the record".to_owned())
        }
        Found::Texts(texts) if texts.is_empty() => {
            (domain.verification.after(false, now), "no TXT record".to_owned())
        }
        Found::Texts(texts) => {
            let shown: String = texts.join(", ").chars().filter(|c| !c.is_control()).take(SHOWN).collect();
            (domain.verification.after(false, now), format!("other TXT records: {shown}"))
        }
        Found::Nothing(reason) => {
            let reason: String = reason.chars().take(SHOWN).collect();
            (domain.verification.after(false, now), format!("no answer: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_domain::TenantId;

    use super::*;

    const NOW: time::OffsetDateTime = time::macros::datetime!(2026-11-21 10:20:30 UTC);

    fn claimed() -> Domain {
        Domain {
            tenant: TenantId::new(NOW, [1; 10]),
            domain: "acme.example".to_owned(),
            challenge: "own-challenge".to_owned(),
            verification: Verification::begin(NOW),
            found: None,
            created_at: NOW,
            checked_at: None,
            verified_at: None,
        }
    }

    #[test]
    fn only_the_tenants_own_record_proves_anything() {
        let judged = |texts: &[&str]| {
            let found = Found::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
            judge(&claimed(), &found, NOW).0.state
        };
        assert_eq!(judged(&["v=spf1", "chancery-verification=own-challenge"]), DomainState::Verified);
        for wrong in [
            &[] as &[&str],
            &["own-challenge"],
            &["chancery-verification=another"],
            &["chancery-verification=own-challenge "],
            &["Chancery-Verification=own-challenge"],
        ] {
            assert_eq!(judged(wrong), DomainState::Pending, "{wrong:?}");
        }
        let (silent, said) = judge(&claimed(), &Found::Nothing("timed out".to_owned()), NOW);
        assert_eq!((silent.state, said.as_str()), (DomainState::Pending, "no answer: timed out"));
    }
}
