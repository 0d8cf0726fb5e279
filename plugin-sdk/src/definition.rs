//! Describing a credential type.

use serde_json::{Value, json};

/// A credential type.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The credential configuration id.
    pub configuration_id: String,
    /// How the credential is shown, one entry per locale.
    pub display: Vec<Display>,
    /// The fields of the dataset, in the order in which people read them.
    pub fields: Vec<Field>,
    /// The SD-JWT VC form.
    pub sd_jwt: Option<Projection>,
    /// The mdoc form.
    pub mdoc: Option<MdocProjection>,
    /// The W3C forms.
    pub w3c: Option<W3cProjection>,
    /// Where `prepare` may have things looked up.
    pub sources: Vec<Source>,
    /// JSON Schema of the subject data that an offer carries.
    pub subject_schema: Value,
    /// JSON Schema of the plugin's configuration.
    pub configuration_schema: Value,
    /// For how many days a credential is good.
    pub validity_days: u32,
}

impl Definition {
    /// A type with this configuration id (`[a-z][a-z0-9-]*`), good for a year, without
    /// configuration.
    pub fn new(configuration_id: &str) -> Self {
        Self {
            configuration_id: configuration_id.into(),
            display: Vec::new(),
            fields: Vec::new(),
            sd_jwt: None,
            mdoc: None,
            w3c: None,
            sources: Vec::new(),
            subject_schema: json!({"type": "object"}),
            configuration_schema: json!({"type": "object", "additionalProperties": false}),
            validity_days: 365,
        }
    }

    /// How the credential is shown, in one more locale. There must be at least one.
    #[must_use]
    pub fn display(mut self, display: Display) -> Self {
        self.display.push(display);
        self
    }

    /// One more field of the dataset. The order is the one in which people read them.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// More fields of the dataset.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// The SD-JWT VC form: its `vct`, and where each field goes.
    #[must_use]
    pub fn sd_jwt(mut self, vct: &str, claims: impl FnOnce(Claims) -> Claims) -> Self {
        self.sd_jwt = Some(Projection { vct: vct.into(), claims: claims(Claims(Vec::new())).0 });
        self
    }

    /// The mdoc form.
    #[must_use]
    pub fn mdoc(mut self, mdoc: MdocProjection) -> Self {
        self.mdoc = Some(mdoc);
        self
    }

    /// The W3C forms.
    #[must_use]
    pub fn w3c(mut self, w3c: W3cProjection) -> Self {
        self.w3c = Some(w3c);
        self
    }

    /// One more place where `prepare` may have things looked up.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// JSON Schema (draft 2020-12) of the subject data that an offer carries.
    #[must_use]
    pub fn subject_schema(mut self, schema: Value) -> Self {
        self.subject_schema = schema;
        self
    }

    /// JSON Schema (draft 2020-12) of the plugin's configuration.
    #[must_use]
    pub fn configuration_schema(mut self, schema: Value) -> Self {
        self.configuration_schema = schema;
        self
    }

    /// For how many days a credential is good; the host clamps it.
    #[must_use]
    pub fn validity_days(mut self, days: u32) -> Self {
        self.validity_days = days;
        self
    }
}

/// How a credential is shown, in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// BCP 47 tag.
    pub locale: String,
    /// What people call the credential.
    pub name: String,
    /// One sentence on it.
    pub description: Option<String>,
    /// Colour of the card, `#rrggbb`.
    pub background_color: Option<String>,
    /// Colour of the text on it, `#rrggbb`.
    pub text_color: Option<String>,
    /// The logo on the card.
    pub logo: Option<Logo>,
    /// Where the picture behind the text is: an `https:` URL, or a `data:` URL with an image.
    pub background_image: Option<String>,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// An `https:` URL, or a `data:` URL with an image of at most 32 KiB.
    pub uri: String,
    /// What it shows, for people who cannot see it.
    pub alternative_text: Option<String>,
}

impl Display {
    /// What people call the credential, in the language of this BCP 47 tag.
    pub fn new(locale: &str, name: &str) -> Self {
        Self {
            locale: locale.into(),
            name: name.into(),
            description: None,
            background_color: None,
            text_color: None,
            logo: None,
            background_image: None,
        }
    }

    /// One sentence on the credential.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Colours of the card and of the text on it, `#rrggbb`.
    #[must_use]
    pub fn colors(mut self, background: &str, text: &str) -> Self {
        self.background_color = Some(background.into());
        self.text_color = Some(text.into());
        self
    }

    /// The logo on the card, and what it shows, for people who cannot see it.
    #[must_use]
    pub fn logo(mut self, uri: &str, alternative_text: &str) -> Self {
        self.logo = Some(Logo { uri: uri.into(), alternative_text: Some(alternative_text.into()) });
        self
    }

    /// Where the picture behind the text is.
    #[must_use]
    pub fn background_image(mut self, uri: &str) -> Self {
        self.background_image = Some(uri.into());
        self
    }
}

/// One field of the dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its key in the dataset.
    pub name: String,
    /// What kind of value it holds.
    pub kind: ValueKind,
    /// Whether every credential has it.
    pub mandatory: bool,
    /// Labels: BCP 47 tag, text.
    pub labels: Vec<(String, String)>,
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A JSON string.
    Text,
    /// A JSON number without a fraction.
    Integer,
    /// A JSON number.
    Number,
    /// A JSON boolean.
    Boolean,
    /// `YYYY-MM-DD`, a day that exists.
    Date,
    /// RFC 3339, with an offset.
    DateTime,
    /// A `data:` URL with an image.
    Image,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
}

