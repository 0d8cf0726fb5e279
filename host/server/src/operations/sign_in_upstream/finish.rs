//! The browser is back from the provider, with a code or without.

use bytes::Bytes;
use chancery_credential::Envelope;
use chancery_credential::id_token::{IdTokenExpectations, InvalidIdToken, verify_id_token};
use chancery_credential::keys::Shared;
use chancery_domain::RequestId;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::json::from_slice_strict;
use chancery_store::{HolderProvider, Seen};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::begin::state_hash;
use super::discovery::{self, Metadata};
use super::subject::{circumstances, credentials};
use super::{Detour, NotSignedIn, callback_url, covers, sealed_for};
use crate::app::App;
use crate::authorization::Sitting;
use crate::egress::{Outbound, Reason, basic, bearer};
use crate::issuer::Issuer;
use crate::operations::offer_to_holder::{Introduced, offer_to_holder};
use crate::refusal::Refusal;

/// What a token or userinfo answer may weigh, in bytes.
const LARGEST: usize = 64 * 1024;
/// How long a sign-in is remembered beyond its end.
const MEMORY: time::Duration = time::Duration::minutes(1);

/// What the browser brings back.
pub(crate) struct Returning {
    /// The provider whose address was called.
    pub(crate) provider: String,
    pub(crate) state: String,
    /// The cookie that is named after the state.
    pub(crate) sealed: String,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    /// RFC 9207.
    pub(crate) iss: Option<String>,
}

/// What became of it.
pub(crate) type Returned = Introduced;

/// Finishes a sign-in, once.
pub(crate) async fn finish(
    app: &App,
    issuer: &Issuer,
    request: RequestId,
    returning: Returning,
) -> Result<Returned, Refusal> {
    let invalid = |description: &str| Refusal::new(ErrorCode::InvalidRequest, description);
    let detour: Option<Detour> = issuer.envelopes.open(Envelope::Detour, &returning.sealed);
    let detour = detour
        .filter(|detour| detour.state == returning.state && detour.provider == returning.provider)
        .ok_or_else(|| invalid("this sign-in was not begun in this browser"))?;
    let ends = detour.sitting.expires_at;
    if app.now() >= ends {
        return Err(invalid("the sign-in took too long, start again in the wallet"));
    }
    let mut tx = app.tenant(issuer).await?;
    let is_first = tx.remember(Seen::SignIn, &state_hash(&detour.state), ends + MEMORY).await?;
    let provider = tx.provider(&detour.provider).await?;
    tx.commit().await?;
    if !is_first {
        return Err(invalid("this sign-in was finished before"));
    }
    let asked = &detour.sitting.authorization.asked.configuration_ids;
    let same = provider.filter(|provider| {
        provider.issuer == detour.issuer && provider.client_id == detour.client_id && covers(provider, asked)
    });
    let Some(provider) = same else {
        let problem = NotSignedIn::Changed.tell(issuer, &detour.provider, &detour.provider);
        return Ok(Introduced::NotYet(detour.sitting, vec![problem]));
    };
    match said(app, issuer, &provider, &detour, &returning).await {
        Ok(claims) => introduce(app, issuer, request, &provider, detour.sitting, &claims).await,
        Err(why) => {
            let problem = why.tell(issuer, &provider.name, &provider.label);
            Ok(Introduced::NotYet(detour.sitting, vec![problem]))
        }
    }
}

/// Offers what the templates make of the claims, or says why they do not.
async fn introduce(
    app: &App,
    issuer: &Issuer,
    request: RequestId,
    provider: &HolderProvider,
    sitting: Sitting,
    claims: &Map<String, Value>,
) -> Result<Returned, Refusal> {
    let credentials = credentials(issuer, &sitting.authorization.asked.configuration_ids, provider, claims);
    let introduced =
        offer_to_holder(app, issuer, request, sitting, (credentials, &circumstances(claims))).await?;
    Ok(match introduced {
        Introduced::NotYet(sitting, mut problems) => {
            tracing::warn!(
                tenant = %issuer.tenant(), provider = %provider.name, problems = problems.len(),
                "what a provider says of a holder is not enough for the template"
            );
            problems.insert(0, format!("What {} says of you is not enough:", provider.label));
            Introduced::NotYet(sitting, problems)
        }
        yes @ Introduced::Yes(_) => yes,
    })
}

