//! Access tokens and notification ids: everything they say is inside, encrypted.
//! The database has neither; the key that opens an offer's subject travels in them.
//!
//! ```text
//! token        = base64url(salt, 16 bytes ‖ sealed blob under HMAC-SHA256(key, salt))
//! access token = offer id, 16 bytes ‖ code, 32 bytes ‖ expiry, i64 ‖ terms
//! terms        = JSON [thumbprint or null, what is granted, client id or null]
//! notification = issuance id, 16 bytes ‖ offer id, 16 bytes
//! ```

use std::fmt;

use aws_lc_rs::hmac;
use chancery_domain::{IssuanceId, OfferId, Random, TenantId, random_bytes};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::jose::base64url;
use crate::keys::derive::{Secret, append_field};
use crate::keys::seal;
use crate::secrets::Code;

const SALT_LENGTH: usize = 16;

/// What an access token says.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The offer that was redeemed.
    pub offer: OfferId,
    /// Opens the offer's subject.
    pub code: Code,
    /// The DPoP key that the token is bound to (JWK thumbprint); none means a bearer token.
    pub thumbprint: Option<String>,
    /// Which of the offer's credentials it is for.
    pub granted: Granted,
    /// Whose token it is, after an authorization; nobody's in particular after anonymous access.
    pub client: Option<String>,
    /// When it ends, to the second.
    pub expires_at: OffsetDateTime,
}

/// Which of an offer's credentials a token is for, and how the wallet must ask for them (OpenID4VCI §8.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granted {
    /// All that the offer holds, by configuration id.
    Everything,
    /// These configurations, by configuration id: they were asked for by scope.
    Configurations(Vec<String>),
    /// These configurations, by the credential identifiers that the token response named in
    /// `authorization_details`.
    Identifiers(Vec<String>),
}

/// Why an access token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not made by this tenant.
    #[error("the token is not one of this issuer")]
    Malformed,
    /// Too old.
    #[error("the token has expired")]
    Expired,
}

/// Makes and reads the tokens of one tenant.
#[derive(Clone)]
pub struct Tokens {
    access: Purpose,
    notification: Purpose,
}

/// One kind of token: its key, and the associated data that tells tenants and kinds apart.
#[derive(Clone)]
pub(crate) struct Purpose {
    key: hmac::Key,
    context: Vec<u8>,
}

impl Purpose {
    pub(crate) fn new(label: &str, tenant: TenantId, key: &Secret) -> Self {
        let mut context = Vec::with_capacity(64);
        append_field(&mut context, label.as_bytes());
        append_field(&mut context, tenant.uuid().as_bytes());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), context }
    }

    /// Every token has a key of its own: no number of tokens wears one out.
    fn token_key(&self, salt: &[u8]) -> Secret {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(hmac::sign(&self.key, salt).as_ref());
        key
    }

    pub(crate) fn mint(&self, plaintext: &[u8], random: &dyn Random) -> String {
        let salt: [u8; SALT_LENGTH] = random_bytes(random);
        let sealed = seal::seal(&self.token_key(&salt), &self.context, plaintext, random);
        base64url::encode([salt.as_slice(), &sealed].concat())
    }

    pub(crate) fn open(&self, token: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = base64url::decode(token)?;
        let (salt, sealed) = bytes.split_at_checked(SALT_LENGTH)?;
        seal::open(&self.token_key(salt), &self.context, sealed).ok()
    }
}

impl Tokens {
    #[expect(clippy::needless_pass_by_value, reason = "the keys are to be wiped here")]
    pub(crate) fn new(tenant: TenantId, access: Secret, notification: Secret) -> Self {
        Self {
            access: Purpose::new("chancery/access-token/v2", tenant, &access),
            notification: Purpose::new("chancery/notification-id/v1", tenant, &notification),
        }
    }

    /// A new access token.
    pub fn mint(&self, token: &AccessToken, random: &dyn Random) -> String {
        let terms =
            serde_json::to_vec(&(&token.thumbprint, &token.granted, &token.client)).unwrap_or_default();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(56 + terms.len()));
        plaintext.extend_from_slice(token.offer.uuid().as_bytes());
        plaintext.extend_from_slice(token.code.bytes());
        plaintext.extend_from_slice(&token.expires_at.unix_timestamp().to_be_bytes());
        plaintext.extend_from_slice(&terms);
        self.access.mint(&plaintext, random)
    }

    /// Reads an access token.
    pub fn open(&self, token: &str, now: OffsetDateTime) -> Result<AccessToken, TokenError> {
        let plaintext = self.access.open(token).ok_or(TokenError::Malformed)?;
        let token = read_access_token(&plaintext).ok_or(TokenError::Malformed)?;
        if now >= token.expires_at { Err(TokenError::Expired) } else { Ok(token) }
    }

    /// A new notification id.
    pub fn mint_notification(&self, issuance: IssuanceId, offer: OfferId, random: &dyn Random) -> String {
        let plaintext = [issuance.uuid().into_bytes(), offer.uuid().into_bytes()].concat();
        self.notification.mint(&plaintext, random)
    }

    /// Reads a notification id.
    pub fn open_notification(&self, id: &str) -> Option<(IssuanceId, OfferId)> {
        let plaintext = self.notification.open(id)?;
        let (issuance, offer) = plaintext.split_at_checked(16)?;
        Some((IssuanceId::from_uuid(uuid(issuance)?), OfferId::from_uuid(uuid(offer)?)))
    }
}

