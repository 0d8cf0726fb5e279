//! Under development: whoever is there is the demo holder, and the host offers them what they say of themselves.

use chancery_domain::RequestId;
use chancery_domain::template::Definition;
use serde_json::{Map, Value};

use super::circumstances::Circumstances;
use super::create_offer::OfferedCredential;
use super::offer_to_holder::{Introduced, offer_to_holder};
use crate::app::App;
use crate::authorization::Sitting;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// A member of a subject, as a form asks for it.
pub(crate) struct SubjectField<'a> {
    /// Names the input.
    pub(crate) input: String,
    /// Names the member.
    pub(crate) member: &'a str,
    pub(crate) schema: &'a Value,
    pub(crate) required: bool,
    /// Whether what is entered is JSON: of everything but text.
    pub(crate) is_json: bool,
}

/// The members that the schema of a subject knows, in its order.
pub(crate) fn subject_fields<'a>(
    configuration_id: &str,
    definition: &'a Definition,
) -> Vec<SubjectField<'a>> {
    let schema = &definition.subject_schema;
    let is_required = |member: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|name| name == member))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(member, schema): (&'a String, &'a Value)| SubjectField {
        input: format!("{configuration_id}/{member}"),
        member,
        required: is_required(member),
        is_json: schema.get("type").is_none_or(|kind| kind != "string"),
        schema,
    };
    properties.into_iter().flatten().map(field).collect()
}

/// Makes the offer that a manager would have made, of what was `entered`.
pub(crate) async fn sign_in_demo_holder(
    app: &App,
    issuer: &Issuer,
    request: RequestId,
    sitting: Sitting,
    entered: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Introduced, Refusal> {
    let mut credentials = Vec::new();
    let mut problems = Vec::new();
    for id in &sitting.authorization.asked.configuration_ids {
        let Some(template) = issuer.template(id) else { continue };
        let mut subject = Map::new();
        for field in subject_fields(id, template.definition()) {
            let Some(text) = entered(&field.input) else { continue };
            let value =
                if field.is_json { serde_json::from_str(&text).ok() } else { Some(Value::String(text)) };
            match value {
                Some(value) => drop(subject.insert(field.member.to_owned(), value)),
                None => problems.push(format!("{}: must be JSON", field.member)),
            }
        }
        credentials.push(OfferedCredential {
            configuration_id: id.clone(),
            subject: Some(Value::Object(subject)),
            deferred: false,
        });
    }
    if !problems.is_empty() {
        return Ok(Introduced::NotYet(sitting, problems));
    }
    // Nobody was authenticated.
    offer_to_holder(app, issuer, request, sitting, (credentials, &Circumstances::default())).await
}
