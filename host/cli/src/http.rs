//! One HTTP request and its bounded answer. There are no redirects: a security
//! protocol that follows them asks somebody else than it meant to.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, StatusCode};
use url::Url;

/// More than any answer that we ask for.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// The answer is larger than anything that belongs here.
    #[error("{url} answered more than {MAX_BODY} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
    },
    /// An answer, but none that this API gives.
    #[error("{url} answered {status}, but not as Chancery would: {found}")]
    Strange {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What came.
        found: String,
    },
}

impl HttpError {
    /// What the caller can do about it.
    pub(crate) fn fix(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => Some("is the server running, and is the address right?".into()),
            Self::Strange { .. } => Some("check that the address is that of the management API".into()),
            Self::TooLarge { .. } => None,
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, if it is text and there is exactly one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The media type, lower-case, without parameters.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The first characters of the body, for an error message.
    pub(crate) fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let excerpt: String = text.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect();
        match excerpt.trim() {
            "" => "an empty body".into(),
            excerpt => format!("`{excerpt}`"),
        }
    }
}

/// Connections, kept open between requests.
#[derive(Debug)]
pub(crate) struct Http {
    /// For `http:`: no certificates to load, and no proxy, which could not reach this machine.
    plain: Client,
    /// For `https:`; made when first needed, because it loads the machine's certificates.
    secure: OnceLock<Client>,
}

impl Http {
    /// No connection is made yet.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { plain: builder().no_proxy().tls_certs_only([]).build()?, secure: OnceLock::new() })
    }

    /// Begins a request.
    pub(crate) fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, HttpError> {
        let client = if url.scheme() == "http" { &self.plain } else { self.secure(url)? };
        Ok(client.request(method, url.clone()))
    }

    fn secure(&self, url: &Url) -> Result<&Client, HttpError> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let client = builder().https_only(true).build().map_err(|error| unreachable(url, &error))?;
        Ok(self.secure.get_or_init(|| client))
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
}

/// Sends a request and reads the answer, but no more than we would ever want.
pub(crate) async fn answer(url: &Url, request: RequestBuilder) -> Result<Answer, HttpError> {
    let mut response = request.send().await.map_err(|error| unreachable(url, &error))?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(HttpError::TooLarge { url: url.to_string() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { url: url.clone(), status: response.status(), headers: response.headers().clone(), body })
}

/// The innermost cause is the one that helps ("connection refused").
fn unreachable(url: &Url, error: &reqwest::Error) -> HttpError {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    HttpError::Unreachable { url: url.to_string(), cause: cause.to_string() }
}
