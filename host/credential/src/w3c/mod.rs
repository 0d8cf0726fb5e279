//! W3C credentials as JWTs: VCDM 1.1 as `jwt_vc_json` (OpenID4VCI Appendix A.1.1), VCDM 2.0 as `vc+jwt` (VC-JOSE-COSE).
//!
//! Both name the issuer by its DID, whose document has the key, and the holder by the did:jwk of the proven key. Both
//! refer to a Bitstring Status List for each purpose, at one index.

mod issue;
mod verify;

pub(crate) use issue::date_time;
pub use issue::{IssueError, Issuer, W3cCredential, issue};
pub use verify::{Invalid, VerifiedW3c, verify};

/// The data model, and how it is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// VCDM 1.1: the credential is the claim `vc` of a JWT.
    JwtVcJson,
    /// VCDM 2.0: the credential is the payload.
    VcJwt,
}

impl Model {
    /// The context that comes first.
    pub const fn base_context(self) -> &'static str {
        match self {
            Self::JwtVcJson => "https://www.w3.org/2018/credentials/v1",
            Self::VcJwt => "https://www.w3.org/ns/credentials/v2",
        }
    }

    const fn typ(self) -> &'static str {
        match self {
            Self::JwtVcJson => "JWT",
            Self::VcJwt => "vc+jwt",
        }
    }
}

/// The type of every credential.
pub const VERIFIABLE_CREDENTIAL: &str = "VerifiableCredential";
/// What defines the terms of a status entry where the base context does not.
const STATUS_CONTEXT: &str = "https://www.w3.org/ns/credentials/status/v1";

#[cfg(test)]
mod tests;