/// What the provider says of the person who signed in. No transaction is open meanwhile.
async fn said(
    app: &App,
    issuer: &Issuer,
    provider: &HolderProvider,
    detour: &Detour,
    returning: &Returning,
) -> Result<Map<String, Value>, NotSignedIn> {
    let metadata = discovery::metadata(app, issuer, &provider.issuer).await?;
    // Before anything of the answer is believed or sent on (RFC 9207 §2.4).
    match &returning.iss {
        Some(iss) if *iss != provider.issuer => return Err(NotSignedIn::MixedUp),
        None if metadata.authorization_response_iss_parameter_supported => return Err(NotSignedIn::MixedUp),
        _ => {}
    }
    if let Some(error) = &returning.error {
        return Err(NotSignedIn::Error(error_word(error)));
    }
    let code = returning.code.as_deref().ok_or(NotSignedIn::Answer("authorization endpoint"))?;
    let tokens = exchange(app, issuer, provider, &metadata, detour, code).await?;
    let expected = IdTokenExpectations {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        nonce: &detour.nonce,
        now: app.now(),
    };
    let keys = discovery::keys(app, issuer, &metadata, false).await?;
    let mut claims = match verify_id_token(&tokens.id_token, &keys, &expected) {
        Err(InvalidIdToken::UnknownKey) => {
            let keys = discovery::keys(app, issuer, &metadata, true).await?;
            verify_id_token(&tokens.id_token, &keys, &expected)?
        }
        verified => verified?,
    };
    if provider.userinfo {
        let more = userinfo(app, issuer, &metadata, &tokens).await?;
        // §5.3.2: tokens are swapped otherwise.
        if more.get("sub") != claims.get("sub") {
            return Err(NotSignedIn::Answer("userinfo endpoint"));
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
    }
    Ok(claims)
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: Option<String>,
}

/// Exchanges the code (OpenID Connect Core §3.1.3).
async fn exchange(
    app: &App,
    issuer: &Issuer,
    provider: &HolderProvider,
    metadata: &Metadata,
    detour: &Detour,
    code: &str,
) -> Result<Tokens, NotSignedIn> {
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        (header::ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let secret = provider.sealed_secret.as_ref().map(|sealed| {
        let opened = issuer.keys.open_shared(Shared::Provider, &sealed_for(provider), sealed);
        opened.ok().and_then(|secret| String::from_utf8(secret.to_vec()).ok()).ok_or(NotSignedIn::Sealed)
    });
    let redirect_uri = callback_url(issuer, &provider.name);
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &redirect_uri),
        ("code_verifier", &detour.code_verifier),
    ];
    let secret = secret.transpose()?;
    match &secret {
        None => form.push(("client_id", &provider.client_id)),
        Some(secret) if metadata.wants_secret_in_form() => {
            form.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret)]);
        }
        Some(secret) => headers.extend(basic(&provider.client_id, secret)),
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Outbound {
        reason: Reason::Provider,
        tenant: issuer.tenant(),
        method: Method::POST,
        url: &metadata.token_endpoint,
        headers,
        body: Bytes::from(body),
        most: LARGEST,
    };
    let answer = app.egress.send(request).await?;
    if answer.status != StatusCode::OK {
        return Err(NotSignedIn::Status("token endpoint", answer.status));
    }
    from_slice_strict(&answer.body).map_err(|_| NotSignedIn::Answer("token endpoint"))
}

/// Asks the userinfo endpoint (OpenID Connect Core §5.3).
async fn userinfo(
    app: &App,
    issuer: &Issuer,
    metadata: &Metadata,
    tokens: &Tokens,
) -> Result<Map<String, Value>, NotSignedIn> {
    const WHERE: &str = "userinfo endpoint";
    let url = metadata.userinfo_endpoint.as_deref().ok_or(NotSignedIn::Answer("configuration"))?;
    let token =
        tokens.access_token.as_deref().and_then(bearer).ok_or(NotSignedIn::Answer("token endpoint"))?;
    let accept = (header::ACCEPT, HeaderValue::from_static("application/json"));
    let request = Outbound {
        reason: Reason::Provider,
        tenant: issuer.tenant(),
        method: Method::GET,
        url,
        headers: HeaderMap::from_iter([accept, token]),
        body: Bytes::new(),
        most: LARGEST,
    };
    let answer = app.egress.send(request).await?;
    if answer.status != StatusCode::OK {
        return Err(NotSignedIn::Status(WHERE, answer.status));
    }
    from_slice_strict(&answer.body).map_err(|_| NotSignedIn::Answer(WHERE))
}

/// An error code, as far as it is one (RFC 6749 §4.1.2.1): it came by way of the browser.
fn error_word(error: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_code = error.len() <= 64 && error.bytes().all(is_word);
    if is_code { error.to_owned() } else { "something that is no error code".to_owned() }
}
