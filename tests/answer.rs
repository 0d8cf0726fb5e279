//! What came back, and what may be said of it.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends a request and reads the answer.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request that can be sent");
        let asked = format!("{} {}", request.method(), request.url());
        let response =
            client.execute(request).await.unwrap_or_else(|error| panic!("{asked}: no answer: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{asked}: half an answer: {error}"));
        Self { asked, status, headers, body: body.into() }
    }

    /// A header that came exactly once, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "{}: {name} came twice", self.asked);
        Some(first.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Success with JSON that is meant for one reader.
    #[track_caller]
    pub fn granted(self) -> Value {
        assert_eq!(self.status, 200, "{self}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
        assert!(self.header("date").is_some(), "{self}");
        self.json()
    }

    /// A refusal in the protocol's own shape (RFC 6749 §5.2, OpenID4VCI §8.3.1), and nothing beside it.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let body = self.json();
        assert_eq!((self.status, body["error"].as_str()), (status, Some(code)), "{self}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        self.is_guarded();
        for (name, value) in body.as_object().unwrap() {
            assert!(["error", "error_description", "error_uri"].contains(&name.as_str()), "{self}");
            let text = value.as_str().unwrap();
            // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
            assert!(text.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'), "{self}");
        }
        if status == 401 {
            assert!(self.header("www-authenticate").is_some(), "RFC 9110 §11.6.1: {self}");
        }
        self
    }

    /// A refusal at a protected resource: the challenge says the same (RFC 6750 §3, RFC 9449 §7.1).
    #[track_caller]
    pub fn challenged(self, status: u16, scheme: &str, code: &str) -> Self {
        let refused = self.refused(status, code);
        let challenge = refused.header("www-authenticate").unwrap_or_default().to_owned();
        assert!(challenge.contains(&format!("{scheme} error=\"{code}\"")), "{challenge}");
        refused
    }

    /// A problem document (RFC 9457) with this stable code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{self}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        assert_eq!(body["status"], status, "{self}");
        assert!(text(&body["type"]).ends_with(&format!("/api/errors/{code}")), "{self}");
        for member in ["title", "fix"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{self}");
        }
        for member in body.as_object().unwrap().keys() {
            let known = ["type", "title", "status", "code", "detail", "fix", "errors"];
            assert!(known.contains(&member.as_str()), "{self}");
        }
        if status == 401 {
            assert!(
                self.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")),
                "{self}"
            );
        }
        self.is_guarded();
        body
    }

    /// The wrong parts of a request that a problem names: pointers, sorted.
    #[track_caller]
    pub fn wrong_parts(self) -> Vec<String> {
        let problem = self.problem(422, "invalid");
        let mut pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
        for error in problem["errors"].as_array().unwrap() {
            assert!(!text(&error["code"]).is_empty() && !text(&error["message"]).is_empty(), "{error}");
        }
        pointers.sort();
        pointers
    }

    /// Not kept by caches, not sniffed, no cookie.
    #[track_caller]
    fn is_guarded(&self) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self}");
        assert!(self.header("date").is_some(), "{self}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self}");
        assert!(self.header("set-cookie").is_none(), "{self}");
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(600).collect();
        write!(f, "{} → {} {:?}\n{body}", self.asked, self.status, self.headers)
    }
}

/// A JSON string.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a string should be here, not {value}")).to_owned()
}
