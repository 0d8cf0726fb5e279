//! The same attributes as elements of an mdoc (PID Rulebook 1.4, §3.1).

use chancery_plugin_sdk::{Cbor, Field, MdocElement, MdocProjection, Value};
use serde_json::Map;

/// Both the document type and its namespace.
const PID: &str = "eu.europa.ec.eudi.pid.1";

/// The place of birth in one piece: SD-JWT VC has it member by member, mdoc as one element.
pub const PLACE_OF_BIRTH: &str = "place_of_birth";

/// Field, element, encoding.
#[rustfmt::skip]
const ELEMENTS: [(&str, &str, Cbor); 27] = [
    ("family_name", "family_name", Cbor::Plain),
    ("given_name", "given_name", Cbor::Plain),
    ("birthdate", "birth_date", Cbor::FullDate),
    (PLACE_OF_BIRTH, "place_of_birth", Cbor::Plain),
    ("nationalities", "nationality", Cbor::Plain),
    ("birth_family_name", "family_name_birth", Cbor::Plain),
    ("birth_given_name", "given_name_birth", Cbor::Plain),
    ("sex", "sex", Cbor::Plain),
    ("picture", "portrait", Cbor::Bytes),
    ("address_formatted", "resident_address", Cbor::Plain),
    ("address_street_address", "resident_street", Cbor::Plain),
    ("address_house_number", "resident_house_number", Cbor::Plain),
    ("address_postal_code", "resident_postal_code", Cbor::Plain),
    ("address_locality", "resident_city", Cbor::Plain),
    ("address_region", "resident_state", Cbor::Plain),
    ("address_country", "resident_country", Cbor::Plain),
    ("email", "email_address", Cbor::Plain),
    ("phone_number", "mobile_phone_number", Cbor::Plain),
    ("personal_administrative_number", "personal_administrative_number", Cbor::Plain),
    ("document_number", "document_number", Cbor::Plain),
    ("date_of_issuance", "issuance_date", Cbor::FullDate),
    ("date_of_expiry", "expiry_date", Cbor::FullDate),
    ("issuing_authority", "issuing_authority", Cbor::Plain),
    ("issuing_country", "issuing_country", Cbor::Plain),
    ("issuing_jurisdiction", "issuing_jurisdiction", Cbor::Plain),
    ("trust_anchor", "trust_anchor", Cbor::Plain),
    ("attestation_legal_category", "attestation_legal_category", Cbor::Plain),
];

/// The mdoc form.
pub fn projection(thresholds: &[u8]) -> MdocProjection {
    let element = |field: &str, element: &str, cbor| MdocElement {
        field: field.to_owned(),
        namespace: PID.to_owned(),
        element: element.to_owned(),
        cbor,
    };
    let mut elements: Vec<_> =
        ELEMENTS.iter().map(|(field, name, cbor)| element(field, name, *cbor)).collect();
    for years in thresholds {
        let field = crate::attributes::age_name(*years);
        elements.push(element(&field, &format!("age_over_{years}"), Cbor::Plain));
    }
    MdocProjection { doctype: PID.to_owned(), elements }
}

/// What only the mdoc form has.
pub fn field() -> Field {
    let field = Field::new(PLACE_OF_BIRTH, chancery_plugin_sdk::ValueKind::Object);
    field.label("en", "Place of birth").label("de", "Geburtsort")
}

/// Keeps what the offer says of it in one piece.
pub fn place_of_birth(subject: &Map<String, Value>, dataset: &mut Map<String, Value>) {
    if let Some(place) = subject.get(PLACE_OF_BIRTH) {
        dataset.insert(PLACE_OF_BIRTH.into(), place.clone());
    }
}