fn read_access_token(plaintext: &[u8]) -> Option<AccessToken> {
    let (offer, rest) = plaintext.split_at_checked(16)?;
    let (code, rest) = rest.split_first_chunk::<32>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    let (thumbprint, granted, client) = serde_json::from_slice(rest).ok()?;
    Some(AccessToken {
        offer: OfferId::from_uuid(uuid(offer)?),
        code: Code::from_secret(Zeroizing::new(*code)),
        thumbprint,
        granted,
        client,
        expires_at: OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*expires_at)).ok()?,
    })
}

fn uuid(bytes: &[u8]) -> Option<uuid::Uuid> {
    uuid::Uuid::from_slice(bytes).ok()
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::SystemRandom;
    use crate::secrets::OfferSecret;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-08-24 12:00 UTC);

    fn tokens(tenant: u8, key: u8) -> Tokens {
        let tenant = TenantId::new(NOW, [tenant; 10]);
        Tokens::new(tenant, Zeroizing::new([key; 32]), Zeroizing::new([key; 32]))
    }

    fn token(thumbprint: Option<&str>) -> AccessToken {
        AccessToken {
            offer: OfferId::new(NOW, [1; 10]),
            code: OfferSecret::random(&SystemRandom).code(),
            thumbprint: thumbprint.map(str::to_owned),
            granted: Granted::Identifiers(vec!["employee-badge".to_owned()]),
            client: thumbprint.map(|_| "wallet".to_owned()),
            expires_at: NOW + Duration::minutes(5),
        }
    }

    #[test]
    fn a_token_says_what_was_put_in() {
        for thumbprint in [None, Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")] {
            let token = token(thumbprint);
            let read = tokens(1, 1).open(&tokens(1, 1).mint(&token, &SystemRandom), NOW).unwrap();
            assert_eq!(read.offer, token.offer);
            assert_eq!(read.code.as_str(), token.code.as_str());
            assert_eq!(read.thumbprint, token.thumbprint);
            assert_eq!((&read.granted, &read.client), (&token.granted, &token.client));
            assert_eq!(read.expires_at, token.expires_at);
        }
    }

    #[test]
    fn a_token_ends_when_it_says() {
        let minted = tokens(1, 1).mint(&token(None), &SystemRandom);
        let at = |seconds| tokens(1, 1).open(&minted, NOW + Duration::seconds(seconds)).map(|_| ());
        assert_eq!(at(299), Ok(()));
        assert_eq!(at(300), Err(TokenError::Expired));
    }

    #[test]
    fn another_tenants_or_a_changed_token_is_no_token() {
        let minted = tokens(1, 1).mint(&token(None), &SystemRandom);
        assert_eq!(tokens(2, 1).open(&minted, NOW).unwrap_err(), TokenError::Malformed);
        assert_eq!(tokens(1, 2).open(&minted, NOW).unwrap_err(), TokenError::Malformed);
        let bytes = base64url::decode(&minted).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(tokens(1, 1).open(&base64url::encode(changed), NOW).is_err(), "byte {position}");
        }
        assert!(tokens(1, 1).open("", NOW).is_err());
        assert!(tokens(1, 1).open(&format!("{minted}="), NOW).is_err());
    }

    #[test]
    fn a_notification_id_names_its_issuance_and_is_no_token() {
        let ids = (IssuanceId::new(NOW, [1; 10]), OfferId::new(NOW, [2; 10]));
        let minted = tokens(1, 1).mint_notification(ids.0, ids.1, &SystemRandom);
        assert_eq!(tokens(1, 1).open_notification(&minted), Some(ids));
        assert_eq!(tokens(2, 1).open_notification(&minted), None);
        assert_eq!(tokens(1, 1).open(&minted, NOW).unwrap_err(), TokenError::Malformed);
        assert_eq!(tokens(1, 1).open_notification(&tokens(1, 1).mint(&token(None), &SystemRandom)), None);
    }

    #[test]
    fn the_token_hides_what_it_says() {
        let secret = token(Some("thumb"));
        let minted = base64url::decode(tokens(1, 1).mint(&secret, &SystemRandom)).unwrap();
        assert!(!minted.windows(16).any(|window| window == secret.offer.uuid().as_bytes()));
        assert!(!format!("{secret:?}").contains(secret.code.as_str()));
    }
}
