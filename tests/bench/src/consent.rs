//! The authorization code flow: a wallet pushes its request, and a holder consents to it in a browser.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::flow::{Client, Step, form, text};

const REDIRECT: &str = "https://wallet.example/cb";
/// Good for a benchmark, and for nothing else: a wallet makes one for each request.
const VERIFIER: &str = "the-same-verifier-for-every-request-of-the-benchmark";

impl Client {
    /// Has the holder of an offer consent, and says what the token is asked for with.
    pub(crate) async fn consented(&mut self, issuer_state: &str) -> Result<String> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let asked = form(&[
            ("response_type", "code"),
            ("client_id", "wallet"),
            ("redirect_uri", REDIRECT),
            ("state", "state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("issuer_state", issuer_state),
        ]);
        let headers = self.form_headers("/par").await?;
        let pushed = self.timed(Step::Push, "POST", "/par", &headers, &asked).await?;
        let pushed = serde_json::from_slice(&pushed.body)?;

        let query = form(&[("client_id", "wallet"), ("request_uri", text(&pushed, "/request_uri")?)]);
        let page = self.timed(Step::Page, "GET", &format!("/authorize?{query}"), &[], "").await?;
        let page = String::from_utf8(page.body)?;
        let carried = page.split_once("name=\"page\" value=\"").and_then(|(_, rest)| rest.split('"').next());
        let decided =
            form(&[("page", carried.context("find the form of the page")?), ("decision", "consent")]);
        let headers = ["content-type: application/x-www-form-urlencoded".to_owned()];
        let told = self.timed(Step::Consent, "POST", "/authorize/decision", &headers, &decided).await?;
        let told = url::Url::parse(&told.location.context("be sent back to the wallet")?)?;
        let code = told.query_pairs().find(|(name, _)| name == "code").context("find the code")?.1;
        Ok(form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "wallet"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]))
    }
}
