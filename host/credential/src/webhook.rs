//! What a webhook's receiver knows a message of ours by: Standard Webhooks 1.0, symmetric.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_domain::{Random, random_bytes};
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";

/// The secret that a tenant's receiver shares with us.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// A new secret.
    pub fn random(random: &dyn Random) -> Self {
        Self(Zeroizing::new(random_bytes::<32>(random).to_vec()))
    }

    /// From the bytes that [`bytes`](Self::bytes) gave.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// To be sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What people are shown, once.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice()))
    }

    /// The signature of a message, as it stands in `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_message_is_signed_as_others_sign_it() {
        let bytes = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = WebhookSecret::from_bytes(Zeroizing::new(bytes));
        assert_eq!(secret.text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_stays_out_of_logs() {
        assert_eq!(format!("{:?}", WebhookSecret(Zeroizing::new(vec![1]))), "WebhookSecret(..)");
    }
}
