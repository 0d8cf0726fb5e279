//! An authority outside vouches for a signing key: it is asked by a request that the key itself signs, and what it
//! answers is kept with the key, whose credentials carry it from then on.

use chancery_credential::jose::Jwk;
use chancery_credential::keys::KeyUse;
use chancery_credential::x509::{CertificateChain, Subject, certificate_request};
use chancery_domain::TenantId;
use chancery_domain::audit::{Action, Author, Changed};
use chancery_domain::template::Format;
use chancery_store::{KeyState, SigningKeyName, StoredKey, TenantTx};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::rotate_key::key_id;
use crate::app::App;
use crate::issuer::Issuer;
use crate::problem::{Problem, ProblemCode};
use crate::tenants::private_key;

/// What the key's authority is to be sent, in PEM.
pub(crate) async fn request_certificate(
    app: &App,
    (tenant, identifier): (TenantId, &str),
    kid: &str,
    subject: &Subject,
) -> Result<String, Problem> {
    let internal = |error: &dyn std::fmt::Display| Problem::new(ProblemCode::Internal).because(error);
    let mut tx = app.store.tenant(tenant).await?;
    let stored = credential_key(&mut tx, kid).await?;
    let key = private_key(&mut tx, &app.tenants.workshop.keyring, &stored).await;
    tx.commit().await?;
    let key = key.map_err(|error| internal(&error))?;
    certificate_request(&key, identifier, subject).map_err(|error| internal(&error))
}

/// Keeps the chain of a key, leaf first, or drops what was kept.
pub(crate) async fn certify_key(
    app: &App,
    author: Author,
    issuer: &Issuer,
    kid: &str,
    chain: Option<&str>,
) -> Result<StoredKey, Problem> {
    let tenant = issuer.tenant();
    if !app.tenants.workshop.certificates.may_be_chosen() {
        let detail = "this issuer's chain is ISSUER_CERTIFICATE_FILE: change it there and start again";
        return Err(Problem::new(ProblemCode::WrongState).detail(detail));
    }
    let mut tx = app.store.tenant(tenant).await?;
    let mut key = credential_key(&mut tx, kid).await?;
    let chain = chain.map(|pem| fitting(pem, &key, issuer, app.now())).transpose()?;
    let ends = |pem: &Option<String>| pem.as_deref().map_or(Value::Null, |pem| json!(end_of(pem)));
    let pem = chain.map(|chain| chain.to_pem());
    let changed = Changed {
        before: json!({ "certificate_expires_at": ends(&key.certificate) }),
        after: json!({ "certificate_expires_at": ends(&pem) }),
    };
    let name = SigningKeyName {
        key_use: key.key_use.clone(),
        algorithm: key.algorithm.clone(),
        version: key.version,
    };
    if !tx.certify_key(&name, pem.as_deref()).await? {
        return Err(Problem::not_found());
    }
    tx.record(&app.entry(author, Action::KeyCertified, kid, &changed)).await?;
    tx.announce_change().await?;
    tx.commit().await?;
    app.tenants.forget(tenant);
    key.certificate = pem;
    Ok(key)
}

/// The key of that thumbprint, if it signs credentials, or will, or did and is published still.
async fn credential_key(tx: &mut TenantTx, kid: &str) -> Result<StoredKey, Problem> {
    let of_use = KeyUse::Credential.as_str();
    let keys = tx.signing_keys().await?.into_iter();
    let mut alive = keys.filter(|key| key.key_use == of_use && key.state != KeyState::Retired);
    alive.find(|key| key_id(key).as_deref() == Some(kid)).ok_or_else(Problem::not_found)
}

/// The chain, if verifiers can follow it to the key now, for all that the issuer signs.
fn fitting(
    pem: &str,
    key: &StoredKey,
    issuer: &Issuer,
    now: OffsetDateTime,
) -> Result<CertificateChain, Problem> {
    let unfit = |code: &str, message: String| Problem::invalid_at("/chain", code, message);
    let public =
        Jwk::parse(&key.public_jwk).map_err(|error| Problem::new(ProblemCode::Internal).because(error))?;
    let chain =
        CertificateChain::from_pem(pem, &public).map_err(|error| unfit("chain", error.to_string()))?;
    if chain.expires_at() <= now {
        return Err(unfit("expired", "a certificate of the chain has expired".to_owned()));
    }
    if chain.valid_from() > now {
        return Err(unfit("not-yet-valid", "a certificate of the chain is not valid yet".to_owned()));
    }
    // Verifiers of mobile documents would refuse them, one by one and much later.
    if issuer.has_templates_for(Format::Mdoc) && !chain.may_sign_documents() {
        let message = "the certificate says what its key is for, and mobile documents are not among that, which this \
                       issuer has templates for: ask for the extended key usage 1.0.18013.5.1.2 (ISO/IEC 18013-5), as \
                       requests with a country do, or for none";
        return Err(unfit("usage", message.to_owned()));
    }
    Ok(chain)
}

/// When the first of some certificates ends, as people write it.
pub(crate) fn end_of(pem: &str) -> Option<String> {
    chancery_credential::x509::certificates_end(pem).ok()?.format(&Rfc3339).ok()
}
