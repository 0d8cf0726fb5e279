//! The access token: asking for it, checking it, sending it.

use chancery_protocol::authorization_server::AuthorizationServerMetadata;
use chancery_protocol::offer::{CredentialOffer, PRE_AUTHORIZED_CODE, TxCode};
use chancery_protocol::token::{
    AuthorizationDetail, GrantedDetail, OPENID_CREDENTIAL, REFRESH_TOKEN, TokenResponse,
};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use url::Url;

use super::credential::Wanted;
use super::dpop::{Audience, DpopKey};
use super::failure::{ClaimError, Problem, Step};
use super::issuer::Issuer;
use super::keys::HolderKey;
use super::{Binding, Wallet, json, link, not_stored};
use crate::http::Answer;

/// What the authorization server granted.
#[derive(Debug)]
pub struct Grant {
    response: TokenResponse,
    dpop: Option<DpopKey>,
}

impl Grant {
    /// Whether the token is bound to a key.
    pub fn is_bound(&self) -> bool {
        self.dpop.is_some()
    }

    /// The access token.
    pub fn access_token(&self) -> &str {
        &self.response.access_token
    }

    /// A grant that was kept.
    pub(super) fn resumed(access_token: String, dpop: Option<DpopKey>) -> Self {
        let response = TokenResponse {
            access_token,
            token_type: if dpop.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
            expires_in: 0,
            refresh_token: None,
            scope: None,
            authorization_details: Vec::new(),
        };
        Self { response, dpop }
    }

    /// The key that the token is bound to, to be kept.
    pub(super) fn private_jwk(&self) -> Option<serde_json::Value> {
        self.dpop.as_ref().map(DpopKey::private_jwk)
    }

    /// How to ask for a configuration: by identifiers if the server gave any (then it must have
    /// for each), else by its id (OpenID4VCI §8.2).
    pub fn wanted(&self, configuration_id: &str) -> Result<Vec<Wanted>, ClaimError> {
        let details = &self.response.authorization_details;
        if details.is_empty() {
            return Ok(vec![Wanted::Configuration(configuration_id.to_owned())]);
        }
        let detail = details.iter().find(|d| d.credential_configuration_id == configuration_id);
        let detail = detail.ok_or_else(|| {
            Step::Token.unexpected(
                format_args!("authorization_details for {configuration_id:?}"),
                "those of other configurations alone",
            )
        })?;
        let wanted = |identifier: &String| Wanted::Identifier {
            identifier: identifier.clone(),
            configuration_id: configuration_id.to_owned(),
        };
        Ok(detail.credential_identifiers.iter().map(wanted).collect())
    }
}

