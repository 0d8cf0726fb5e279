//! The authorization code flow, without a browser: the wallet pushes its request, answers the issuer's pages in the
//! holder's place, and exchanges the code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_domain::random_bytes;
use chancery_protocol::authorization::{CODE_GRANT, PushedAuthorizationResponse};
use chancery_protocol::json::from_slice_strict;
use chancery_protocol::offer::CredentialOffer;
use reqwest::Method;
use reqwest::header::{ACCEPT, LOCATION};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::dpop::DpopKey;
use super::failure::{ClaimError, Problem, Step};
use super::grant::{Grant, details_of};
use super::issuer::Issuer;
use super::page::{PageForm, forms};
use super::{Wallet, link, not_stored, refusal};
use crate::http::Answer;

/// Who this wallet says it is: nobody registered it.
pub(super) const CLIENT: &str = "chancery-wallet";
/// Where answers would go if there were a browser.
const REDIRECT: &str = "chancery-wallet://authorized";
const STEP: Step = Step::Authorization;
/// More pages than any of ours takes.
const MOST_PAGES: usize = 5;

/// What the holder has to say for themselves.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// The transaction code.
    pub tx_code: Option<String>,
    /// The link that the issuer sent.
    pub link: Option<String>,
    /// What the demo holder says of themselves, for each credential.
    pub subject: Option<Value>,
}

/// What ties the answer to the request.
struct Pending {
    state: String,
    verifier: String,
}

impl Wallet {
    /// Gets a token by the holder's consent.
    pub async fn authorize(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        sign_in: &SignIn,
    ) -> Result<Grant, ClaimError> {
        let secret = || URL_SAFE_NO_PAD.encode(random_bytes::<32>(self.random.as_ref()));
        let pending = Pending { state: secret(), verifier: secret() };
        let mut dpop = self.dpop_key(issuer)?;
        let request_uri = self.push(issuer, offer, &pending, dpop.as_mut()).await?;
        let page = self.open_page(issuer, &request_uri).await?;
        let location = self.answer_pages(page, sign_in).await?;
        let code = read_answer(issuer, &pending, &location)?;
        let form = [
            ("grant_type", CODE_GRANT.to_owned()),
            ("code", code),
            ("client_id", self.client_id().to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", pending.verifier),
        ];
        self.redeem_with(issuer, offer, &form, dpop).await
    }

    /// Pushes the request (RFC 9126 §2).
    async fn push(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        pending: &Pending,
        dpop: Option<&mut DpopKey>,
    ) -> Result<String, ClaimError> {
        let mut form = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id().to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("state", pending.state.clone()),
            ("code_challenge", URL_SAFE_NO_PAD.encode(Sha256::digest(&pending.verifier))),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if self.settings.authorization_details {
            form.push(("authorization_details", details_of(offer)));
        } else {
            form.push(("scope", scopes_of(issuer, offer)?));
        }
        let grant = offer.grants.as_ref().and_then(|grants| grants.authorization_code.as_ref());
        if let Some(issuer_state) = grant.and_then(|grant| grant.issuer_state.clone()) {
            form.push(("issuer_state", issuer_state));
        }
        let endpoint = issuer.server().pushed_authorization_request_endpoint.as_deref().unwrap_or_default();
        let url = link::endpoint(STEP, endpoint)?;
        let answer = self.ask_server(STEP, (issuer.server(), &url), &form, dpop).await?;
        if answer.status != 201 {
            return Err(refusal(STEP, &answer, "201 with a request_uri"));
        }
        not_stored(STEP, &answer)?;
        let pushed: PushedAuthorizationResponse = from_slice_strict(&answer.body)
            .map_err(|error| STEP.unexpected(format_args!("a request_uri from {url}"), error))?;
        STEP.expect(pushed.expires_in > 0, "expires_in above 0", pushed.expires_in)?;
        Ok(pushed.request_uri)
    }

    /// Opens the authorization endpoint as a browser would.
    async fn open_page(&self, issuer: &Issuer, request_uri: &str) -> Result<Answer, ClaimError> {
        let endpoint = issuer.server().authorization_endpoint.as_deref().unwrap_or_default();
        let mut url = link::endpoint(STEP, endpoint)?;
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id())
            .append_pair("request_uri", request_uri);
        self.fetch(STEP, &url, "text/html").await
    }

