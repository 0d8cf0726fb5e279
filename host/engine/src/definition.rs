//! A plugin's definition of a credential type, from the contract's form to the domain's.
//!
//! Nothing is accepted that a host could not issue: reserved claims, undeclared fields, claims
//! that overlap, schemas that do not compile.

mod w3c;

use std::collections::HashSet;

use chancery_domain::template::{
    CborType, CredentialDisplay, Definition, Disclosure, Field, Issue, Label, Logo, MdocElement,
    MdocProjection, REGISTERED_CLAIMS, SdJwtClaim, SdJwtProjection, ValueKind,
};
use serde_json::Value;

use crate::{
    bindings::template as wit, dataset::is_image, log::escaped, manifest::is_name, schema::Schema,
    source::Source,
};

const MAX_FIELDS: usize = 200;
const MAX_LOCALES: usize = 50;
const MAX_PATH: usize = 8;
const MAX_PICTURE: usize = 32 << 10;
/// Ten years; the host's own clamp is lower.
const MAX_VALIDITY_DAYS: u32 = 3653;

/// A definition that was checked, and the schemas that came with it.
pub(crate) struct Checked {
    pub(crate) definition: Definition,
    pub(crate) subject: Schema,
    pub(crate) configuration: Schema,
    pub(crate) configuration_schema: Value,
    /// The sources that a lookup may name.
    pub(crate) sources: Vec<Source>,
}

/// Checks what a plugin described.
pub(crate) fn accept(described: wit::Definition) -> Result<Checked, Vec<Issue>> {
    let mut findings = Findings::default();
    if !is_name(&described.configuration_id) {
        findings.add("/configuration-id", "not-a-name", "must be of the form `[a-z][a-z0-9-]*`");
    }
    if !(1..=MAX_VALIDITY_DAYS).contains(&described.validity_days) {
        findings.add("/validity-days", "out-of-range", &format!("must be from 1 to {MAX_VALIDITY_DAYS}"));
    }
    let display = findings.display(described.display);
    let fields = findings.fields(described.fields);
    let sd_jwt = described.sd_jwt.map(|projection| findings.sd_jwt(projection, &fields));
    let mdoc = described.mdoc.map(|projection| findings.mdoc(projection, &fields));
    let w3c = described.w3c.map(|projection| findings.w3c(projection, &fields));
    let sources = findings.sources(&described.sources);
    let subject = findings.schema("/subject-schema", &described.subject_schema);
    let configuration = findings.schema("/configuration-schema", &described.configuration_schema);

    match (subject, configuration) {
        (Some((subject, subject_schema)), Some((configuration, configuration_schema)))
            if findings.0.is_empty() =>
        {
            let definition = Definition {
                configuration_id: described.configuration_id,
                display,
                fields,
                sd_jwt,
                mdoc,
                w3c,
                subject_schema,
                validity_days: described.validity_days,
            };
            Ok(Checked { definition, subject, configuration, configuration_schema, sources })
        }
        _ => Err(findings.0),
    }
}

/// Everything that is wrong, rather than the first thing: authors repair in one go.
#[derive(Default)]
pub(crate) struct Findings(Vec<Issue>);

impl Findings {
    /// All that was found.
    pub(crate) fn all(self) -> Vec<Issue> {
        self.0
    }

    pub(crate) fn add(&mut self, pointer: impl Into<String>, code: &str, message: &str) {
        self.0.push(Issue { pointer: pointer.into(), code: code.into(), message: message.into() });
    }

    fn display(&mut self, display: Vec<wit::CredentialDisplay>) -> Vec<CredentialDisplay> {
        if display.is_empty() {
            self.add("/display", "required", "must have an entry for at least one locale");
        }
        self.locales("/display", display.iter().map(|entry| &*entry.locale));
        for (index, entry) in display.iter().enumerate() {
            for (member, color) in
                [("background-color", &entry.background_color), ("text-color", &entry.text_color)]
            {
                if color.as_deref().is_some_and(|color| !is_color(color)) {
                    self.add(
                        format!("/display/{index}/{member}"),
                        "not-a-color",
                        "must be of the form `#rrggbb`",
                    );
                }
            }
            let logo = entry.logo.as_ref().map(|logo| &logo.uri);
            for (member, uri) in [("logo/uri", logo), ("background-image", entry.background_image.as_ref())] {
                if uri.is_some_and(|uri| !is_picture(uri)) {
                    let message = "must be an https: URL, or a data: URL of at most 32 KiB with an image";
                    self.add(format!("/display/{index}/{member}"), "not-a-picture", message);
                }
            }
        }
        display
            .into_iter()
            .map(|entry| CredentialDisplay {
                locale: entry.locale,
                name: entry.name,
                description: entry.description,
                background_color: entry.background_color,
                text_color: entry.text_color,
                logo: entry.logo.map(|logo| Logo { uri: logo.uri, alternative_text: logo.alternative_text }),
                background_image: entry.background_image,
            })
            .collect()
    }

