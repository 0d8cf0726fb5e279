//! Access to a department: who may enter where, and how far.
//!
//! Shows a configuration that shapes the schema: a tenant lists its departments, and an offer for
//! another one is refused before the plugin is asked.

use chancery_plugin_sdk::prelude::*;
use serde::Deserialize;

/// The access card.
pub struct DepartmentAccess;

chancery_plugin_sdk::export!(
    DepartmentAccess,
    vectors: ["everything", "a-department-of-the-tenant"]
);

impl CredentialTemplate for DepartmentAccess {
    fn describe(configuration: Value) -> Result<Definition, Fault> {
        let configuration = Configuration::parse(configuration)?;
        Ok(Definition::new("department-access")
            .display(
                Display::new("en", "Department access")
                    .description("Opens the doors of your department.")
                    .colors("#3d3d5c", "#ffffff"),
            )
            .display(
                Display::new("de", "Abteilungszugang")
                    .description("Öffnet die Türen Ihrer Abteilung.")
                    .colors("#3d3d5c", "#ffffff"),
            )
            .field(
                Field::text("employee_id")
                    .mandatory()
                    .label("en", "Employee ID")
                    .label("de", "Personalnummer"),
            )
            .field(Field::text("given_name").mandatory().label("en", "Given name").label("de", "Vorname"))
            .field(Field::text("family_name").mandatory().label("en", "Family name").label("de", "Nachname"))
            .field(Field::text("department").mandatory().label("en", "Department").label("de", "Abteilung"))
            .field(
                Field::text("access_level")
                    .mandatory()
                    .label("en", "Access level")
                    .label("de", "Zugangsstufe"),
            )
            .sd_jwt("urn:chancery:department-access:1", |claims| {
                claims
                    .selective("employee_id")
                    .selective("given_name")
                    .selective("family_name")
                    .selective("department")
                    .selective("access_level")
            })
            .subject_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "employee_id": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["1843-07"]},
                    "given_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Ada"]},
                    "family_name": {"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Lovelace"]},
                    "department": configuration.department(),
                    "access_level": {"enum": configuration.levels, "examples": configuration.levels.first().as_slice()}
                },
                "required": ["employee_id", "given_name", "family_name", "department", "access_level"],
                "additionalProperties": false
            }))
            .configuration_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "departments": {
                        "title": "Departments; any where none is named",
                        "type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 150},
                        "uniqueItems": true, "maxItems": 200, "default": []
                    },
                    "levels": {
                        "title": "Levels of access",
                        "type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 50},
                        "uniqueItems": true, "minItems": 1, "maxItems": 20, "default": ["visitor", "member", "lead"]
                    },
                    "validity_days": {
                        "title": "Validity, in days", "type": "integer", "minimum": 1, "maximum": 365, "default": 30
                    }
                },
                "additionalProperties": false
            }))
            .validity_days(configuration.validity_days))
    }

    fn prepare(request: Request, _: Context) -> Result<Outcome, Fault> {
        Ok(Outcome::Issue(request.subject.into()))
    }
}

/// What the tenant decides.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    /// The departments that there are; any where none is named.
    departments: Vec<String>,
    /// How far one may get.
    levels: Vec<String>,
    /// For how many days a card is good.
    validity_days: u32,
}

impl Default for Configuration {
    fn default() -> Self {
        let levels = ["visitor", "member", "lead"].map(str::to_owned).into();
        Self { departments: Vec::new(), levels, validity_days: 30 }
    }
}

impl Configuration {
    fn parse(configuration: Value) -> Result<Self, Fault> {
        serde_json::from_value(configuration)
            .map_err(|error| Fault::configuration(format!("the configuration cannot be read: {error}")))
    }

    /// The schema of a department.
    fn department(&self) -> Value {
        match self.departments.first() {
            None => json!({"type": "string", "minLength": 1, "maxLength": 150, "examples": ["Research"]}),
            Some(first) => json!({"enum": self.departments, "examples": [first]}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_that_there_is_not_is_not_in_the_schema() {
        let configuration = json!({"departments": ["Research", "Legal"]});
        let definition = DepartmentAccess::describe(configuration).unwrap();
        assert_eq!(
            definition.subject_schema["properties"]["department"]["enum"],
            json!(["Research", "Legal"])
        );
    }
}
