//! SD-JWT VC (`dc+sd-jwt`): RFC 9901 and draft-ietf-oauth-sd-jwt-vc.

mod disclosure;
mod issue;
mod verify;

pub use issue::{IssueError, ProjectionError, SdJwtVc, check_projection, issue};
pub use verify::{Invalid, StatusReference, Verified, verify};

/// The media type of the credential, as `typ` has it.
const TYP: &str = "dc+sd-jwt";

/// The member that lists the digests of withheld members.
const SD: &str = "_sd";

/// The member whose digest stands for a withheld array element.
const ELLIPSIS: &str = "...";

/// The member that names the hash algorithm, and the one hash algorithm.
const SD_ALG: (&str, &str) = ("_sd_alg", "sha-256");

#[cfg(test)]
mod tests;
