//! A person in front of a browser: reads the issuer's pages and presses their buttons.

use std::collections::BTreeMap;

use reqwest::Method;
use url::Url;

use super::wallet::REDIRECT;
use crate::{Acme, Answer};

/// A holder.
#[derive(Clone)]
pub struct Holder {
    acme: Acme,
}

impl Holder {
    pub(super) fn new(acme: Acme) -> Self {
        Self { acme }
    }

    /// Opens the page of a pushed request.
    pub async fn open(&self, request_uri: &str) -> Answer {
        self.visit(&[("client_id", "wallet"), ("request_uri", request_uri)]).await
    }

    /// Opens the authorization endpoint with these parameters.
    pub async fn visit(&self, query: &[(&str, &str)]) -> Answer {
        let request = self.acme.http.request(Method::GET, self.acme.at("/authorize")).query(query);
        is_a_page(Answer::to(request).await)
    }

    /// Shows the link that the issuer sent.
    pub async fn sign_in(&self, page: &Answer, link: &str) -> Answer {
        self.send("/authorize/sign-in", page, &[("link", link)]).await
    }

    /// Enters a transaction code.
    pub async fn enter(&self, page: &Answer, tx_code: &str) -> Answer {
        self.send("/authorize/sign-in", page, &[("tx_code", tx_code)]).await
    }

    /// Is the demo holder.
    pub async fn demonstrate(&self, page: &Answer, entered: &[(&str, &str)]) -> Answer {
        self.send("/authorize/demo-holder", page, entered).await
    }

    /// Consents: what the wallet is told.
    pub async fn consent(&self, page: &Answer) -> BTreeMap<String, String> {
        redirected(&self.decide(page, "consent").await)
    }

    /// Refuses: what the wallet is told.
    pub async fn refuse(&self, page: &Answer) -> BTreeMap<String, String> {
        redirected(&self.decide(page, "refuse").await)
    }

    /// Presses a button.
    pub async fn decide(&self, page: &Answer, decision: &str) -> Answer {
        self.send("/authorize/decision", page, &[("decision", decision)]).await
    }

    /// Follows the link of a page to a provider.
    pub async fn leave(&self, page: &Answer, provider: &str) -> Answer {
        let query = [("page", carried(page)), ("provider", provider.to_owned())];
        let request = self.acme.http.request(Method::GET, self.acme.at("/authorize/provider"));
        Answer::to(request.query(&query)).await
    }

    /// Comes back from a provider, with what it gave the browser and with the cookies that the browser has.
    pub async fn come_back(
        &self,
        provider: &str,
        brought: &BTreeMap<String, String>,
        cookies: &[String],
    ) -> Answer {
        let path = format!("/authorize/callback/{provider}");
        let request = self.acme.http.request(Method::GET, self.acme.at(&path)).query(brought);
        Answer::to(request.header("cookie", cookies.join("; "))).await
    }

    /// Sends a form of a page.
    pub async fn send(&self, path: &str, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let sealed = carried(page);
        let mut form = vec![("page", sealed.as_str())];
        form.extend(fields);
        let answer = Answer::to(self.acme.http.post(self.acme.at(path)).form(&form)).await;
        if answer.status == 303 { answer } else { is_a_page(answer) }
    }
}

/// Where a browser is sent to sign in, and the cookie that it keeps.
#[track_caller]
pub fn sent_away(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 303, "{answer}");
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-"), "{cookie}");
    assert_eq!(attributes, "Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
    (answer.header("location").unwrap().to_owned(), pair.to_owned())
}

/// What a page carries for the next one.
#[track_caller]
pub fn carried(page: &Answer) -> String {
    let marker = "name=\"page\" value=\"";
    let (_, rest) = page.text().split_once(marker).unwrap_or_else(|| panic!("a page with forms: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// No page is cached, framed, or runs a script, and none sets a cookie.
#[track_caller]
pub fn is_a_page(answer: Answer) -> Answer {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{answer}");
    assert!(answer.header("set-cookie").is_none(), "{answer}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert!(!answer.text().contains("<script"), "{answer}");
    answer
}

/// What a wallet reads from the redirect: to itself, with everything it had there, nothing twice.
#[track_caller]
pub fn redirected(answer: &Answer) -> BTreeMap<String, String> {
    redirected_to(REDIRECT, answer)
}

/// The same of a wallet that is found elsewhere, at an address with a query.
#[track_caller]
pub fn redirected_to(redirect_uri: &str, answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{answer}");
    let location = answer.header("location").unwrap();
    let rest = location.strip_prefix(redirect_uri).unwrap_or_else(|| panic!("{location}"));
    assert!(rest.starts_with('&'), "the parameters are appended: {location}");
    let mut told = BTreeMap::new();
    for (name, value) in Url::parse(location).unwrap().query_pairs().into_owned() {
        assert!(told.insert(name, value).is_none(), "{location}");
    }
    told
}
