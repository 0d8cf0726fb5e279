//! What a verifiable credential type is, in its own words (SD-JWT VC, draft 12 and later, "Type Metadata").

use serde::{Deserialize, Serialize};

use crate::issuer_metadata::{BackgroundImage, Logo, PathElement};

/// The document that is found where `vct` points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeMetadata {
    /// The type, byte for byte as credentials name it.
    pub vct: String,
    /// What developers call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What developers should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is shown, one for each locale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<TypeDisplay>,
    /// Its claims, in display order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimMetadata>,
}

/// How a type is shown, in one locale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeDisplay {
    /// BCP 47 tag.
    pub locale: String,
    /// What people call it.
    pub name: String,
    /// One sentence on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendering: Option<Rendering>,
}

/// By rendering method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendering {
    /// Pictures and colours.
    pub simple: SimpleRendering,
}

/// The method "simple".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimpleRendering {
    /// The logo on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// What is behind the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_image: Option<BackgroundImage>,
    /// CSS colour of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_color: Option<String>,
    /// CSS colour of the text on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_color: Option<String>,
}

/// One claim, or all elements of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimMetadata {
    /// From the root of the credential.
    pub path: Vec<PathElement>,
    /// Labels, one for each locale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<ClaimLabel>,
    /// Whether every credential has it.
    #[serde(default)]
    pub mandatory: bool,
    /// Whether holders can withhold it.
    pub sd: Disclosability,
}

/// A label, in one locale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimLabel {
    /// BCP 47 tag.
    pub locale: String,
    /// The label.
    pub label: String,
}

/// Whether holders can withhold a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disclosability {
    /// In every credential.
    Always,
    /// In some, as the issuer likes.
    Allowed,
    /// In none.
    Never,
}
