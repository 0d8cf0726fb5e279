//! What a credential template declares: the fields of its neutral dataset and
//! how each appears in every format. The host derives metadata, disclosure and
//! encoding from this; a template never emits a wire format.

use serde_json::Value;

/// A credential type, as one template describes it under one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The credential configuration id of the SD-JWT VC form; other formats append to it.
    pub configuration_id: String,
    /// Names shown for the credential, at most one per locale.
    pub display: Vec<CredentialDisplay>,
    /// The fields of the dataset, in display order.
    pub fields: Vec<Field>,
    /// The SD-JWT VC form, where the template has one.
    pub sd_jwt: Option<SdJwtProjection>,
    /// The JSON Schema of the subject data that an offer carries (draft 2020-12).
    pub subject_schema: Value,
    /// How long a credential is good for, in days; the host clamps it.
    pub validity_days: u32,
}

/// How a credential is shown, in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialDisplay {
    /// BCP 47 tag.
    pub locale: String,
    /// What people call the credential.
    pub name: String,
    /// One sentence on it.
    pub description: Option<String>,
    /// CSS colour, `#rrggbb`.
    pub background_color: Option<String>,
    /// CSS colour, `#rrggbb`.
    pub text_color: Option<String>,
}

/// One field of the dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its key in the dataset: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ValueKind,
    /// Whether every credential has it.
    pub mandatory: bool,
    /// Labels, at most one per locale.
    pub display: Vec<Label>,
}

/// A label in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// BCP 47 tag.
    pub locale: String,
    /// The label.
    pub name: String,
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A JSON string.
    Text,
    /// A JSON integer.
    Integer,
    /// A JSON number.
    Number,
    /// A JSON boolean.
    Boolean,
    /// `YYYY-MM-DD`.
    Date,
    /// RFC 3339.
    DateTime,
    /// A `data:` URL with an image.
    Image,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
}

/// The SD-JWT VC form of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct SdJwtProjection {
    /// The verifiable credential type.
    pub vct: String,
    /// Where each field goes. Fields that are not listed do not appear.
    pub claims: Vec<SdJwtClaim>,
}

/// Where one field goes in an SD-JWT VC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdJwtClaim {
    /// The field of the dataset.
    pub field: String,
    /// Object members from the root; never a registered claim at the root.
    pub path: Vec<String>,
    /// Whether the holder may withhold it.
    pub disclosure: Disclosure,
    /// For arrays: whether each element is withheld on its own.
    pub elements: bool,
}

/// Whether the holder may withhold a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The holder decides (`sd: allowed`/`always` in type metadata: the claim becomes a disclosure).
    Selective,
    /// Always visible.
    Always,
}

/// Claims that the host alone sets; a template that names one at the root is refused.
///
/// RFC 7519 §4.1, RFC 7800, SD-JWT VC §3.2.2.2, RFC 9901 §4.
pub const REGISTERED_CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "cnf",
    "vct",
    "vct#integrity",
    "status",
    "_sd",
    "_sd_alg",
    "...",
];

/// What a template was when an offer was made: the component and its configuration, by SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    /// Digest of the component's bytes.
    pub component: [u8; 32],
    /// Digest of the tenant's configuration of it, as serialised JSON.
    pub configuration: [u8; 32],
}

/// What is wrong with one part of a document, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Issue {
    /// JSON Pointer (RFC 6901) into the document.
    pub pointer: String,
    /// A stable word, such as `required` or `not-a-date`.
    pub code: String,
    /// A sentence on cause and fix.
    pub message: String,
}
