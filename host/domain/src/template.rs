//! What a credential template declares: the fields of its neutral dataset and
//! how each appears in every format. The host derives metadata, disclosure and
//! encoding from this; a template never emits a wire format.

mod compatibility;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A credential type, as one template describes it under one configuration.
///
/// Serialised it is what credentials that are out rely on: nothing of how it is shown, or of who gets one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// The credential configuration id of the SD-JWT VC form; other formats append to it.
    pub configuration_id: String,
    /// Names shown for the credential, at most one per locale.
    #[serde(skip)]
    pub display: Vec<CredentialDisplay>,
    /// The fields of the dataset, in display order.
    pub fields: Vec<Field>,
    /// The SD-JWT VC form, where the template has one.
    pub sd_jwt: Option<SdJwtProjection>,
    /// The mdoc form, where the template has one.
    pub mdoc: Option<MdocProjection>,
    /// The W3C forms, where the template has them.
    pub w3c: Option<W3cProjection>,
    /// The JSON Schema of the subject data that an offer carries (draft 2020-12).
    #[serde(skip)]
    pub subject_schema: Value,
    /// How long a credential is good for, in days; the host clamps it.
    #[serde(skip)]
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
    /// The logo on the card.
    pub logo: Option<Logo>,
    /// An `https:` URL, or a `data:` URL with an image: what is behind the text.
    pub background_image: Option<String>,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// An `https:` URL, or a `data:` URL with an image.
    pub uri: String,
    /// What it shows, for people who cannot see it.
    pub alternative_text: Option<String>,
}

/// One field of the dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its key in the dataset: `[a-z][a-z0-9_]*`.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ValueKind,
    /// Whether every credential has it.
    pub mandatory: bool,
    /// Labels, at most one per locale.
    #[serde(skip)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SdJwtProjection {
    /// The verifiable credential type; from a slash on, if it lies below whoever issues it.
    pub vct: String,
    /// Where each field goes. Fields that are not listed do not appear.
    pub claims: Vec<SdJwtClaim>,
}

impl SdJwtProjection {
    /// The type as credentials of that issuer name it: one that begins with a slash lies below their identifier.
    pub fn vct_at(&self, identifier: &str) -> Cow<'_, str> {
        if self.vct.starts_with('/') {
            Cow::Owned(format!("{identifier}{}", self.vct))
        } else {
            Cow::Borrowed(&self.vct)
        }
    }
}

/// Where one field goes in an SD-JWT VC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disclosure {
    /// The holder decides (`sd: allowed`/`always` in type metadata: the claim becomes a disclosure).
    Selective,
    /// Always visible.
    Always,
}

/// The mdoc form of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdocProjection {
    /// The document type.
    pub doctype: String,
    /// Where each field goes. Fields that are not listed do not appear.
    pub elements: Vec<MdocElement>,
}

/// Where one field goes in an mdoc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdocElement {
    /// The field of the dataset.
    pub field: String,
    /// The namespace of the element.
    pub namespace: String,
    /// Its identifier in the namespace, unique there.
    pub element: String,
    /// How its value is encoded.
    pub cbor: CborType,
}

/// The W3C forms of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct W3cProjection {
    /// Types beside `VerifiableCredential`.
    pub types: Vec<String>,
    /// Contexts beside the base context.
    pub contexts: Vec<String>,
    /// Where each field goes. Fields that are not listed do not appear.
    pub claims: Vec<W3cClaim>,
}

/// Where one field goes in a W3C credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct W3cClaim {
    /// The field of the dataset.
    pub field: String,
    /// Object members from `credentialSubject`; never `id`.
    pub path: Vec<String>,
}

/// How a value is encoded in CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CborType {
    /// As its JSON value suggests.
    Plain,
    /// `full-date` (RFC 8943).
    FullDate,
    /// `tdate` (RFC 8949).
    Tdate,
    /// A byte string, from base64 or a `data:` URL.
    Bytes,
    /// As its JSON value suggests, but days within it, at every depth, are `full-date`s.
    Dated,
}

/// The format of a credential. A template's one dataset feeds all that its author declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SD-JWT VC (`dc+sd-jwt`).
    SdJwt,
    /// ISO/IEC 18013-5 (`mso_mdoc`).
    Mdoc,
    /// VCDM 1.1 as JWT (`jwt_vc_json`).
    JwtVcJson,
    /// VCDM 2.0, secured by JOSE (`vc+jwt`).
    VcJwt,
}

impl Format {
    /// All of them, the first with the bare configuration id.
    pub const ALL: [Self; 4] = [Self::SdJwt, Self::Mdoc, Self::JwtVcJson, Self::VcJwt];

    /// The identifier of the format (OpenID4VCI Appendix A; of `vc+jwt` its media type, as there is no profile).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SdJwt => "dc+sd-jwt",
            Self::Mdoc => "mso_mdoc",
            Self::JwtVcJson => "jwt_vc_json",
            Self::VcJwt => "vc+jwt",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::SdJwt => "",
            Self::Mdoc => ".mso_mdoc",
            Self::JwtVcJson => ".jwt_vc_json",
            Self::VcJwt => ".vc_jwt",
        }
    }

    /// The credential configuration of a template in this format.
    pub fn configuration_id(self, template: &str) -> String {
        format!("{template}{}", self.suffix())
    }

    /// The template and the format that a credential configuration id names. A template's own id has no dot.
    pub fn of_configuration(id: &str) -> (&str, Self) {
        let named = [Self::Mdoc, Self::JwtVcJson, Self::VcJwt].into_iter();
        let mut named = named.filter_map(|format| Some((id.strip_suffix(format.suffix())?, format)));
        named.next().unwrap_or((id, Self::SdJwt))
    }
}

impl Definition {
    /// Whether the template has this form.
    pub fn has(&self, format: Format) -> bool {
        match format {
            Format::SdJwt => self.sd_jwt.is_some(),
            Format::Mdoc => self.mdoc.is_some(),
            Format::JwtVcJson | Format::VcJwt => self.w3c.is_some(),
        }
    }

    /// Whether the field appears in this form.
    pub fn shows(&self, field: &str, format: Format) -> bool {
        match format {
            Format::SdJwt => {
                self.sd_jwt.iter().flat_map(|form| &form.claims).any(|claim| claim.field == field)
            }
            Format::Mdoc => {
                self.mdoc.iter().flat_map(|form| &form.elements).any(|element| element.field == field)
            }
            Format::JwtVcJson | Format::VcJwt => {
                self.w3c.iter().flat_map(|form| &form.claims).any(|claim| claim.field == field)
            }
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// JSON Pointer (RFC 6901) into the document.
    pub pointer: String,
    /// A stable word, such as `required` or `not-a-date`.
    pub code: String,
    /// A sentence on cause and fix.
    pub message: String,
}
