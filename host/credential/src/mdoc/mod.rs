//! mdoc (`mso_mdoc`): the issuer-signed part of ISO/IEC 18013-5, with a status as its second edition has it.
//!
//! ```text
//! IssuerSigned        = { "nameSpaces": { namespace: [+ 24(bstr .cbor IssuerSignedItem)] }, "issuerAuth": COSE_Sign1 }
//! IssuerSignedItem    = { "digestID": uint, "random": bstr, "elementIdentifier": tstr, "elementValue": any }
//! payload of the Sign1 = 24(bstr .cbor MobileSecurityObject)
//! ```

mod cbor;
mod issue;
mod verify;

use crate::keys::Algorithm;

pub use issue::{IssueError, Mdoc, issue};
pub use verify::{Invalid, VerifiedMdoc, verify};

/// The number of the algorithm that signs (RFC 9053 §2).
pub fn algorithm(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Es256 => -7,
        Algorithm::EdDsa => -8,
    }
}

/// The one digest algorithm.
const DIGEST_ALGORITHM: &str = "SHA-256";
/// The version of the mobile security object.
const VERSION: &str = "1.0";
/// Encoded CBOR data item (RFC 8949 §3.4.5.1).
const ENCODED: u64 = 24;
/// `x5chain` (RFC 9360 §2).
const X5CHAIN: i64 = 33;

#[cfg(test)]
mod tests;
