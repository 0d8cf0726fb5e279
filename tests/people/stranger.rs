//! Somebody with no key and no token.

use reqwest::Method;

use crate::{Acme, Answer};

/// Somebody with no key and no token.
pub struct Stranger(Acme);

impl Stranger {
    pub(super) fn new(acme: Acme) -> Self {
        Self(acme)
    }

    /// Asks for a path, with an empty body.
    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        Answer::to(self.request(method, path)).await
    }

    /// Reads a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    /// A request to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.0.http.request(method, self.0.at(path))
    }
}
