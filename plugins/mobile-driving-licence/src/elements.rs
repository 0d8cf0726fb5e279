//! Every data element: its kind, its encoding, its labels (ISO/IEC 18013-5:2021, §7.2.1, table 5).

use chancery_plugin_sdk::{
    Cbor::{self, Bytes, Dated, FullDate, Plain},
    Claims, Definition, Field, MdocElement, MdocProjection,
    ValueKind::{self, Array, Boolean, Date, Image, Integer, Text},
};

/// The document type.
pub const DOCTYPE: &str = "org.iso.18013.5.1.mDL";
/// The namespace of all its elements.
pub const NAMESPACE: &str = "org.iso.18013.5.1";

/// One data element; field, claim and element have the same name.
pub struct Element {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: ValueKind,
    /// How it is encoded.
    pub cbor: Cbor,
    /// Whether every licence has it.
    pub mandatory: bool,
    /// Its label in English.
    pub en: &'static str,
    /// Its label in German.
    pub de: &'static str,
}

const fn mandatory(
    name: &'static str,
    kind: ValueKind,
    cbor: Cbor,
    en: &'static str,
    de: &'static str,
) -> Element {
    Element { name, kind, cbor, mandatory: true, en, de }
}

const fn optional(
    name: &'static str,
    kind: ValueKind,
    cbor: Cbor,
    en: &'static str,
    de: &'static str,
) -> Element {
    Element { name, kind, cbor, mandatory: false, en, de }
}

/// All elements but the age thresholds, which the tenant chooses.
#[rustfmt::skip]
pub const ELEMENTS: [Element; 29] = [
    mandatory("family_name", Text, Plain, "Family name", "Familienname"),
    mandatory("given_name", Text, Plain, "Given names", "Vornamen"),
    mandatory("birth_date", Date, FullDate, "Date of birth", "Geburtsdatum"),
    mandatory("issue_date", Date, FullDate, "Date of issue", "Ausstellungsdatum"),
    mandatory("expiry_date", Date, FullDate, "Date of expiry", "Ablaufdatum"),
    mandatory("issuing_country", Text, Plain, "Issuing country", "Ausstellendes Land"),
    mandatory("issuing_authority", Text, Plain, "Issuing authority", "Ausstellende Behörde"),
    mandatory("document_number", Text, Plain, "Licence number", "Führerscheinnummer"),
    mandatory("portrait", Image, Bytes, "Portrait", "Lichtbild"),
    mandatory("driving_privileges", Array, Dated, "Categories", "Fahrerlaubnisklassen"),
    mandatory("un_distinguishing_sign", Text, Plain, "Distinguishing sign", "Unterscheidungszeichen"),
    optional("administrative_number", Text, Plain, "Administrative number", "Verwaltungsnummer"),
    optional("sex", Integer, Plain, "Sex", "Geschlecht"),
    optional("height", Integer, Plain, "Height in cm", "Größe in cm"),
    optional("weight", Integer, Plain, "Weight in kg", "Gewicht in kg"),
    optional("eye_colour", Text, Plain, "Eye colour", "Augenfarbe"),
    optional("hair_colour", Text, Plain, "Hair colour", "Haarfarbe"),
    optional("birth_place", Text, Plain, "Place of birth", "Geburtsort"),
    optional("resident_address", Text, Plain, "Address", "Anschrift"),
    optional("resident_city", Text, Plain, "Place of residence", "Wohnort"),
    optional("resident_state", Text, Plain, "Region of residence", "Region des Wohnorts"),
    optional("resident_postal_code", Text, Plain, "Postal code", "Postleitzahl"),
    optional("resident_country", Text, Plain, "Country of residence", "Wohnsitzland"),
    optional("nationality", Text, Plain, "Nationality", "Staatsangehörigkeit"),
    optional("issuing_jurisdiction", Text, Plain, "Issuing jurisdiction", "Ausstellendes Gebiet"),
    optional("family_name_national_character", Text, Plain, "Family name in national characters", "Familienname in Landesschrift"),
    optional("given_name_national_character", Text, Plain, "Given names in national characters", "Vornamen in Landesschrift"),
    mandatory("age_in_years", Integer, Plain, "Age", "Alter"),
    mandatory("age_birth_year", Integer, Plain, "Year of birth", "Geburtsjahr"),
];

/// The element that says whether somebody has completed so many years.
pub fn age_over(years: u8) -> String {
    format!("age_over_{years:02}")
}

/// The definition with all fields and both forms.
pub fn declare(definition: Definition, thresholds: &[u8]) -> Definition {
    let fields = ELEMENTS.iter().map(|element| {
        let field = Field::new(element.name, element.kind).label("en", element.en).label("de", element.de);
        if element.mandatory { field.mandatory() } else { field }
    });
    let ages = thresholds.iter().map(|years| {
        Field::new(&age_over(*years), Boolean)
            .mandatory()
            .label("en", &format!("Age {years} or over"))
            .label("de", &format!("Mindestens {years} Jahre alt"))
    });
    definition
        .fields(fields.chain(ages))
        .sd_jwt("urn:chancery:mobile-driving-licence:1", |claims| {
            let claims = ELEMENTS.iter().fold(claims, claim);
            thresholds.iter().fold(claims, |claims, years| claims.selective(&age_over(*years)))
        })
        .mdoc(mdoc(thresholds))
}

fn claim(claims: Claims, element: &Element) -> Claims {
    if element.kind == Array { claims.elements(element.name) } else { claims.selective(element.name) }
}

fn mdoc(thresholds: &[u8]) -> MdocProjection {
    let element = |name: &str, cbor| MdocElement {
        field: name.to_owned(),
        namespace: NAMESPACE.to_owned(),
        element: name.to_owned(),
        cbor,
    };
    let named = ELEMENTS.iter().map(|it| element(it.name, it.cbor));
    let ages = thresholds.iter().map(|years| element(&age_over(*years), Plain));
    MdocProjection { doctype: DOCTYPE.to_owned(), elements: named.chain(ages).collect() }
}
