//! Every attribute: its claim, its kind, its labels (PID Rulebook 1.4, §4.1.1).

use chancery_plugin_sdk::{
    Claims, Disclosure, Field, Value,
    ValueKind::{self, Array, Date, Image, Integer, Text},
};
use serde_json::Map;

/// One attribute.
pub struct Attribute {
    /// Its field in the dataset.
    pub field: &'static str,
    /// Its claim, as object members from the root; the offer uses the same path.
    pub path: &'static [&'static str],
    /// What kind of value it has.
    pub kind: ValueKind,
    /// Whether every PID has it.
    pub mandatory: bool,
    /// Its label in English.
    pub en: &'static str,
    /// Its label in German.
    pub de: &'static str,
}

const fn attribute(
    field: &'static str,
    path: &'static [&'static str],
    kind: ValueKind,
    en: &'static str,
    de: &'static str,
) -> Attribute {
    Attribute { field, path, kind, mandatory: false, en, de }
}

const fn mandatory(
    field: &'static str,
    path: &'static [&'static str],
    kind: ValueKind,
    en: &'static str,
    de: &'static str,
) -> Attribute {
    Attribute { field, path, kind, mandatory: true, en, de }
}

/// All attributes but the age thresholds, which the tenant chooses.
#[rustfmt::skip]
pub const ATTRIBUTES: [Attribute; 29] = [
    mandatory("given_name", &["given_name"], Text, "Given names", "Vornamen"),
    mandatory("family_name", &["family_name"], Text, "Family name", "Familienname"),
    mandatory("birthdate", &["birthdate"], Date, "Date of birth", "Geburtsdatum"),
    // At least one of the three is there, which only the subject's schema can say.
    attribute("place_of_birth_locality", &["place_of_birth", "locality"], Text, "Place of birth", "Geburtsort"),
    attribute("place_of_birth_region", &["place_of_birth", "region"], Text, "Region of birth", "Geburtsregion"),
    attribute("place_of_birth_country", &["place_of_birth", "country"], Text, "Country of birth", "Geburtsland"),
    mandatory("nationalities", &["nationalities"], Array, "Nationalities", "Staatsangehörigkeiten"),
    attribute("birth_given_name", &["birth_given_name"], Text, "Given names at birth", "Vornamen bei der Geburt"),
    attribute("birth_family_name", &["birth_family_name"], Text, "Family name at birth", "Geburtsname"),
    attribute("sex", &["sex"], Integer, "Sex", "Geschlecht"),
    attribute("picture", &["picture"], Image, "Portrait", "Lichtbild"),
    attribute("address_formatted", &["address", "formatted"], Text, "Address", "Anschrift"),
    attribute("address_street_address", &["address", "street_address"], Text, "Street", "Straße"),
    attribute("address_house_number", &["address", "house_number"], Text, "House number", "Hausnummer"),
    attribute("address_postal_code", &["address", "postal_code"], Text, "Postal code", "Postleitzahl"),
    attribute("address_locality", &["address", "locality"], Text, "Place of residence", "Wohnort"),
    attribute("address_region", &["address", "region"], Text, "Region of residence", "Region des Wohnorts"),
    attribute("address_country", &["address", "country"], Text, "Country of residence", "Wohnsitzland"),
    attribute("email", &["email"], Text, "E-mail", "E-Mail"),
    attribute("phone_number", &["phone_number"], Text, "Mobile phone number", "Mobiltelefonnummer"),
    attribute("personal_administrative_number", &["personal_administrative_number"], Text, "Personal administrative number", "Persönliche Verwaltungsnummer"),
    attribute("document_number", &["document_number"], Text, "Document number", "Dokumentennummer"),
    mandatory("date_of_issuance", &["date_of_issuance"], Date, "Date of issuance", "Ausstellungsdatum"),
    mandatory("date_of_expiry", &["date_of_expiry"], Date, "Date of expiry", "Ablaufdatum"),
    mandatory("issuing_authority", &["issuing_authority"], Text, "Issuing authority", "Ausstellende Behörde"),
    mandatory("issuing_country", &["issuing_country"], Text, "Issuing country", "Ausstellendes Land"),
    attribute("issuing_jurisdiction", &["issuing_jurisdiction"], Text, "Issuing jurisdiction", "Ausstellendes Gebiet"),
    attribute("trust_anchor", &["trust_anchor"], Text, "Trust anchor", "Vertrauensanker"),
    mandatory("attestation_legal_category", &["attestation_legal_category"], Text, "Legal category", "Rechtliche Kategorie"),
];

/// The attribute as a field of the dataset.
pub fn field(attribute: &Attribute) -> Field {
    let field = Field::new(attribute.field, attribute.kind);
    let field = field.label("en", attribute.en).label("de", attribute.de);
    if attribute.mandatory { field.mandatory() } else { field }
}

/// The attribute as a claim.
pub fn claim(claims: Claims, attribute: &Attribute) -> Claims {
    match attribute.kind {
        Array => claims.elements(attribute.field),
        _ => claims.at(attribute.field, attribute.path, Disclosure::Selective),
    }
}

/// The field that says whether somebody has completed so many years.
pub fn age_name(years: u8) -> String {
    format!("age_equal_or_over_{years}")
}

/// It as a field of the dataset.
pub fn age_field(years: u8) -> Field {
    Field::boolean(&age_name(years))
        .mandatory()
        .label("en", &format!("Age {years} or over"))
        .label("de", &format!("Mindestens {years} Jahre alt"))
}

/// It as a claim.
pub fn age_claim(claims: Claims, years: u8) -> Claims {
    claims.at(&age_name(years), &["age_equal_or_over", &years.to_string()], Disclosure::Selective)
}

/// What the offer says about the person, as fields.
pub fn of_person(mut subject: Map<String, Value>) -> Map<String, Value> {
    let mut dataset = Map::new();
    for attribute in &ATTRIBUTES {
        let value = match attribute.path {
            [name] => subject.get_mut(*name),
            [object, name] => subject.get_mut(*object).and_then(|object| object.get_mut(*name)),
            _ => None,
        };
        if let Some(value) = value {
            dataset.insert(attribute.field.into(), value.take());
        }
    }
    dataset
}
