//! What an offer may say about a driver.

use chancery_plugin_sdk::{Day, Issue, Request, Value, json};

/// The subject's schema: the data elements under their names.
pub fn schema() -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 150});
    let like =
        |example: &str| json!({"type": "string", "minLength": 1, "maxLength": 150, "examples": [example]});
    let day = |example: &str| json!({"type": "string", "format": "date", "examples": [example]});
    let country = json!({"type": "string", "pattern": "^[A-Z]{2}$"});
    let hair = ["bald", "black", "blond", "brown", "grey", "red", "auburn", "sandy", "white", "unknown"];
    let eyes =
        ["black", "blue", "brown", "dichromatic", "grey", "green", "hazel", "maroon", "pink", "unknown"];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "family_name": like("Lovelace"),
            "given_name": like("Ada"),
            "birth_date": day("1985-12-10"),
            "issue_date": day("2024-01-15"),
            "expiry_date": day("2034-01-14"),
            "document_number": like("B072RRE2I55"),
            "portrait": {
                "type": "string", "pattern": "^data:image/(jpeg|jp2);base64,", "maxLength": 200_000,
                "examples": ["data:image/jpeg;base64,/9j/4AAQSkZJRg=="]
            },
            "driving_privileges": privileges(),
            "administrative_number": text,
            // ISO/IEC 5218: 0 not known, 1 male, 2 female, 9 not applicable.
            "sex": {"type": "integer", "enum": [0, 1, 2, 9]},
            "height": {"type": "integer", "minimum": 30, "maximum": 280},
            "weight": {"type": "integer", "minimum": 1, "maximum": 700},
            "eye_colour": {"enum": eyes},
            "hair_colour": {"enum": hair},
            "birth_place": text,
            "resident_address": text,
            "resident_city": text,
            "resident_state": text,
            "resident_postal_code": text,
            "resident_country": country,
            "nationality": country,
            "family_name_national_character": text,
            "given_name_national_character": text
        },
        "required": [
            "family_name", "given_name", "birth_date", "issue_date", "expiry_date", "document_number",
            "portrait", "driving_privileges"
        ],
        "additionalProperties": false
    })
}

/// Categories of vehicles, and what restricts them (§7.2.4).
fn privileges() -> Value {
    let day = json!({"type": "string", "format": "date"});
    json!({
        "type": "array", "maxItems": 50,
        "items": {
            "type": "object",
            "properties": {
                "vehicle_category_code": {"type": "string", "pattern": "^[A-Z0-9]{1,5}$"},
                "issue_date": day,
                "expiry_date": day,
                "codes": {
                    "type": "array", "minItems": 1, "maxItems": 50,
                    "items": {
                        "type": "object",
                        "properties": {
                            "code": {"type": "string", "minLength": 1, "maxLength": 20},
                            "sign": {"enum": ["=", "<", ">", "<=", ">="]},
                            "value": {"type": "string", "minLength": 1, "maxLength": 50}
                        },
                        "required": ["code"],
                        "additionalProperties": false
                    }
                }
            },
            "required": ["vehicle_category_code"],
            "additionalProperties": false
        },
        "examples": [[{"vehicle_category_code": "B", "issue_date": "2004-01-15"}]]
    })
}

/// What the schema cannot say. The day of birth comes back.
pub fn check(request: &Request, today: Day) -> Result<Day, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut wrong =
        |pointer: &str, code: &str, message: &str| issues.push(Issue::new(pointer, code, message));
    let born = request.day("birth_date");
    if born.is_none_or(|born| born > today) {
        wrong("/birth_date", "in-the-future", "must not be later than today");
    }
    match (request.day("issue_date"), request.day("expiry_date")) {
        (Some(begins), Some(expires)) if expires < begins => {
            wrong("/expiry_date", "before-its-issue", "must not be before the date of issue");
        }
        (_, Some(expires)) if expires < today => {
            wrong(
                "/expiry_date",
                "in-the-past",
                "must not be before today; an expired licence is not issued",
            );
        }
        _ => {}
    }
    match born {
        Some(born) if issues.is_empty() => Ok(born),
        _ => Err(issues),
    }
}