impl Field {
    /// An optional field (`[a-z][a-z0-9_]*`).
    pub fn new(name: &str, kind: ValueKind) -> Self {
        Self { name: name.into(), kind, mandatory: false, labels: Vec::new() }
    }

    /// An optional field that holds text.
    pub fn text(name: &str) -> Self {
        Self::new(name, ValueKind::Text)
    }

    /// An optional field that holds a day.
    pub fn date(name: &str) -> Self {
        Self::new(name, ValueKind::Date)
    }

    /// An optional field that is true or false.
    pub fn boolean(name: &str) -> Self {
        Self::new(name, ValueKind::Boolean)
    }

    /// Every credential has it.
    #[must_use]
    pub fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// A label in one more locale.
    #[must_use]
    pub fn label(mut self, locale: &str, label: &str) -> Self {
        self.labels.push((locale.into(), label.into()));
        self
    }
}

/// The SD-JWT VC form of a credential type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The verifiable credential type.
    pub vct: String,
    /// Where each field goes.
    pub claims: Vec<SdJwtClaim>,
}

/// Where one field goes in an SD-JWT VC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdJwtClaim {
    /// The field's name.
    pub field: String,
    /// Object members from the root.
    pub path: Vec<String>,
    /// Whether the holder may withhold it.
    pub disclosure: Disclosure,
    /// Whether each element can be withheld on its own.
    pub elements: bool,
}

/// Whether the holder may withhold a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The holder decides.
    Selective,
    /// Always visible.
    Always,
}

/// Where fields go in an SD-JWT VC. The host refuses a registered claim (`iss`, `exp`, `status`, …)
/// at the root: those it sets itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims(Vec<SdJwtClaim>);

impl Claims {
    /// A field at the root under its own name; the holder may withhold it.
    #[must_use]
    pub fn selective(self, field: &str) -> Self {
        self.at(field, &[field], Disclosure::Selective)
    }

    /// A field at the root under its own name, always visible.
    #[must_use]
    pub fn always(self, field: &str) -> Self {
        self.at(field, &[field], Disclosure::Always)
    }

    /// A field at a path of object members from the root.
    #[must_use]
    pub fn at(mut self, field: &str, path: &[&str], disclosure: Disclosure) -> Self {
        let path = path.iter().map(|member| (*member).to_owned()).collect();
        self.0.push(SdJwtClaim { field: field.into(), path, disclosure, elements: false });
        self
    }

    /// An array at the root under its own name; the holder may withhold it and each of its
    /// elements.
    #[must_use]
    pub fn elements(mut self, field: &str) -> Self {
        self = self.selective(field);
        if let Some(claim) = self.0.last_mut() {
            claim.elements = true;
        }
        self
    }
}

/// The mdoc form of a credential type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdocProjection {
    /// The document type.
    pub doctype: String,
    /// Where fields go.
    pub elements: Vec<MdocElement>,
}

/// Where one field goes in an mdoc, and how it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdocElement {
    /// The field's name.
    pub field: String,
    /// The namespace of the element.
    pub namespace: String,
    /// The element's identifier in its namespace.
    pub element: String,
    /// How its value is encoded.
    pub cbor: Cbor,
}

/// How a value is encoded in CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cbor {
    /// As its JSON value suggests.
    Plain,
    /// `full-date`, tag 1004 (RFC 8943).
    FullDate,
    /// `tdate`, tag 0 (RFC 8949).
    Tdate,
    /// A byte string, from base64 or a `data:` URL.
    Bytes,
    /// As its JSON value suggests, but days within it, at every depth, are `full-date`s.
    Dated,
}

/// The W3C forms of a credential type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct W3cProjection {
    /// Types beside `VerifiableCredential`.
    pub types: Vec<String>,
    /// Contexts beside the base context.
    pub contexts: Vec<String>,
    /// Where fields go: the field's name, and object members from `credentialSubject`.
    pub claims: Vec<(String, Vec<String>)>,
}

/// A place where the host looks things up for the plugin. The tenant configures where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The name that a lookup uses: `[a-z][a-z0-9-]*`.
    pub name: String,
    /// One sentence on what it has to answer.
    pub description: String,
    /// JSON Schema (draft 2020-12) of a lookup's parameters.
    pub parameters_schema: Value,
    /// JSON Schema (draft 2020-12) of an answer.
    pub answer_schema: Value,
}

impl Source {
    /// A source (`[a-z][a-z0-9-]*`) with one sentence on what it has to answer; it takes and says objects.
    pub fn new(name: &str, description: &str) -> Self {
        let object = json!({"type": "object"});
        Self {
            name: name.into(),
            description: description.into(),
            parameters_schema: object.clone(),
            answer_schema: object,
        }
    }

    /// JSON Schema of what it is asked. The host refuses a lookup that breaks it.
    #[must_use]
    pub fn parameters(mut self, schema: Value) -> Self {
        self.parameters_schema = schema;
        self
    }

    /// JSON Schema of what it answers. The host hands on no answer that breaks it.
    #[must_use]
    pub fn answer(mut self, schema: Value) -> Self {
        self.answer_schema = schema;
        self
    }
}
