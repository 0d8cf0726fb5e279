//! The management API, as a client sees it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::arguments::Target;
use crate::dev_file::DevFile;
use crate::failure::{Failure, Problem};
use crate::http::{Answer, Http, HttpError, answer};

/// A plugin is sent, waits for a compiler and is compiled; the server gives up before.
const UPLOAD_WITHIN: Duration = Duration::from_mins(2);

/// One issuer's management API, and a key to it.
pub(crate) struct Management {
    http: Http,
    base: Url,
    token: Option<String>,
}

/// A successful answer: the text as it came, and what it says.
pub(crate) struct Reply {
    /// Exactly the body.
    pub(crate) text: String,
    /// The body, parsed; null if there is none.
    pub(crate) value: Value,
}

fn nothing_runs(target: &Target) -> Failure {
    Failure::Configuration {
        found: format!("no `chancery dev` is running in {}", target.data.display()),
        fix: "start `chancery dev`, point --data to its directory, or give --url and CHANCERY_TOKEN".into(),
    }
}

impl Management {
    /// Finds the API: what the flags say, else what a running `chancery dev` left.
    pub(crate) fn find(target: &Target) -> Result<Self, Failure> {
        let (base, token) = match (&target.url, &target.token) {
            (Some(url), Some(token)) => (url.clone(), token.clone()),
            (Some(_), None) => {
                return Err(Failure::Configuration {
                    found: "--url says which issuer, but there is no API key for it".into(),
                    fix: "set CHANCERY_TOKEN (or give --token)".into(),
                });
            }
            (None, token) => {
                let dev = DevFile::read(&target.data)?.ok_or_else(|| nothing_runs(target))?;
                let tenant = dev.tenant(target.tenant.as_deref())?;
                (tenant.management_url, token.clone().unwrap_or(tenant.token))
            }
        };
        Self::at(&base, Some(token))
    }

    /// An API where nobody is asked who they are.
    pub(crate) fn anonymous(base: &str) -> Result<Self, Failure> {
        Self::at(base, None)
    }

    fn at(base: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(
            || Failure::Usage {
                found: format!("{base:?} is not the address of a management API"),
                fix: "write e.g. https://issuer.example/api".into(),
            },
        )?;
        let http = Http::new().map_err(|error| Failure::Machine(std::io::Error::other(error)))?;
        Ok(Self { http, base, token })
    }

    /// Finds the platform-admin API in the same way.
    pub(crate) fn find_platform(target: &Target) -> Result<Self, Failure> {
        if target.url.is_some() {
            return Self::find(target);
        }
        let dev = DevFile::read(&target.data)?.ok_or_else(|| nothing_runs(target))?;
        let platform = dev.platform.ok_or_else(|| Failure::Configuration {
            found: "what runs there has one tenant and no platform to administer".into(),
            fix: "start `chancery dev --saas`, or give --url and CHANCERY_TOKEN".into(),
        })?;
        let token = target.token.clone().unwrap_or(platform.token);
        let target = Target { url: Some(platform.management_url), token: Some(token), ..target.clone() };
        Self::find(&target)
    }

    /// Whether somebody operates a platform there; a self-hosted issuer operates itself.
    pub(crate) fn has_platform(target: &Target) -> Result<bool, Failure> {
        if target.url.is_some() {
            return Ok(true);
        }
        Ok(DevFile::read(&target.data)?.ok_or_else(|| nothing_runs(target))?.platform.is_some())
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Reply, Failure> {
        self.call(Method::GET, path, query, None).await
    }

    /// Makes or changes something.
    pub(crate) async fn post(&self, path: &[&str], body: Option<&Value>) -> Result<Reply, Failure> {
        self.call(Method::POST, path, &[], body).await
    }

    /// Puts something in the place of what is there.
    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Reply, Failure> {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    /// Changes some of what is there, whatever version it has.
    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Reply, Failure> {
        let url = self.address(path);
        let mut request = self.http.request(Method::PATCH, &url)?.json(body);
        request = request.header(reqwest::header::IF_MATCH, "*");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        reply(&answer(&url, request).await?)
    }

    /// Uploads a file.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        body: Vec<u8>,
        signature: Option<&str>,
    ) -> Result<Reply, Failure> {
        let url = self.address(path);
        let mut request = self.http.request(Method::POST, &url)?.body(body);
        request = request.header(reqwest::header::CONTENT_TYPE, "application/wasm").timeout(UPLOAD_WITHIN);
        if let Some(signature) = signature {
            request = request.header("plugin-signature", signature);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        reply(&answer(&url, request).await?)
    }

    /// Withdraws something.
    pub(crate) async fn delete(&self, path: &[&str], query: &[(&str, String)]) -> Result<Reply, Failure> {
        self.call(Method::DELETE, path, query, None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let url = self.address(path);
        let mut request = self.http.request(method, &url)?.query(query);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        reply(&answer(&url, request).await?)
    }

    /// The address of a resource; an id cannot leave its place in the path.
    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

fn reply(answer: &Answer) -> Result<Reply, Failure> {
    let strange = |found: String| {
        Failure::Http(HttpError::Strange {
            url: answer.url.to_string(),
            status: answer.status.as_u16(),
            found,
        })
    };
    if !answer.status.is_success() {
        let problem = (answer.media_type() == "application/problem+json")
            .then(|| serde_json::from_slice::<Problem>(&answer.body).ok())
            .flatten();
        return Err(problem.map_or_else(|| strange(answer.excerpt()), |p| Failure::Refused(Box::new(p))));
    }
    if answer.body.is_empty() {
        return Ok(Reply { text: String::new(), value: Value::Null });
    }
    let value = serde_json::from_slice(&answer.body).map_err(|_| strange(answer.excerpt()))?;
    let text = String::from_utf8(answer.body.clone()).map_err(|_| strange(answer.excerpt()))?;
    Ok(Reply { text, value })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn target(url: Option<&str>, token: Option<&str>) -> Target {
        Target {
            url: url.map(Into::into),
            token: token.map(Into::into),
            data: PathBuf::from("a-directory-that-is-not-there"),
            tenant: None,
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        let api = Management::find(&target(Some("https://h/acme/api/"), Some("t"))).unwrap();
        assert_eq!(api.address(&["offers", "../x?y#z"]).as_str(), "https://h/acme/api/offers/..%2Fx%3Fy%23z");
    }

    #[test]
    fn without_flags_and_without_dev_the_fix_is_named() {
        let failure = Management::find(&target(None, None)).err().unwrap();
        assert_eq!(failure.exit_code(), 4);
        assert!(failure.to_string().contains("a-directory-that-is-not-there"));
    }

    #[test]
    fn the_key_of_a_development_server_is_never_sent_elsewhere() {
        let failure = Management::find(&target(Some("https://elsewhere.example/api"), None)).err().unwrap();
        assert_eq!(failure.exit_code(), 4);
    }

    #[test]
    fn an_address_that_is_none_is_wrong_usage() {
        let failure = Management::find(&target(Some("issuer.example"), Some("t"))).err().unwrap();
        assert_eq!(failure.exit_code(), 2);
    }
}
