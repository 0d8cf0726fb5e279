//! Where metadata lives: the path-insertion rule of RFC 8414 §3.1 and OpenID4VCI §12.2.2.

use url::Url;

/// The well-known names that an issuer serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WellKnown {
    /// OpenID4VCI §12.2.
    CredentialIssuer,
    /// RFC 8414.
    AuthorizationServer,
    /// SD-JWT VC §3.5.
    JwtVcIssuer,
}

impl WellKnown {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialIssuer => "openid-credential-issuer",
            Self::AuthorizationServer => "oauth-authorization-server",
            Self::JwtVcIssuer => "jwt-vc-issuer",
        }
    }

    /// The URL of the document for `identifier`: the name goes between host and path.
    pub fn inserted(self, identifier: &Url) -> Url {
        let mut url = identifier.clone();
        let path = identifier.path().trim_end_matches('/');
        url.set_path(&format!("/.well-known/{}{path}", self.name()));
        url
    }

    /// The URL that wallets of older drafts ask for: the name after the path.
    pub fn appended(self, identifier: &Url) -> Url {
        let mut url = identifier.clone();
        let path = identifier.path().trim_end_matches('/');
        url.set_path(&format!("{path}/.well-known/{}", self.name()));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_inserted_between_host_and_path() {
        let url = |text: &str| Url::parse(text).unwrap();
        let inserted = |text| WellKnown::CredentialIssuer.inserted(&url(text)).to_string();
        assert_eq!(inserted("https://h/acme"), "https://h/.well-known/openid-credential-issuer/acme");
        assert_eq!(inserted("https://h:8443"), "https://h:8443/.well-known/openid-credential-issuer");
        assert_eq!(
            WellKnown::JwtVcIssuer.appended(&url("https://h/acme")).as_str(),
            "https://h/acme/.well-known/jwt-vc-issuer"
        );
    }
}
