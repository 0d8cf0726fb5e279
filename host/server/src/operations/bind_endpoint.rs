//! What a tenant advertises is bound explicitly, never taken from a request.

use chancery_domain::Tenant;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_store::PublicEndpoint;
use serde_json::json;

use crate::app::App;
use crate::problem::Problem;
use crate::tenants::load::ISSUER;

/// The services that can be bound so far.
const SERVICES: [&str; 1] = [ISSUER];

/// Makes `url` the primary of the service; it must be an address that leads to this very tenant.
pub(crate) async fn bind_endpoint(
    app: &App,
    author: Author,
    tenant: &Tenant,
    service: &str,
    url: &str,
) -> Result<Vec<PublicEndpoint>, Problem> {
    if !SERVICES.contains(&service) || !app.tenants.workshop.saas {
        return Err(Problem::not_found());
    }
    let mut tx = app.store.tenant(tenant.id).await?;
    let domains = tx.domains().await?;
    let workshop = &app.tenants.workshop;
    let slug = &tenant.slug;
    let hosts = domains
        .into_iter()
        .filter(|domain| domain.verification.state.leads_to_its_tenant())
        .map(|domain| domain.domain);
    let mut own = hosts
        .chain(workshop.subdomain(slug))
        .map(|host| workshop.identifier_at(&host))
        .chain([workshop.default_identifier(slug)]);
    if !own.any(|own| own == url) {
        tx.rollback().await?;
        let message = "a URL without path, query and trailing slash, at a verified domain of yours or at your \
                       address at the platform";
        return Err(Problem::invalid_at("/url", "url", message));
    }
    tx.bind_endpoint(service, url).await?;
    let changed = Changed::made(json!({ "url": url }));
    tx.record(&app.entry(author, Action::EndpointBound, service, &changed)).await?;
    tx.announce_change().await?;
    let rows = tx.public_endpoints().await?;
    tx.commit().await?;
    app.tenants.forget(tenant.id);
    Ok(rows)
}

/// What is bound; where nothing was, the address at the platform counts.
pub(crate) async fn endpoints(app: &App, tenant: &Tenant) -> Result<Vec<PublicEndpoint>, Problem> {
    let mut tx = app.store.tenant(tenant.id).await?;
    let mut rows = tx.public_endpoints().await?;
    tx.commit().await?;
    if !rows.iter().any(|row| row.service == ISSUER) {
        let url = app.tenants.workshop.default_identifier(&tenant.slug);
        rows.push(PublicEndpoint { service: ISSUER.to_owned(), url, is_primary: true });
    }
    Ok(rows)
}
