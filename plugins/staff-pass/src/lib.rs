//! A pass for staff: the offer says who, and nothing else; the staff register knows the rest when the wallet comes.
//!
//! It asks twice: for the person, and for the department that the register names by its code. Where the registers are
//! and how to get in, the tenant tells the host; a template is told neither.

use chancery_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The pass.
pub struct StaffPass;

chancery_plugin_sdk::export!(
    StaffPass,
    vectors: ["at-first-it-asks", "then-for-the-department", "everything", "nobody-of-that-id", "an-offer"]
);

/// What the staff register says.
#[derive(Deserialize)]
struct Person {
    given_name: String,
    family_name: String,
    department: Option<String>,
}

/// What the register of departments says.
#[derive(Deserialize)]
struct Department {
    name: String,
}

impl CredentialTemplate for StaffPass {
    fn describe(_: Value) -> Result<Definition, Fault> {
        let text = || json!({"type": "string", "minLength": 1, "maxLength": 150});
        Ok(Definition::new("staff-pass")
            .display(Display::new("en", "Staff pass").colors("#3c1053", "#ffffff"))
            .field(Field::text("employee_id").mandatory().label("en", "Employee ID"))
            .field(Field::text("given_name").mandatory().label("en", "Given name"))
            .field(Field::text("family_name").mandatory().label("en", "Family name"))
            .field(Field::text("department").label("en", "Department"))
            .sd_jwt("urn:chancery:staff-pass:1", |claims| {
                claims
                    .selective("employee_id")
                    .selective("given_name")
                    .selective("family_name")
                    .selective("department")
            })
            .source(
                Source::new("staff", "Who has an employee id: names, and the code of the department.")
                    .parameters(json!({
                        "type": "object",
                        "properties": {"employee_id": text()},
                        "required": ["employee_id"],
                        "additionalProperties": false
                    }))
                    .answer(json!({
                        "type": "object",
                        "properties": {"given_name": text(), "family_name": text(), "department": text()},
                        "required": ["given_name", "family_name"]
                    })),
            )
            .source(
                Source::new("departments", "The name of the department that has a code.")
                    .parameters(json!({
                        "type": "object",
                        "properties": {"code": text()},
                        "required": ["code"],
                        "additionalProperties": false
                    }))
                    .answer(json!({
                        "type": "object",
                        "properties": {"name": text()},
                        "required": ["name"]
                    })),
            )
            .subject_schema(json!({
                "type": "object",
                "properties": {"employee_id": text()},
                "required": ["employee_id"],
                "additionalProperties": false
            }))
            .validity_days(90))
    }

    fn prepare(request: Request, _: Context) -> Result<Outcome, Fault> {
        let id = request.text("employee_id").unwrap_or_default();
        let Some(found) = request.answer::<Person>("person")? else {
            return Ok(Outcome::Need(vec![Lookup::new("person", "staff", json!({"employee_id": id}))]));
        };
        let Some(person) = found else {
            let issue = Issue::new("/employee_id", "unknown", "nobody on the staff has this id");
            return Ok(Outcome::Refuse(vec![issue]));
        };
        let mut pass = Map::from_iter([
            ("employee_id".to_owned(), json!(id)),
            ("given_name".to_owned(), json!(person.given_name)),
            ("family_name".to_owned(), json!(person.family_name)),
        ]);
        if let Some(code) = person.department {
            let Some(found) = request.answer::<Department>("department")? else {
                let lookup = Lookup::new("department", "departments", json!({"code": code}));
                return Ok(Outcome::Need(vec![lookup]));
            };
            pass.extend(found.map(|department| ("department".to_owned(), json!(department.name))));
        }
        Ok(Outcome::Issue(pass.into()))
    }
}
