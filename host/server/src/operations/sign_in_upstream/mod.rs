//! A holder signs in at an OpenID Provider of the tenant's choice (OpenID Connect Core §3.1), and what that says of them is
//! the subject of what they are offered. The template has the last word.
//!
//! What is begun here travels with the browser, sealed into a cookie, and ends once: by the `state`, which the cookie is
//! named after. The database hears of it when the browser is back.

mod begin;
mod discovery;
mod finish;
mod subject;

use chancery_domain::template::Format;
use chancery_store::HolderProvider;
use serde::{Deserialize, Serialize};

pub(crate) use begin::{Begun, begin};
pub(crate) use discovery::ProviderDocuments;
pub(crate) use finish::{Returned, Returning, finish};

use crate::app::App;
use crate::authorization::Sitting;
use crate::egress::Failed;
use crate::issuer::Issuer;

/// Where a provider sends browsers back to. Each has an address of its own, so that what one answers is not taken for the
/// answer of another (RFC 9700 §4.4.2.2).
pub(crate) fn callback_url(issuer: &Issuer, provider: &str) -> String {
    issuer.at(&format!("/authorize/callback/{provider}"))
}

/// A sign-in that is under way: the content of the cookie.
#[derive(Serialize, Deserialize)]
struct Detour {
    state: String,
    nonce: String,
    code_verifier: String,
    /// By name, and which it was: one that was changed since is another.
    provider: String,
    issuer: String,
    client_id: String,
    sitting: Sitting,
}

/// Why a provider did not sign anybody in. What holders are told; no token, code or secret is in it.
#[derive(Debug, thiserror::Error)]
enum NotSignedIn {
    #[error("it cannot be asked: {0}")]
    Egress(#[from] Failed),
    #[error("its {0} answered {1}")]
    Status(&'static str, http::StatusCode),
    #[error("its {0} did not answer as it should")]
    Answer(&'static str),
    #[error("its configuration is that of another issuer")]
    AnotherIssuer,
    #[error("the answer is not from it")]
    MixedUp,
    #[error("it says {0}")]
    Error(String),
    #[error("its ID token is not good: {0}")]
    IdToken(#[from] chancery_credential::id_token::InvalidIdToken),
    #[error("what proves us to it does not open")]
    Sealed,
    #[error("it was changed meanwhile, try again")]
    Changed,
}

impl NotSignedIn {
    /// What the person is told, and the log hears.
    fn tell(&self, issuer: &Issuer, provider: &str, label: &str) -> String {
        tracing::warn!(tenant = %issuer.tenant(), provider, why = %self, "a holder was not signed in");
        format!("{label} did not sign you in: {self}.")
    }
}

/// Whether the word of the provider is enough for all that is asked for. A configuration covers its other formats.
fn covers(provider: &HolderProvider, asked: &[String]) -> bool {
    let is_covered = |id: &String| {
        let (base, _) = Format::of_configuration(id);
        provider.configuration_ids.iter().any(|own| own == id || own == base)
    };
    !asked.is_empty() && asked.iter().all(is_covered)
}

/// What a holder may sign in with instead of a link: names, and what to call them.
pub(crate) async fn offered_providers(
    app: &App,
    issuer: &Issuer,
    sitting: &Sitting,
) -> Vec<(String, String)> {
    let read = async {
        let mut tx = app.tenant(issuer).await?;
        let providers = tx.providers().await?;
        tx.commit().await?;
        Ok::<_, chancery_store::StoreError>(providers)
    };
    let asked = &sitting.authorization.asked.configuration_ids;
    match read.await {
        Ok(providers) => providers
            .into_iter()
            .filter(|provider| covers(provider, asked))
            .map(|provider| (provider.name, provider.label))
            .collect(),
        // The link goes on working.
        Err(error) => {
            tracing::error!(%error, "the providers of a tenant cannot be read");
            Vec::new()
        }
    }
}

/// What a sealed secret belongs to: put at another provider, it does not open.
pub(crate) fn sealed_for(provider: &HolderProvider) -> Vec<u8> {
    // Neither has a line break.
    format!("{}\n{}", provider.name, provider.issuer).into_bytes()
}