impl Wallet {
    /// Exchanges the pre-authorized code for a token, as nobody's client.
    pub async fn token(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        tx_code: Option<&str>,
    ) -> Result<Grant, ClaimError> {
        let grant = offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.as_ref());
        let grant = grant.ok_or_else(|| Step::Token.unexpected("a pre-authorized code", "none"))?;
        let mut form = vec![
            ("grant_type", PRE_AUTHORIZED_CODE.to_owned()),
            ("pre-authorized_code", grant.pre_authorized_code.clone()),
        ];
        match (&grant.tx_code, tx_code) {
            (Some(asked), None) => return Err(Step::Token.failed(Problem::TxCodeNeeded(describe(asked)))),
            // A code that nobody asked for is sent all the same: that the server refuses it is its duty.
            (_, Some(code)) => form.push(("tx_code", code.to_owned())),
            (None, None) => {}
        }
        if self.settings.authorization_details {
            form.push(("authorization_details", details_of(offer)));
        }
        self.redeem(issuer, offer, &form).await
    }

    /// Exchanges the refresh token for the next access token, with the key that both are bound to.
    pub async fn refresh(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        grant: Grant,
    ) -> Result<Grant, ClaimError> {
        let token = grant.response.refresh_token.ok_or_else(|| {
            Step::Token.unexpected("a refresh token", "none: this issuer lets nobody renew what they have")
        })?;
        let form = [
            ("grant_type", REFRESH_TOKEN.to_owned()),
            ("refresh_token", token.clone()),
            ("client_id", self.client_id().to_owned()),
        ];
        let renewed = self.redeem_with(issuer, offer, &form, grant.dpop).await?;
        let is_new = renewed.response.refresh_token.as_ref().is_none_or(|next| *next != token);
        Step::Token.expect(is_new, "another refresh token than the one that was used", "the same")?;
        Ok(renewed)
    }

    async fn redeem(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        form: &[(&str, String)],
    ) -> Result<Grant, ClaimError> {
        self.redeem_with(issuer, offer, form, self.dpop_key(issuer)?).await
    }

    /// Exchanges a code with a key that may have been shown before.
    pub(crate) async fn redeem_with(
        &self,
        issuer: &Issuer,
        offer: &CredentialOffer,
        form: &[(&str, String)],
        mut dpop: Option<DpopKey>,
    ) -> Result<Grant, ClaimError> {
        let url = link::endpoint(Step::Token, &issuer.server().token_endpoint)?;
        let answer = self.ask_server(Step::Token, (issuer.server(), &url), form, dpop.as_mut()).await?;
        let response: TokenResponse = json(Step::Token, &answer)?;
        not_stored(Step::Token, &answer)?;
        check(&response, dpop.is_some(), self.settings.authorization_details, offer)?;
        Ok(Grant { response, dpop })
    }

    /// A fresh key if the token is to be bound.
    pub(crate) fn dpop_key(&self, issuer: &Issuer) -> Result<Option<DpopKey>, ClaimError> {
        let advertised = &issuer.server().dpop_signing_alg_values_supported;
        let bound = match self.settings.binding {
            Binding::Dpop => true,
            Binding::Bearer => false,
            Binding::IfAdvertised => advertised.iter().any(|alg| alg == "ES256"),
        };
        if bound { Ok(Some(DpopKey::new(HolderKey::generate(self.random.as_ref())?))) } else { Ok(None) }
    }

    /// Asks once, and once more if the server wants its nonce in the proof.
    pub(crate) async fn ask_server(
        &self,
        step: Step,
        (server, url): (&AuthorizationServerMetadata, &Url),
        form: &[(&str, String)],
        mut dpop: Option<&mut DpopKey>,
    ) -> Result<Answer, ClaimError> {
        let mut tried = false;
        loop {
            // Each time anew: an assertion serves once.
            let form = self.as_client(step, &server.issuer, form).await?;
            let request = self.http.request(Method::POST, url).map_err(step.of_http())?.form(&form);
            let mut request = self.vouched_for(step, server, request).await?;
            if let Some(key) = dpop.as_deref() {
                let random = self.random.as_ref();
                let proof = key.prove(Audience::Authorization, url, None, self.now(), random).await?;
                request = request.header("dpop", proof);
            }
            let answer = self.send(step, url, request).await?;
            let again = dpop.as_deref_mut().is_some_and(|key| key.learn(Audience::Authorization, &answer));
            if !again || tried {
                return Ok(answer);
            }
            tried = true;
        }
    }

    /// POST with the token.
    pub(crate) async fn call(
        &self,
        step: Step,
        url: &Url,
        grant: &mut Grant,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, ClaimError> {
        self.call_with(step, url, grant, |request| request.json(body)).await
    }

    /// POST with the token, once, and once more if the server wants its nonce in the proof.
    pub(crate) async fn call_with(
        &self,
        step: Step,
        url: &Url,
        grant: &mut Grant,
        with_body: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, ClaimError> {
        let mut tried = false;
        loop {
            let request = with_body(self.http.request(Method::POST, url).map_err(step.of_http())?);
            let token = &grant.response.access_token;
            let request = match &grant.dpop {
                None => request.bearer_auth(token),
                Some(key) => {
                    let random = self.random.as_ref();
                    let proof = key.prove(Audience::Resource, url, Some(token), self.now(), random).await?;
                    request.header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof)
                }
            };
            let answer = self.send(step, url, request).await?;
            let again = grant.dpop.as_mut().is_some_and(|key| key.learn(Audience::Resource, &answer));
            if !again || tried {
                return Ok(answer);
            }
            tried = true;
        }
    }
}

impl Grant {
    /// Keeps a nonce that the credential issuer gave outside of an answer to this token.
    pub(crate) fn learn(&mut self, answer: &Answer) {
        if let Some(key) = &mut self.dpop {
            key.learn(Audience::Resource, answer);
        }
    }
}

/// Authorization details for everything that the offer names.
pub(crate) fn details_of(offer: &CredentialOffer) -> String {
    let detail = |id: &String| AuthorizationDetail {
        r#type: OPENID_CREDENTIAL.into(),
        credential_configuration_id: Some(id.clone()),
    };
    let details: Vec<_> = offer.credential_configuration_ids.iter().map(detail).collect();
    serde_json::to_string(&details).unwrap_or_default()
}

/// What a person needs to know to find the transaction code.
fn describe(tx_code: &TxCode) -> String {
    let mode = tx_code.input_mode.as_deref().unwrap_or("numeric");
    let mut text = match tx_code.length {
        Some(length) => format!("{mode}, {length} characters"),
        None => mode.to_owned(),
    };
    if let Some(description) = &tx_code.description {
        text.push_str("; ");
        text.push_str(description);
    }
    text
}

