//! A tenant claims a domain, or gives one up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::onboarding::Feature;
use chancery_domain::{TenantId, random_bytes};
use chancery_store::Domain;
use serde_json::{Value, json};
use url::{Host, Url};

use super::licensing::allow_feature;
use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// How many domains a tenant may claim.
const MOST: usize = 20;

/// Claims a domain with a fresh challenge; it is looked at in the background.
pub(crate) async fn claim_domain(
    app: &App,
    author: Author,
    tenant: TenantId,
    text: &str,
) -> Result<Domain, Problem> {
    let name = canonical(text).ok_or_else(|| {
        let message = "a domain is a host name with at least two labels, without scheme, port and path";
        Problem::invalid_at("/domain", "domain", message)
    })?;
    if app.tenants.workshop.is_platforms(&name) {
        let message = "this domain is the platform's own, or lies below it";
        return Err(Problem::invalid_at("/domain", "domain", message));
    }
    allow_feature(app, Feature::CustomDomains, tenant).await?;
    let challenge = URL_SAFE_NO_PAD.encode(random_bytes::<24>(app.random.as_ref()));
    let mut tx = app.store.tenant(tenant).await?;
    if tx.domains().await?.len() >= MOST {
        tx.rollback().await?;
        let detail = format!("a tenant has at most {MOST} domains");
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let claimed = tx.claim_domain(&name, &challenge, app.now()).await?;
    let rows = tx.domains().await?;
    if claimed {
        let entry = app.entry(author, Action::DomainClaimed, name.as_str(), &Changed::made(json!({})));
        tx.record(&entry).await?;
    }
    tx.commit().await?;
    if !claimed {
        return Err(Problem::new(ProblemCode::Conflict).detail("you claimed this domain before"));
    }
    rows.into_iter()
        .find(|row| row.domain == name)
        .ok_or_else(|| Problem::new(ProblemCode::Internal).because("a domain that was claimed is missing"))
}

/// Has a domain looked at now, in the background.
pub(crate) async fn have_domain_checked(
    app: &App,
    author: Author,
    tenant: TenantId,
    name: &str,
) -> Result<(), Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let known = tx.check_domain_at(name, app.now()).await?;
    if known {
        let asked = Changed::made(Value::Null);
        tx.record(&app.entry(author, Action::DomainVerificationAsked, name, &asked)).await?;
    }
    tx.commit().await?;
    if known { Ok(()) } else { Err(Problem::not_found()) }
}

/// Gives a domain up, unless something that the tenant advertises lies under it.
pub(crate) async fn release_domain(
    app: &App,
    author: Author,
    tenant: TenantId,
    name: &str,
) -> Result<(), Problem> {
    let mut tx = app.store.tenant(tenant).await?;
    let endpoints = tx.public_endpoints().await?;
    let is_under = |url: &str| Url::parse(url).is_ok_and(|url| url.host_str() == Some(name));
    if let Some(endpoint) = endpoints.iter().find(|endpoint| is_under(&endpoint.url)) {
        tx.rollback().await?;
        let detail = format!("the {} is at {}, and credentials may name it", endpoint.service, endpoint.url);
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let released = tx.release_domain(name).await?;
    if released {
        let changed = Changed { before: json!({}), after: Value::Null };
        tx.record(&app.entry(author, Action::DomainReleased, name, &changed)).await?;
        tx.announce_change().await?;
    }
    tx.commit().await?;
    app.tenants.forget(tenant);
    if released { Ok(()) } else { Err(Problem::not_found()) }
}

/// The name in the form in which requests are compared with it.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let Ok(Host::Domain(name)) = Host::parse(text) else { return None };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = name.len() <= 253 && name.contains('.') && name.split('.').all(is_label);
    // A last label of digits would be read as an address elsewhere.
    let is_address =
        name.rsplit('.').next().is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (is_name && !is_address).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_name_and_nothing_more() {
        for (text, name) in [
            ("Credentials.Acme.example", Some("credentials.acme.example")),
            ("acme.example.", Some("acme.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("localhost", None),
            ("https://acme.example", None),
            ("acme.example:443", None),
            ("acme.example/x", None),
            ("*.acme.example", None),
            ("a_b.example", None),
            ("-a.example", None),
            ("192.0.2.1", None),
            ("[::1]", None),
            ("1.2.3.4.5", None),
            ("acme..example", None),
            ("", None),
        ] {
            assert_eq!(canonical(text).as_deref(), name, "{text}");
        }
    }
}
