//! The browser is sent to the provider.

use chancery_credential::{Envelope, secret_hash};
use chancery_domain::random_bytes;
use chancery_protocol::error::ErrorCode;
use url::Url;

use super::{Detour, NotSignedIn, callback_url, covers, discovery};
use crate::app::App;
use crate::authorization::{Holder, Sitting};
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The longest cookie that every browser takes (RFC 6265 §6.1), without its name and attributes.
const LONGEST_COOKIE: usize = 3_800;

/// What became of an attempt.
pub(crate) enum Begun {
    /// The browser goes there, with a cookie that is named after the state.
    Away { location: String, state: String, sealed: String },
    /// It stays, and the person reads why.
    NotYet(Box<Sitting>, String),
}

/// Begins a sign-in at the provider of that name.
pub(crate) async fn begin(
    app: &App,
    issuer: &Issuer,
    sitting: Sitting,
    name: &str,
) -> Result<Begun, Refusal> {
    let mut tx = app.tenant(issuer).await?;
    let provider = tx.provider(name).await?;
    tx.commit().await?;
    let asked = &sitting.authorization.asked.configuration_ids;
    let is_stranger = matches!(sitting.holder, Holder::Stranger);
    let provider = provider.filter(|provider| is_stranger && covers(provider, asked)).ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidRequest, "nobody signs in there for what the wallet asks for")
    })?;
    let metadata = match discovery::metadata(app, issuer, &provider.issuer).await {
        Ok(metadata) => metadata,
        Err(why) => return Ok(Begun::NotYet(Box::new(sitting), why.tell(issuer, name, &provider.label))),
    };
    let Ok(mut location) = Url::parse(&metadata.authorization_endpoint) else {
        let why = NotSignedIn::Answer("configuration");
        return Ok(Begun::NotYet(Box::new(sitting), why.tell(issuer, name, &provider.label)));
    };
    let fresh = || hex::encode(random_bytes::<32>(app.random.as_ref()));
    let (state, nonce, code_verifier) = (fresh(), fresh(), fresh());
    location
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &callback_url(issuer, &provider.name))
        .append_pair("scope", &provider.scopes.join(" "))
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &code_challenge(&code_verifier))
        .append_pair("code_challenge_method", "S256");
    let detour = Detour {
        state: state.clone(),
        nonce,
        code_verifier,
        provider: provider.name,
        issuer: provider.issuer,
        client_id: provider.client_id,
        sitting,
    };
    let sealed = issuer.envelopes.seal(Envelope::Detour, &detour, app.random.as_ref());
    if sealed.len() > LONGEST_COOKIE {
        let problem = "The request of your wallet is too long to sign in elsewhere.".to_owned();
        return Ok(Begun::NotYet(Box::new(detour.sitting), problem));
    }
    Ok(Begun::Away { location: location.into(), state, sealed })
}

/// RFC 7636 §4.2.
fn code_challenge(verifier: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
}

/// By which a state is remembered once it was used.
pub(super) fn state_hash(state: &str) -> [u8; 32] {
    secret_hash("chancery/sign-in-state/v1", state.as_bytes())
}
