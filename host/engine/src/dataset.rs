//! What a plugin wants to have issued, checked against its own definition.

use chancery_domain::{
    Dataset,
    template::{Definition, Field, ValueKind},
};
use serde_json::{Map, Value};
use time::{
    Date, OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::bindings::template as wit;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// Accepts a dataset with nothing undeclared, nothing missing and nothing of the wrong kind.
///
/// The error completes "its answer breaks the contract: …" and never holds a value.
pub(crate) fn accept(definition: &Definition, dataset: &wit::Dataset) -> Result<Dataset, String> {
    let values = accept_values(definition, &dataset.values)?;
    // What is further away than calendars go is no end.
    let good_until = dataset.good_until.and_then(|end| i64::try_from(end).ok());
    let good_until = good_until.and_then(|end| OffsetDateTime::from_unix_timestamp(end).ok());
    Ok(Dataset { values, good_until })
}

fn accept_values(definition: &Definition, document: &str) -> Result<Map<String, Value>, String> {
    let document: Value =
        serde_json::from_str(document).map_err(|error| format!("the dataset is not JSON: {error}"))?;
    let Value::Object(values) = document else { return Err("the dataset is not a JSON object".into()) };
    for name in values.keys() {
        if !definition.fields.iter().any(|field| field.name == *name) {
            return Err(format!(
                "the dataset has a field that its definition does not declare: `{}`",
                name.escape_default()
            ));
        }
    }
    for field in &definition.fields {
        match values.get(&field.name) {
            None if field.mandatory => {
                return Err(format!("the mandatory field `{}` is missing", field.name));
            }
            None => {}
            Some(value) => fits(field, value)?,
        }
    }
    Ok(values)
}

fn fits(field: &Field, value: &Value) -> Result<(), String> {
    let text = value.as_str();
    let (fits, expected) = match field.kind {
        ValueKind::Text => (text.is_some(), "text"),
        ValueKind::Integer => (value.is_i64() || value.is_u64(), "an integer"),
        ValueKind::Number => (value.is_number(), "a number"),
        ValueKind::Boolean => (value.is_boolean(), "true or false"),
        ValueKind::Date => (text.is_some_and(|text| Date::parse(text, DAY).is_ok()), "a date, YYYY-MM-DD"),
        ValueKind::DateTime => {
            (text.is_some_and(|text| OffsetDateTime::parse(text, &Rfc3339).is_ok()), "a time as in RFC 3339")
        }
        ValueKind::Image => (text.is_some_and(is_image), "a data: URL with an image"),
        ValueKind::Object => (value.is_object(), "an object"),
        ValueKind::Array => (value.is_array(), "an array"),
    };
    if fits { Ok(()) } else { Err(format!("the field `{}` is not {expected}", field.name)) }
}

/// RFC 2397, images in base64 only.
pub(crate) fn is_image(url: &str) -> bool {
    let Some((media_type, data)) =
        url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"))
    else {
        return false;
    };
    let unpadded = data.trim_end_matches('=');
    !media_type.is_empty()
        && media_type.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && data.len().is_multiple_of(4)
        && data.len() - unpadded.len() <= 2
        && !unpadded.is_empty()
        && unpadded.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(kind: ValueKind) -> Definition {
        Definition {
            configuration_id: "test".into(),
            display: Vec::new(),
            fields: vec![
                Field { name: "value".into(), kind, mandatory: true, display: Vec::new() },
                Field { name: "more".into(), kind: ValueKind::Text, mandatory: false, display: Vec::new() },
            ],
            sd_jwt: None,
            mdoc: None,
            w3c: None,
            subject_schema: json!({}),
            validity_days: 1,
        }
    }

    fn refusal(kind: ValueKind, document: &Value) -> Option<String> {
        accept_values(&definition(kind), &document.to_string()).err()
    }

    #[test]
    fn declared_fields_of_the_right_kind_are_accepted() {
        for (kind, value) in [
            (ValueKind::Text, json!("x")),
            (ValueKind::Integer, json!(-3)),
            (ValueKind::Number, json!(0.5)),
            (ValueKind::Boolean, json!(false)),
            (ValueKind::Date, json!("2024-02-29")),
            (ValueKind::DateTime, json!("2026-11-21T10:00:00+01:00")),
            (ValueKind::Image, json!("data:image/png;base64,iVBORw0KGgo=")),
            (ValueKind::Object, json!({"a": 1})),
            (ValueKind::Array, json!([1])),
        ] {
            assert_eq!(refusal(kind, &json!({"value": value})), None);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_without_repeating_it() {
        for (kind, value) in [
            (ValueKind::Text, json!(1)),
            (ValueKind::Text, json!(null)),
            (ValueKind::Integer, json!(1.5)),
            (ValueKind::Number, json!("1")),
            (ValueKind::Boolean, json!("true")),
            (ValueKind::Date, json!("2026-02-29")),
            (ValueKind::Date, json!("2026-2-9")),
            (ValueKind::Date, json!("2026-11-21T00:00:00Z")),
            (ValueKind::DateTime, json!("2026-11-21")),
            (ValueKind::DateTime, json!("2026-11-21T10:00:00")),
            (ValueKind::Image, json!("https://example.com/secret.png")),
            (ValueKind::Image, json!("data:image/png;base64,secret")),
            (ValueKind::Image, json!("data:text/html;base64,c2VjcmV0")),
            (ValueKind::Object, json!([])),
            (ValueKind::Array, json!({})),
        ] {
            let refusal =
                refusal(kind, &json!({"value": value})).unwrap_or_else(|| panic!("{kind:?} took {value}"));
            assert!(refusal.contains("`value`") && !refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn an_undeclared_field_is_refused() {
        let refusal =
            refusal(ValueKind::Text, &json!({"value": "x", "iss": "https://evil.example"})).unwrap();
        assert!(refusal.contains("`iss`"), "{refusal}");
    }

    #[test]
    fn a_missing_mandatory_field_is_refused() {
        assert!(refusal(ValueKind::Text, &json!({"more": "x"})).unwrap().contains("`value`"));
    }
}