    /// At most one entry per locale.
    pub(crate) fn locales<'a>(&mut self, pointer: &str, locales: impl Iterator<Item = &'a str>) {
        let mut seen = HashSet::new();
        for (index, locale) in locales.enumerate() {
            let pointer = || format!("{pointer}/{index}/locale");
            if !is_locale(locale) {
                self.add(pointer(), "not-a-locale", "must be a BCP 47 language tag");
            }
            if !seen.insert(locale.to_ascii_lowercase()) {
                self.add(pointer(), "duplicate", "has an entry already");
            }
            if index == MAX_LOCALES {
                self.add(pointer(), "too-many", &format!("more than {MAX_LOCALES} locales"));
                return;
            }
        }
    }

    fn fields(&mut self, fields: Vec<wit::Field>) -> Vec<Field> {
        if fields.len() > MAX_FIELDS {
            self.add("/fields", "too-many", &format!("more than {MAX_FIELDS} fields"));
            return Vec::new();
        }
        let mut names = HashSet::new();
        for (index, field) in fields.iter().enumerate() {
            let pointer = format!("/fields/{index}");
            if !is_field_name(&field.name) {
                self.add(format!("{pointer}/name"), "not-a-name", "must be of the form `[a-z][a-z0-9_]*`");
            }
            if !names.insert(&field.name) {
                self.add(format!("{pointer}/name"), "duplicate", "is declared already");
            }
            self.locales(&format!("{pointer}/display"), field.display.iter().map(|label| &*label.locale));
        }
        fields
            .into_iter()
            .map(|field| Field {
                name: field.name,
                kind: kind(field.kind),
                mandatory: field.mandatory,
                display: field
                    .display
                    .into_iter()
                    .map(|label| Label { locale: label.locale, name: label.name })
                    .collect(),
            })
            .collect()
    }

    fn sd_jwt(&mut self, projection: wit::SdJwtProjection, fields: &[Field]) -> SdJwtProjection {
        // SD-JWT VC §3.2.2.1.1: a collision-resistant name, so an URL or URN.
        self.declared("/sd-jwt/claims", projection.claims.iter().map(|claim| &*claim.field), fields);
        let vct = &projection.vct;
        let is_name = vct.contains(':') && !vct.chars().any(|c| c.is_whitespace() || c.is_control());
        if vct.len() > 512 || !(is_name || is_path(vct)) {
            self.add(
                "/sd-jwt/vct",
                "not-a-uri",
                "must be a URL, a URN, or a path below the issuer identifier",
            );
        }
        for (index, claim) in projection.claims.iter().enumerate() {
            let pointer = format!("/sd-jwt/claims/{index}");
            let field = fields.iter().find(|field| field.name == claim.field);
            if claim.elements && field.is_some_and(|field| field.kind != ValueKind::Array) {
                self.add(format!("{pointer}/elements"), "not-an-array", "only arrays have elements");
            }
            self.path(&pointer, &claim.path);
            let overlaps = |other: &wit::SdJwtClaim| {
                other.path.starts_with(&claim.path) || claim.path.starts_with(&other.path)
            };
            if projection.claims.iter().take(index).any(overlaps) {
                self.add(format!("{pointer}/path"), "overlap", "another claim lies at, above or below it");
            }
        }
        SdJwtProjection {
            vct: projection.vct,
            claims: projection
                .claims
                .into_iter()
                .map(|claim| SdJwtClaim {
                    field: claim.field,
                    path: claim.path,
                    disclosure: match claim.disclosure {
                        wit::Disclosure::Selective => Disclosure::Selective,
                        wit::Disclosure::Always => Disclosure::Always,
                    },
                    elements: claim.elements,
                })
                .collect(),
        }
    }

    fn mdoc(&mut self, projection: wit::MdocProjection, fields: &[Field]) -> MdocProjection {
        let elements = &projection.elements;
        self.declared("/mdoc/elements", elements.iter().map(|element| &*element.field), fields);
        if !is_identifier(&projection.doctype) {
            self.add("/mdoc/doctype", "not-a-name", "must be from 1 to 128 visible ASCII characters");
        }
        if elements.is_empty() {
            self.add("/mdoc/elements", "required", "must have at least one element");
        }
        for (index, element) in elements.iter().enumerate() {
            let pointer = format!("/mdoc/elements/{index}");
            for (member, text) in [("namespace", &element.namespace), ("element", &element.element)] {
                if !is_identifier(text) {
                    let message = "must be from 1 to 128 visible ASCII characters";
                    self.add(format!("{pointer}/{member}"), "not-a-name", message);
                }
            }
            let is_same = |other: &wit::MdocElement| {
                (&other.namespace, &other.element) == (&element.namespace, &element.element)
            };
            if elements.iter().take(index).any(is_same) {
                self.add(format!("{pointer}/element"), "duplicate", "is in the namespace already");
            }
            let kind = fields.iter().find(|field| field.name == element.field).map(|field| field.kind);
            if kind.is_some_and(|kind| !can_be(element.cbor, kind)) {
                self.add(format!("{pointer}/cbor"), "not-encodable", "does not fit the kind of the field");
            }
        }
        MdocProjection {
            doctype: projection.doctype,
            elements: projection
                .elements
                .into_iter()
                .map(|element| MdocElement {
                    field: element.field,
                    namespace: element.namespace,
                    element: element.element,
                    cbor: match element.cbor {
                        wit::CborType::Plain => CborType::Plain,
                        wit::CborType::FullDate => CborType::FullDate,
                        wit::CborType::Tdate => CborType::Tdate,
                        wit::CborType::Bytes => CborType::Bytes,
                        wit::CborType::Dated => CborType::Dated,
                    },
                })
                .collect(),
        }
    }

    /// A projection names declared fields only.
    fn declared<'a>(&mut self, pointer: &str, names: impl Iterator<Item = &'a str>, fields: &[Field]) {
        for (index, name) in names.enumerate() {
            if !fields.iter().any(|field| field.name == name) {
                let pointer = format!("{pointer}/{index}/field");
                self.add(pointer, "unknown-field", "is not declared in `fields`");
            }
        }
    }

    /// Registered claims are the host's; RFC 9901 §4.1 reserves `_sd` and `...` at every depth.
    fn path(&mut self, pointer: &str, path: &[String]) {
        let pointer = format!("{pointer}/path");
        match path {
            [] => self.add(&*pointer, "required", "must have at least one member"),
            _ if path.len() > MAX_PATH => {
                self.add(&*pointer, "too-many", &format!("more than {MAX_PATH} members"));
            }
            [first, ..] if REGISTERED_CLAIMS.contains(&&**first) => {
                self.add(&*pointer, "reserved", &format!("`{first}` is a claim that the host alone sets"));
            }
            _ if path.iter().any(|member| member.is_empty() || member.len() > 128) => {
                self.add(&*pointer, "out-of-range", "each member must have from 1 to 128 bytes");
            }
            _ if path.iter().any(|member| member == "_sd" || member == "...") => {
                self.add(&*pointer, "reserved", "`_sd` and `...` are reserved at every depth");
            }
            _ => {}
        }
    }

    fn sources(&mut self, sources: &[wit::Source]) -> Vec<Source> {
        let mut accepted = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            if !is_name(&source.name) || sources.iter().take(index).any(|other| other.name == source.name) {
                self.add(
                    format!("/sources/{index}/name"),
                    "not-a-name",
                    "must be of the form `[a-z][a-z0-9-]*` and unique",
                );
            }
            let parameters =
                self.schema(&format!("/sources/{index}/parameters-schema"), &source.parameters_schema);
            let answer = self.schema(&format!("/sources/{index}/answer-schema"), &source.answer_schema);
            if let (Some((parameters, _)), Some((answer, _))) = (parameters, answer) {
                let (name, description) = (source.name.clone(), escaped(&source.description, 300));
                accepted.push(Source { name, description, parameters, answer });
            }
        }
        accepted
    }

    /// A schema that compiles, and the document that it is.
    pub(crate) fn schema(&mut self, pointer: &str, text: &str) -> Option<(Schema, Value)> {
        let compiled = serde_json::from_str::<Value>(text)
            .map_err(|error| format!("must be JSON: {error}"))
            .and_then(|value| Ok((Schema::compile(&value)?, value)));
        compiled.map_err(|reason| self.add(pointer, "not-a-schema", &escaped(&reason, 300))).ok()
    }
}