    /// Answers page after page until the issuer sends the browser away.
    async fn answer_pages(&self, first: Answer, sign_in: &SignIn) -> Result<Url, ClaimError> {
        let mut page = first;
        for _ in 0..MOST_PAGES {
            if let Some(location) = page.header(LOCATION.as_str()).filter(|_| page.status == 303) {
                return Url::parse(location)
                    .map_err(|_| STEP.unexpected("a redirect to the wallet", location));
            }
            STEP.expect(
                page.status == 200 && page.media_type() == "text/html",
                format_args!("a page from {}", page.url),
                format_args!("{} with {}", page.status.as_u16(), told(&page)),
            )?;
            let (action, filled) = fill_in(&String::from_utf8_lossy(&page.body), sign_in)?;
            let url = link::endpoint(STEP, &action)?;
            let request = self.http.request(Method::POST, &url).map_err(STEP.of_http())?;
            page = self.send(STEP, &url, request.header(ACCEPT, "text/html").form(&filled)).await?;
        }
        Err(STEP.unexpected(format_args!("an answer after {MOST_PAGES} pages"), "another page"))
    }
}

/// The text of a page's alerts, or its beginning.
fn told(page: &Answer) -> String {
    let text = String::from_utf8_lossy(&page.body);
    let alerts = text.split("role=\"alert\">").skip(1).filter_map(|alert| alert.split('<').next());
    let alerts: Vec<_> = alerts.collect();
    if alerts.is_empty() { page.excerpt() } else { alerts.join(" ") }
}

/// A form and what to send with it.
type Filled = (String, Vec<(String, String)>);

/// The form that leads on: consent if it is asked for, else whatever the holder can say.
fn fill_in(html: &str, sign_in: &SignIn) -> Result<Filled, ClaimError> {
    let forms = forms(html);
    let find = |wanted: &dyn Fn(&PageForm) -> bool| forms.iter().find(|form| wanted(form));
    let with = |form: &PageForm, name: &str, value: &str| -> Filled {
        let page = form.value("page").unwrap_or_default().to_owned();
        (form.action.clone(), vec![("page".to_owned(), page), (name.to_owned(), value.to_owned())])
    };
    if let Some(form) = find(&|form| form.offers("decision", "consent")) {
        return Ok(with(form, "decision", "consent"));
    }
    if let Some(form) = find(&|form| form.has("tx_code")) {
        let needed = || STEP.failed(Problem::TxCodeNeeded("on the page of the issuer".into()));
        return Ok(with(form, "tx_code", sign_in.tx_code.as_deref().ok_or_else(needed)?));
    }
    match (find(&|form| form.has("link")), &sign_in.link, &sign_in.subject) {
        (Some(form), Some(link), _) => Ok(with(form, "link", link)),
        (_, None, Some(subject)) => {
            let demo = find(&|form| form.fields.iter().any(|(name, _)| name.contains('/')));
            let demo = demo.ok_or_else(|| STEP.unexpected("a form for the demo holder", "none"))?;
            Ok((
                demo.action.clone(),
                demo.fields.iter().filter_map(|field| describe(field, subject)).collect(),
            ))
        }
        (Some(_), None, None) => Err(STEP
            .failed(Problem::Caller("the issuer asks who the holder is: give --link or --subject".into()))),
        (None, ..) => Err(STEP.unexpected("a page that this wallet can answer", "one that it cannot")),
    }
}

/// What the subject has for a field of the demo holder's form (`configuration/member`).
fn describe((name, value): &(String, String), subject: &Value) -> Option<(String, String)> {
    let Some((_, member)) = name.split_once('/') else { return Some((name.clone(), value.clone())) };
    let value = match subject.get(member)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some((name.clone(), value))
}

/// RFC 6749 §4.1.2, RFC 9207 §2.4: ours, from whom we asked, and no error.
fn read_answer(issuer: &Issuer, pending: &Pending, location: &Url) -> Result<String, ClaimError> {
    let parameter = |name: &str| {
        let mut values =
            location.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        values.next().filter(|_| values.next().is_none())
    };
    STEP.expect(location.as_str().starts_with(REDIRECT), format_args!("a redirect to {REDIRECT}"), location)?;
    let state = parameter("state");
    STEP.expect(state.as_ref() == Some(&pending.state), "our own state", format_args!("{state:?}"))?;
    let iss = parameter("iss");
    let expected = &issuer.server().issuer;
    STEP.expect(iss.as_ref() == Some(expected), format_args!("iss {expected:?}"), format_args!("{iss:?}"))?;
    if let Some(code) = parameter("error") {
        return Err(STEP.failed(Problem::Refused {
            expected: "a code".to_owned(),
            url: expected.clone(),
            status: 303,
            code,
            description: parameter("error_description").unwrap_or_default(),
        }));
    }
    parameter("code").ok_or_else(|| STEP.unexpected("a code", "none"))
}

/// The scopes of everything that is wanted (OpenID4VCI §5.1.2).
fn scopes_of(issuer: &Issuer, offer: &CredentialOffer) -> Result<String, ClaimError> {
    let mut scopes = Vec::new();
    for id in &offer.credential_configuration_ids {
        let scope = issuer.configuration(id)?.scope.clone();
        scopes.push(scope.ok_or_else(|| STEP.unexpected(format_args!("a scope of {id}"), "none"))?);
    }
    Ok(scopes.join(" "))
}
