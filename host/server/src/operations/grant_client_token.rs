//! A client that authenticated gets a token to manage its tenant with (RFC 6749 §4.4).

use chancery_credential::ClientToken;
use chancery_credential::client_tokens::LIFETIME;
use chancery_domain::scope::Scope;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::token::TokenResponse;
use chancery_store::Client;

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// Gives the client what it asks for, as far as its roles cover it; all that it has, if it asks for nothing.
pub(crate) async fn grant_client_token(
    app: &App,
    issuer: &Issuer,
    client: &Client,
    asked: Option<&str>,
) -> Result<TokenResponse, Refusal> {
    if client.terms.scopes.is_empty() {
        let description = "this client is a wallet and manages nothing";
        return Err(Refusal::new(ErrorCode::UnauthorizedClient, description));
    }
    let scopes = match asked {
        Some(asked) => narrowed(&client.terms.scopes, asked)?,
        None => client.terms.scopes.clone(),
    };
    let scope = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let token = ClientToken { client: client.id, scopes, epoch: client.token_epoch };
    let access_token = issuer
        .client_tokens
        .mint(&token, app.now(), app.random.as_ref())
        .await
        .map_err(Refusal::unavailable)?;
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: u32::try_from(LIFETIME.whole_seconds()).unwrap_or_default(),
        refresh_token: None,
        scope: Some(scope),
        authorization_details: Vec::new(),
    })
}

/// What is asked for, each once. Asking for more than the client has is refused, not cut down, so that nobody
/// goes on with less than they believe to have.
fn narrowed(held: &[Scope], asked: &str) -> Result<Vec<Scope>, Refusal> {
    let mut scopes = Vec::new();
    for word in asked.split(' ') {
        let covered = Scope::parse(word).filter(|scope| held.iter().any(|held| held.covers(*scope)));
        let scope = covered.ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidScope, "the client does not hold every scope that it asks for")
        })?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_given_if_a_role_covers_it() {
        let narrowed = |asked| narrowed(&[Scope::Manage], asked).ok();
        assert_eq!(narrowed("issuance:offer auditor"), Some(vec![Scope::Offer, Scope::Auditor]));
        assert_eq!(narrowed("auditor auditor"), Some(vec![Scope::Auditor]));
        for wrong in ["owner", "auditor owner", "auditor  auditor", "AUDITOR", "root", " "] {
            assert_eq!(narrowed(wrong), None, "{wrong:?}");
        }
    }
}
