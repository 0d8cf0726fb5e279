//! The credential offer (OpenID4VCI §4.1).

use serde::{Deserialize, Serialize};
use url::Url;

/// The grant type of the pre-authorized code flow. Note the hyphen.
pub const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// The scheme by which an offer reaches a wallet on the same device.
pub const OFFER_SCHEME: &str = "openid-credential-offer";

/// What an issuer offers to a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialOffer {
    /// The issuer identifier, byte for byte.
    pub credential_issuer: String,
    /// Unique, not empty.
    pub credential_configuration_ids: Vec<String>,
    /// How to get a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// How a wallet may get a token for the offer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants {
    /// The authorization code flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<AuthorizationCode>,
    /// The pre-authorized code flow.
    #[serde(
        rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub pre_authorized_code: Option<PreAuthorizedCode>,
}

/// What the wallet takes along into the authorization code flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// Leads from the authorization request back to the offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_state: Option<String>,
}

/// The pre-authorized code, and whether a transaction code must come with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreAuthorizedCode {
    /// Short-lived, redeemed once.
    #[serde(rename = "pre-authorized_code")]
    pub pre_authorized_code: String,
    /// Present, even if empty: a transaction code is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_code: Option<TxCode>,
}

/// How the transaction code looks that the holder gets over another channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct TxCode {
    /// `numeric` (default) or `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_mode: Option<String>,
    /// Number of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u8>,
    /// At most 300 characters for the holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The text is not a credential offer link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferLinkError {
    /// Not a URL at all.
    #[error("not a URL")]
    NotAUrl,
    /// Exactly one of the two parameters must be there.
    #[error("a link needs exactly one of credential_offer and credential_offer_uri")]
    NotExactlyOne,
    /// `credential_offer` is not an offer.
    #[error("the credential_offer parameter holds no offer")]
    NotAnOffer,
}

/// An offer as a link carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferLink {
    /// The offer itself.
    ByValue(CredentialOffer),
    /// Where to fetch it.
    ByReference(String),
}

impl OfferLink {
    /// Reads `openid-credential-offer://?…` (or any other scheme a wallet registered).
    pub fn parse(link: &str) -> Result<Self, OfferLinkError> {
        let url = Url::parse(link).map_err(|_| OfferLinkError::NotAUrl)?;
        let parameter = |name: &str| {
            let mut values =
                url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            (values.next(), values.next().is_some())
        };
        match (parameter("credential_offer"), parameter("credential_offer_uri")) {
            ((Some(offer), false), (None, _)) => crate::json::from_slice_strict(offer.as_bytes())
                .map(Self::ByValue)
                .map_err(|_| OfferLinkError::NotAnOffer),
            ((None, _), (Some(reference), false)) => Ok(Self::ByReference(reference)),
            _ => Err(OfferLinkError::NotExactlyOne),
        }
    }

    /// The link with the standard scheme.
    pub fn to_uri(&self) -> String {
        let (name, value) = match self {
            Self::ByValue(offer) => ("credential_offer", serde_json::to_string(offer).unwrap_or_default()),
            Self::ByReference(reference) => ("credential_offer_uri", reference.clone()),
        };
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish();
        format!("{OFFER_SCHEME}://?{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_survives_its_link() {
        let offer = CredentialOffer {
            credential_issuer: "https://issuer.example/a b".into(),
            credential_configuration_ids: vec!["employee-badge".into()],
            grants: Some(Grants {
                pre_authorized_code: Some(PreAuthorizedCode {
                    pre_authorized_code: "a+b/c=&d".into(),
                    tx_code: Some(TxCode::default()),
                }),
                authorization_code: Some(AuthorizationCode { issuer_state: Some("s".into()) }),
            }),
        };
        for link in [OfferLink::ByValue(offer), OfferLink::ByReference("https://h/o?x=1&y=2".into())] {
            assert_eq!(OfferLink::parse(&link.to_uri()), Ok(link));
        }
    }

    #[test]
    fn a_link_with_none_or_both_parameters_is_refused() {
        for link in [
            "openid-credential-offer://",
            "openid-credential-offer://?credential_offer=%7B%7D&credential_offer_uri=x",
        ] {
            assert_eq!(OfferLink::parse(link), Err(OfferLinkError::NotExactlyOne));
        }
    }
}
