//! `/plugins`: the versions that stand on a shelf, a tenant's own or the deployment's.

pub(crate) mod change;
pub(crate) mod list;
pub(crate) mod upload;

use chancery_credential::publisher::PublisherSignature;
use chancery_store::Shelved;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::problem::Problem;

/// A version of a plugin. It never changes; another version is another digest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PluginView {
    /// SHA-256 of the component, in hexadecimal digits: its identity.
    digest: String,
    /// As its author calls it.
    name: String,
    /// As its author counts.
    version: String,
    /// `credential-template`, `onboarding-policy` or `license`.
    hook: String,
    /// Bytes of the component.
    size: u32,
    /// `tenant` or `deployment`: on whose shelf it stands.
    owner: &'static str,
    /// `approved` or `awaiting-approval`.
    approval: &'static str,
    /// Whether an operator has forbidden it.
    quarantined: bool,
    /// The public key of the publisher who signed it (Ed25519, base64url), if anybody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    uploaded_at: OffsetDateTime,
    /// Everything that was found when it came in; in the answer about one version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

impl PluginView {
    /// As a list shows it.
    fn in_list(version: Shelved) -> Self {
        Self { report: None, ..Self::alone(version) }
    }

    /// As it is shown alone.
    fn alone(version: Shelved) -> Self {
        Self {
            digest: hex::encode(version.digest),
            name: version.name,
            version: version.version,
            hook: version.hook,
            size: version.size,
            owner: version.whose.as_str(),
            approval: version.approval.as_str(),
            quarantined: version.quarantined,
            publisher: version
                .signature
                .as_deref()
                .and_then(PublisherSignature::parse)
                .map(|signature| signature.publisher()),
            uploaded_at: version.uploaded_at,
            report: version.report,
        }
    }
}

/// The digest in a path; a malformed one is nobody's.
pub(crate) fn digest_of(text: &str) -> Result<[u8; 32], Problem> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| Problem::not_found())?;
    Ok(digest)
}
