//! What an offer may say about a person.

use chancery_plugin_sdk::{Day, Issue, Value, json};
use serde_json::Map;

/// The subject's schema: the attributes of a person under their claim names.
pub fn schema() -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 150});
    let like =
        |example: &str| json!({"type": "string", "minLength": 1, "maxLength": 150, "examples": [example]});
    let country = json!({"type": "string", "pattern": "^[A-Z]{2}$"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "given_name": like("Ada"),
            "family_name": like("Lovelace"),
            "birthdate": {"type": "string", "format": "date", "examples": ["1985-12-10"]},
            "place_of_birth": {
                "type": "object",
                "properties": {"country": country, "region": text, "locality": text},
                "minProperties": 1,
                "additionalProperties": false,
                "examples": [{"locality": "London", "country": "GB"}]
            },
            "nationalities": {
                "type": "array", "items": country, "minItems": 1, "maxItems": 10, "uniqueItems": true,
                "examples": [["GB"]]
            },
            "birth_given_name": text,
            "birth_family_name": text,
            // 0 not known, 1 male, 2 female, 3 other, 4 inter, 5 diverse, 6 open, 9 not applicable.
            "sex": {"type": "integer", "enum": [0, 1, 2, 3, 4, 5, 6, 9]},
            "picture": {"type": "string", "pattern": "^data:image/jpeg;base64,", "maxLength": 200_000},
            "address": {
                "type": "object",
                "properties": {
                    "formatted": {"type": "string", "minLength": 1, "maxLength": 600},
                    "street_address": text,
                    "house_number": text,
                    "postal_code": text,
                    "locality": text,
                    "region": text,
                    "country": country
                },
                "minProperties": 1,
                "additionalProperties": false
            },
            "email": {"type": "string", "format": "email", "maxLength": 254},
            "phone_number": {"type": "string", "pattern": "^\\+[1-9][0-9]{4,14}$"},
            "personal_administrative_number": text,
            "document_number": text
        },
        "required": ["given_name", "family_name", "birthdate", "place_of_birth", "nationalities"],
        "additionalProperties": false
    })
}

/// What the schema cannot say. The day of birth comes back.
pub fn check(subject: &Map<String, Value>, today: Day) -> Result<Day, Vec<Issue>> {
    let text = |name| subject.get(name).and_then(Value::as_str);
    let mut issues = Vec::new();

    let born = text("birthdate").and_then(Day::parse);
    match born {
        None => {
            issues.push(Issue::new("/birthdate", "not-a-date", "must be a day that exists, as YYYY-MM-DD"));
        }
        Some(born) if born > today => {
            issues.push(Issue::new("/birthdate", "in-the-future", "must not be later than today"));
        }
        Some(born) if born.age_on(today) > 150 => {
            issues.push(Issue::new("/birthdate", "too-long-ago", "must not be more than 150 years ago"));
        }
        Some(_) => {}
    }
    if text("picture").is_some_and(|picture| !is_jpeg(picture)) {
        issues.push(Issue::new("/picture", "not-a-jpeg", "must be a data: URL with a JPEG image in base64"));
    }

    match born {
        Some(born) if issues.is_empty() => Ok(born),
        _ => Err(issues),
    }
}

/// Whether it is padded base64 that begins as a JPEG does (`FF D8 FF`).
fn is_jpeg(url: &str) -> bool {
    let Some(data) = url.strip_prefix("data:image/jpeg;base64,") else { return false };
    let unpadded = data.trim_end_matches('=');
    data.len().is_multiple_of(4)
        && data.len() - unpadded.len() <= 2
        && data.starts_with("/9j/")
        && unpadded.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portrait_is_a_jpeg_in_base64() {
        assert!(is_jpeg("data:image/jpeg;base64,/9j/4AAQSkZJRg=="));
        for nonsense in [
            "data:image/jpeg;base64,",
            "data:image/jpeg;base64,/9j/4AAQSkZJRg",
            "data:image/jpeg;base64,iVBORw0KGgo=",
            "data:image/jpeg;base64,/9j/4AAQ SkZJRg=",
            "data:image/png;base64,/9j/4AAQSkZJRg==",
            "https://example.com/portrait.jpg",
        ] {
            assert!(!is_jpeg(nonsense), "{nonsense}");
        }
    }

    #[test]
    fn all_issues_are_named_at_once() {
        let subject = json!({"birthdate": "2026-02-30", "picture": "nothing"});
        let issues = check(subject.as_object().unwrap(), Day::at(1_793_000_000)).unwrap_err();
        let pointers: Vec<&str> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
        assert_eq!(pointers, ["/birthdate", "/picture"]);
    }
}
