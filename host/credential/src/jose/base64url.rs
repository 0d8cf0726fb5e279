//! base64url without padding (RFC 7515 §2), one spelling for each value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Refuses padding, whitespace, the other alphabet and stray bits in the last character.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_spelling() {
        assert_eq!(decode("AQ").unwrap(), [1]);
        for other in ["AQ==", "AR", "A Q", "AQ\n", "+/8", "A"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
