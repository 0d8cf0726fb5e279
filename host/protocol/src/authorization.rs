//! The authorization request and its answer (RFC 6749 §4.1, RFC 7636, RFC 9126, OpenID4VCI §5).

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::ErrorCode;
use crate::json::from_slice_strict;
use crate::token::AuthorizationDetail;

/// The grant by which a wallet exchanges what the holder consented to (RFC 6749 §4.1.3).
pub const CODE_GRANT: &str = "authorization_code";

/// How a `request_uri` begins that this server made (RFC 9126 §2.2).
pub const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";

/// No parameter needs more characters.
const LONGEST_PARAMETER: usize = 2_000;

/// What a wallet asks a holder to consent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// Comes back with the answer.
    pub state: Option<String>,
    /// SHA-256 of the verifier that the token request will bring, base64url (RFC 7636 §4.2).
    pub code_challenge: String,
    /// The words of `scope`.
    pub scope: Vec<String>,
    /// RFC 9396, OpenID4VCI §5.1.1.
    pub authorization_details: Option<Vec<AuthorizationDetail>>,
    /// From the offer (OpenID4VCI §5.1.3), or from anybody.
    pub issuer_state: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAuthorizationRequest {
    /// For the client's program.
    pub code: ErrorCode,
    /// For its author.
    pub description: String,
}

fn invalid(description: impl Into<String>) -> InvalidAuthorizationRequest {
    InvalidAuthorizationRequest { code: ErrorCode::InvalidRequest, description: description.into() }
}

impl AuthorizationRequest {
    /// Reads a request from its parameters. Unknown ones are never looked at.
    pub fn read(
        mut parameter: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, InvalidAuthorizationRequest> {
        let mut bounded = |name: &str| match parameter(name) {
            Some(value) if value.chars().count() > LONGEST_PARAMETER => {
                Err(invalid(format!("{name} is longer than {LONGEST_PARAMETER} characters")))
            }
            value => Ok(value),
        };
        let missing = |name: &'static str| move || invalid(format!("{name} is missing"));
        // RFC 9101 §6.3; an unsigned copy of its parameters must not count in its place.
        if bounded("request")?.is_some() {
            return Err(invalid("request objects are not supported, send the parameters themselves"));
        }
        let client_id = bounded("client_id")?.ok_or_else(missing("client_id"))?;
        if !client_id.chars().all(|c| matches!(c, ' '..='~')) {
            return Err(invalid("client_id must be printable ASCII"));
        }
        let redirect_uri = bounded("redirect_uri")?.ok_or_else(missing("redirect_uri"))?;
        let redirect_uri = RedirectUri::parse(&redirect_uri).ok_or_else(|| {
            invalid("redirect_uri must be https, http to a loopback address, or a private-use scheme")
        })?;
        let response_type = bounded("response_type")?.ok_or_else(missing("response_type"))?;
        if response_type != "code" {
            let description = "the only response_type is code".to_owned();
            return Err(InvalidAuthorizationRequest {
                code: ErrorCode::UnsupportedResponseType,
                description,
            });
        }
        if bounded("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(invalid("the only response_mode is query"));
        }
        let code_challenge = bounded("code_challenge")?.ok_or_else(missing("code_challenge"))?;
        // Left out, the method would be `plain` (RFC 7636 §4.3), which hides nothing.
        if bounded("code_challenge_method")?.as_deref() != Some("S256") {
            return Err(invalid("code_challenge_method must be S256"));
        }
        if !is_digest(&code_challenge) {
            return Err(invalid("code_challenge must be a SHA-256 digest, base64url without padding"));
        }
        let dpop_jkt = bounded("dpop_jkt")?;
        if dpop_jkt.as_deref().is_some_and(|thumbprint| !is_digest(thumbprint)) {
            return Err(invalid("dpop_jkt must be a SHA-256 thumbprint, base64url without padding"));
        }
        let details = bounded("authorization_details")?.map(|text| {
            from_slice_strict(text.as_bytes()).map_err(|_| InvalidAuthorizationRequest {
                code: ErrorCode::InvalidAuthorizationDetails,
                description: "authorization_details is not an array of details".to_owned(),
            })
        });
        let scope = bounded("scope")?.unwrap_or_default();
        Ok(Self {
            client_id,
            redirect_uri,
            state: bounded("state")?,
            code_challenge,
            scope: scope.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            authorization_details: details.transpose()?,
            issuer_state: bounded("issuer_state")?,
            dpop_jkt,
        })
    }
}

/// Whether it is the base64url form of 32 bytes.
fn is_digest(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Where a wallet wants the answer: compared byte for byte, never normalised.
///
/// Wallets are not registered, so what is accepted is a kind of place: `https`, `http` on a loopback
/// address (RFC 8252 §7.3), or a scheme that an app may have claimed for itself (§7.1), which the
/// schemes that browsers act upon (`javascript`, `data`, `blob`, …) never look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Reads a redirect URI.
    pub fn parse(text: &str) -> Option<Self> {
        // The parser forgives what browsers forgive, and each forgives something else.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['\\', '#']) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let (scheme, rest) = text.split_once("://")?;
        if scheme != url.scheme() || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        // Whoever reads the authority out of a policy or a page must find nothing but an authority.
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)) {
            return None;
        }
        let fits = match scheme {
            "https" => url.host().is_some() && !rest.starts_with('/'),
            "http" => match url.host() {
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                _ => false,
            },
            private => private.contains(['.', '-']) && !private.ends_with("-extension"),
        };
        fits.then(|| Self(text.to_owned()))
    }

    /// As it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a person may recognise, and what a policy for forms may name: the origin, or the scheme.
    pub fn destination(&self) -> String {
        match Url::parse(&self.0) {
            Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => String::new(),
        }
    }

    /// With parameters behind those that it has (RFC 6749 §3.1.2).
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let separator = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.0)
    }
}

