//! The domains of tenants: claimed by the tenant, verified by a job of the platform.

use chancery_domain::TenantId;
use chancery_domain::address::{DomainState, Verification};
use sqlx::{query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::{signed, unsigned};
use crate::session::Session;
use crate::{Directory, PlatformTx, StoreError, TenantTx};

/// A domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Whose it is, or whose it is said to be.
    pub tenant: TenantId,
    /// In lower case, internationalised labels in punycode.
    pub domain: String,
    /// What the tenant is to publish.
    pub challenge: String,
    /// Where it stands.
    pub verification: Verification,
    /// What the last check saw, for people.
    pub found: Option<String>,
    /// When it was claimed.
    pub created_at: OffsetDateTime,
    /// When it was last looked for.
    pub checked_at: Option<OffsetDateTime>,
    /// When it was first verified.
    pub verified_at: Option<OffsetDateTime>,
}

struct Row {
    tenant_id: Uuid,
    domain: String,
    challenge: String,
    state: String,
    found: Option<String>,
    failures: i32,
    created_at: OffsetDateTime,
    checked_at: Option<OffsetDateTime>,
    verified_at: Option<OffsetDateTime>,
    failing_since: Option<OffsetDateTime>,
    next_check_at: OffsetDateTime,
}

impl Row {
    fn domain(self) -> Result<Domain, StoreError> {
        let state = DomainState::parse(&self.state).ok_or_else(|| StoreError::corrupt("domains", "state"))?;
        Ok(Domain {
            tenant: TenantId::from_uuid(self.tenant_id),
            domain: self.domain,
            challenge: self.challenge,
            verification: Verification {
                state,
                failures: unsigned(self.failures, "domains", "failures")?,
                failing_since: self.failing_since,
                next_check_at: self.next_check_at,
            },
            found: self.found,
            created_at: self.created_at,
            checked_at: self.checked_at,
            verified_at: self.verified_at,
        })
    }
}

impl Directory {
    /// The tenant that holds the domain.
    pub async fn tenant_by_domain(&self, domain: &str) -> Result<Option<TenantId>, StoreError> {
        let mut session = Session::for_platform(&self.pool).await?;
        let id =
            query_scalar!("select tenant_id from domains where domain = $1 and state <> 'pending'", domain)
                .fetch_optional(session.statement())
                .await;
        let id = session.settle(id)?;
        session.commit().await?;
        Ok(id.map(TenantId::from_uuid))
    }
}

impl TenantTx {
    /// Claims a domain. `false` if this tenant did so before.
    pub async fn claim_domain(
        &mut self,
        domain: &str,
        challenge: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = query!(
            "insert into domains (domain, challenge, created_at, next_check_at) values ($1, $2, $3, $3)
             on conflict (tenant_id, domain) do nothing",
            domain,
            challenge,
            now
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// The tenant's domains, by name.
    pub async fn domains(&mut self) -> Result<Vec<Domain>, StoreError> {
        // The directory shows what others hold, too.
        let rows = query_as!(
            Row,
            "select tenant_id, domain, challenge, state, found, failures, created_at, checked_at, verified_at,
                 failing_since, next_check_at
             from domains where tenant_id = $1 order by domain",
            self.tenant.uuid()
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::domain).collect()
    }

    /// Has the domain looked at soon. `false` if it is none of the tenant's.
    pub async fn check_domain_at(&mut self, domain: &str, at: OffsetDateTime) -> Result<bool, StoreError> {
        let done = query!(
            "update domains set next_check_at = $3 where tenant_id = $1 and domain = $2",
            self.tenant.uuid(),
            domain,
            at
        )
        .execute(self.session.statement())
        .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }

    /// Gives a domain up. `false` if it is none of the tenant's.
    pub async fn release_domain(&mut self, domain: &str) -> Result<bool, StoreError> {
        let done =
            query!("delete from domains where tenant_id = $1 and domain = $2", self.tenant.uuid(), domain)
                .execute(self.session.statement())
                .await;
        Ok(self.session.settle(done)?.rows_affected() == 1)
    }
}

impl PlatformTx {
    /// Takes domains whose check is due, so that no other process checks them within `lease`.
    pub async fn take_due_domains(
        &mut self,
        now: OffsetDateTime,
        lease: time::Duration,
        most: u32,
    ) -> Result<Vec<Domain>, StoreError> {
        let rows = query_as!(
            Row,
            "update domains d set next_check_at = $2
             from (select tenant_id, domain from domains where next_check_at <= $1
                   order by next_check_at limit $3 for update skip locked) due
             where d.tenant_id = due.tenant_id and d.domain = due.domain
             returning d.tenant_id, d.domain, d.challenge, d.state, d.found, d.failures, d.created_at,
                 d.checked_at, d.verified_at, d.failing_since, d.next_check_at",
            now,
            now + lease,
            i64::from(most)
        )
        .fetch_all(self.session.statement())
        .await;
        self.session.settle(rows)?.into_iter().map(Row::domain).collect()
    }

    /// Who holds the domain, if anybody does.
    pub async fn holder_of_domain(&mut self, domain: &str) -> Result<Option<Domain>, StoreError> {
        let row = query_as!(
            Row,
            "select tenant_id, domain, challenge, state, found, failures, created_at, checked_at, verified_at,
                 failing_since, next_check_at
             from domains where domain = $1 and state <> 'pending' for update",
            domain
        )
        .fetch_optional(self.session.statement())
        .await;
        self.session.settle(row)?.map(Row::domain).transpose()
    }

    /// Writes what a check came to. Two cannot hold a domain: who held it has to lose it first.
    pub async fn note_domain_check(
        &mut self,
        checked: &Domain,
        verification: &Verification,
        found: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = query!(
            "update domains set state = $3, found = $4, failures = $5, checked_at = $9, failing_since = $6,
                 next_check_at = $7, verified_at = coalesce(verified_at, $8)
             where tenant_id = $1 and domain = $2",
            checked.tenant.uuid(),
            checked.domain,
            verification.state.as_str(),
            found,
            signed(verification.failures, "domains", "failures")?,
            verification.failing_since,
            verification.next_check_at,
            (verification.state == DomainState::Verified).then_some(now),
            now,
        )
        .execute(self.session.statement())
        .await;
        self.session.settle(done)?;
        if verification.state != checked.verification.state {
            self.announce_change(checked.tenant).await?;
        }
        Ok(())
    }
}