/// RFC 6749 §5.1, RFC 9449 §5, OpenID4VCI §6.2.
fn check(
    response: &TokenResponse,
    bound: bool,
    by_details: bool,
    offer: &CredentialOffer,
) -> Result<(), ClaimError> {
    let step = Step::Token;
    let expected = if bound { "DPoP" } else { "Bearer" };
    step.expect(
        response.token_type.eq_ignore_ascii_case(expected),
        format_args!("token_type {expected}"),
        format_args!("{:?}", response.token_type),
    )?;
    let visible = |c: char| c.is_ascii_graphic();
    let token = &response.access_token;
    step.expect(
        !token.is_empty() && token.chars().all(visible),
        "an access token of visible ASCII characters",
        if token.is_empty() { "an empty one" } else { "others" },
    )?;
    step.expect(response.expires_in > 0, "expires_in above 0", response.expires_in)?;
    let details = &response.authorization_details;
    step.expect(
        !by_details || !details.is_empty(),
        "authorization_details, since the request had some",
        "none",
    )?;
    details.iter().enumerate().try_for_each(|(place, detail)| check_detail(details, place, detail, offer))
}

fn check_detail(
    details: &[GrantedDetail],
    place: usize,
    detail: &GrantedDetail,
    offer: &CredentialOffer,
) -> Result<(), ClaimError> {
    let step = Step::Token;
    let id = &detail.credential_configuration_id;
    step.expect(
        detail.r#type == OPENID_CREDENTIAL,
        format_args!("authorization_details of type {OPENID_CREDENTIAL}"),
        format_args!("{:?}", detail.r#type),
    )?;
    step.expect(
        offer.credential_configuration_ids.contains(id),
        "authorization_details for offered configurations alone",
        format_args!("{id:?}"),
    )?;
    let twice = details.iter().take(place).any(|other| other.credential_configuration_id == *id);
    step.expect(!twice, "each configuration in authorization_details once", format_args!("{id:?} twice"))?;
    let identifiers = &detail.credential_identifiers;
    let unique =
        identifiers.iter().enumerate().all(|(at, one)| !identifiers.iter().take(at).any(|o| o == one));
    step.expect(
        !identifiers.is_empty() && unique,
        format_args!("credential_identifiers for {id:?}, not empty, each once"),
        format_args!("{identifiers:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> CredentialOffer {
        CredentialOffer {
            credential_issuer: "https://issuer.example".into(),
            credential_configuration_ids: vec!["badge".into(), "licence".into()],
            grants: None,
        }
    }

    fn detail(id: &str, identifiers: &[&str]) -> GrantedDetail {
        GrantedDetail {
            r#type: OPENID_CREDENTIAL.into(),
            credential_configuration_id: id.into(),
            credential_identifiers: identifiers.iter().map(ToString::to_string).collect(),
        }
    }

    fn response(details: Vec<GrantedDetail>) -> TokenResponse {
        TokenResponse {
            scope: None,
            refresh_token: None,
            access_token: "token".into(),
            token_type: "Bearer".into(),
            expires_in: 300,
            authorization_details: details,
        }
    }

    #[test]
    fn a_bound_token_must_say_so_and_an_unbound_one_too() {
        let mut response = response(vec![]);
        check(&response, false, false, &offer()).unwrap();
        assert!(check(&response, true, false, &offer()).unwrap_err().to_string().contains("DPoP"));
        response.token_type = "dpop".into();
        check(&response, true, false, &offer()).unwrap();
        assert!(check(&response, false, false, &offer()).unwrap_err().to_string().contains("Bearer"));
    }

    #[test]
    fn authorization_details_must_make_sense() {
        let verdict = |details| check(&response(details), false, true, &offer());
        verdict(vec![detail("badge", &["a", "b"]), detail("licence", &["c"])]).unwrap();
        for wrong in [
            vec![],
            vec![detail("badge", &[])],
            vec![detail("badge", &["a", "a"])],
            vec![detail("badge", &["a"]), detail("badge", &["b"])],
            vec![detail("other", &["a"])],
            vec![GrantedDetail { r#type: "payment".into(), ..detail("badge", &["a"]) }],
        ] {
            assert!(verdict(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn identifiers_are_used_where_there_are_any() {
        let by_id = Grant { response: response(vec![]), dpop: None };
        assert_eq!(by_id.wanted("badge").unwrap(), [Wanted::Configuration("badge".into())]);
        let by_identifier = Grant { response: response(vec![detail("badge", &["a", "b"])]), dpop: None };
        assert_eq!(by_identifier.wanted("badge").unwrap().len(), 2);
        assert!(by_identifier.wanted("licence").is_err());
    }

    #[test]
    fn the_holder_is_told_what_code_to_look_for() {
        let tx_code = TxCode { length: Some(6), description: Some("by letter".into()), ..TxCode::default() };
        assert_eq!(describe(&tx_code), "numeric, 6 characters; by letter");
    }
}
