//! What lets us in elsewhere: the one header that is made here, and nowhere read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

/// A client and its secret (RFC 6749 §2.3.1: each as in a form). None if no header holds it.
pub(crate) fn basic(client_id: &str, secret: &str) -> Option<(HeaderName, HeaderValue)> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret));
    sensitive(&format!("Basic {}", STANDARD.encode(pair)))
}

/// An access token (RFC 6750 §2.1).
pub(crate) fn bearer(token: &str) -> Option<(HeaderName, HeaderValue)> {
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((header::AUTHORIZATION, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_sent_as_a_form_would_send_it() {
        let (_, value) = basic("a b", "p:w%").unwrap();
        assert_eq!(value.to_str().unwrap(), format!("Basic {}", STANDARD.encode("a+b:p%3Aw%25")));
        assert!(value.is_sensitive() && bearer("a\nb").is_none());
    }
}