fn kind(kind: wit::ValueKind) -> ValueKind {
    match kind {
        wit::ValueKind::Text => ValueKind::Text,
        wit::ValueKind::Integer => ValueKind::Integer,
        wit::ValueKind::Number => ValueKind::Number,
        wit::ValueKind::Boolean => ValueKind::Boolean,
        wit::ValueKind::Date => ValueKind::Date,
        wit::ValueKind::DateTime => ValueKind::DateTime,
        wit::ValueKind::Image => ValueKind::Image,
        wit::ValueKind::Object => ValueKind::Object,
        wit::ValueKind::Array => ValueKind::Array,
    }
}

/// Whether every value of the kind can be encoded so.
fn can_be(cbor: wit::CborType, kind: ValueKind) -> bool {
    match cbor {
        wit::CborType::Plain => true,
        wit::CborType::FullDate => kind == ValueKind::Date,
        wit::CborType::Tdate => kind == ValueKind::DateTime,
        wit::CborType::Bytes => matches!(kind, ValueKind::Image | ValueKind::Text),
        wit::CborType::Dated => matches!(kind, ValueKind::Object | ValueKind::Array),
    }
}

/// Whether it can follow an issuer identifier and still be the same however it is read: `/types/badge/1`.
fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let is_segment = |segment: &str| !["", ".", ".."].contains(&segment) && segment.chars().all(is_plain);
    text.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment))
}

fn is_identifier(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
}

fn is_field_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Nothing is fetched from it, ever; what matters is that wallets can.
fn is_picture(uri: &str) -> bool {
    let is_graphic = uri.chars().all(|c| c.is_ascii_graphic());
    let is_url = uri.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) && uri.len() <= 512;
    is_graphic && (is_url || (uri.len() <= MAX_PICTURE && is_image(uri)))
}

/// The shape of a BCP 47 tag; the registry of subtags is not consulted.
fn is_locale(text: &str) -> bool {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}