/// The answer to a pushed request (RFC 9126 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedAuthorizationResponse {
    /// Stands for the request at the authorization endpoint.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u32,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parameters() -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("client_id", "wallet".to_owned()),
            ("redirect_uri", "https://wallet.example/cb?a=b".to_owned()),
            ("response_type", "code".to_owned()),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
            ("code_challenge_method", "S256".to_owned()),
            ("scope", "badge openid".to_owned()),
        ])
    }

    fn read(
        parameters: &BTreeMap<&'static str, String>,
    ) -> Result<AuthorizationRequest, InvalidAuthorizationRequest> {
        AuthorizationRequest::read(|name| parameters.get(name).cloned())
    }

    #[test]
    fn a_request_is_read() {
        let request = read(&parameters()).unwrap();
        assert_eq!(request.scope, ["badge", "openid"]);
        let answer = request.redirect_uri.with(&[("code", "a b"), ("iss", "https://h")]);
        assert_eq!(answer, "https://wallet.example/cb?a=b&code=a+b&iss=https%3A%2F%2Fh");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (name, value, code) in [
            ("client_id", "", ErrorCode::InvalidRequest),
            ("client_id", "a\u{7f}", ErrorCode::InvalidRequest),
            ("redirect_uri", "", ErrorCode::InvalidRequest),
            ("response_type", "", ErrorCode::InvalidRequest),
            ("response_type", "token", ErrorCode::UnsupportedResponseType),
            ("response_type", "code id_token", ErrorCode::UnsupportedResponseType),
            ("response_mode", "fragment", ErrorCode::InvalidRequest),
            ("code_challenge", "", ErrorCode::InvalidRequest),
            ("code_challenge", "short", ErrorCode::InvalidRequest),
            ("code_challenge_method", "", ErrorCode::InvalidRequest),
            ("code_challenge_method", "plain", ErrorCode::InvalidRequest),
            ("request", "ey…", ErrorCode::InvalidRequest),
            ("dpop_jkt", "x", ErrorCode::InvalidRequest),
            ("authorization_details", "{}", ErrorCode::InvalidAuthorizationDetails),
        ] {
            let mut parameters = parameters();
            if value.is_empty() {
                parameters.remove(name)
            } else {
                parameters.insert(name, value.to_owned())
            };
            assert_eq!(read(&parameters).unwrap_err().code, code, "{name}={value}");
        }
    }

    #[test]
    fn an_answer_goes_where_a_wallet_can_be() {
        for good in [
            "https://wallet.example/cb",
            "https://wallet.example:8443/cb?x=1",
            "http://127.0.0.1:49152/cb",
            "http://[::1]/cb",
            "org.example.wallet://cb",
            "eudi-openid4ci://authorize",
            "openid-credential-offer://",
        ] {
            assert_eq!(RedirectUri::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "wallet",
            "/cb",
            "http://wallet.example/cb",
            "http://localhost/cb",
            "http://127.0.0.1.evil.example/cb",
            "https://user@wallet.example/cb",
            "https://user:pass@wallet.example/cb",
            "https://wallet.example;style-src",
            "https:///wallet.example",
            "https:wallet.example",
            "https:\\\\wallet.example",
            "https://wallet.example/cb#here",
            "https://wallet.example/\r\nx",
            "https://wallet.example/a b",
            "HTTPS://wallet.example/cb",
            "javascript://x/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://wallet.example/1",
            "chrome-extension://x/y",
            "ftp://wallet.example",
            "https://\u{e9}.example",
        ] {
            assert_eq!(RedirectUri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_destination_is_an_origin_or_a_scheme() {
        let destination = |text| RedirectUri::parse(text).unwrap().destination();
        assert_eq!(destination("https://wallet.example/cb?x=1"), "https://wallet.example");
        assert_eq!(destination("http://127.0.0.1:49152/cb"), "http://127.0.0.1:49152");
        assert_eq!(destination("org.example.wallet://cb"), "org.example.wallet:");
    }
}
