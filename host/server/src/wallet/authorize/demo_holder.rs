//! Under development anybody may be the demo holder, and says of themselves what they like: so any wallet can be
//! tried at once. Nowhere else is there such a route.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use bytes::Bytes;
use chancery_domain::RequestId;
use http::HeaderMap;
use serde_json::Value;

use super::{answer, failed, label_of, name_of, sign_in_page};
use crate::app::App;
use crate::authorization::resumed;
use crate::issuer::Issuer;
use crate::operations::offer_to_holder::Introduced;
use crate::operations::open_authorization::next_page;
use crate::operations::sign_in_demo_holder::{SubjectField, sign_in_demo_holder, subject_fields};
use crate::refusal::Refusal;
use crate::tenants::Issuing;
use crate::wallet::form::Form;

/// The fields of one credential's subject.
pub(super) struct DemoForm {
    pub(super) title: String,
    pub(super) fields: Vec<DemoField>,
}

/// One input.
pub(super) struct DemoField {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) required: bool,
    /// Whether it takes JSON, and room for it.
    pub(super) is_json: bool,
}

/// `POST /authorize/demo-holder`
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Issuing(issuer): Issuing,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let form = Form::read(&headers, body);
    match demonstrate(&app, &issuer, request, form).await {
        Ok((Introduced::Yes(sitting), _)) => {
            answer(&app, &issuer, next_page(&app, &issuer, sitting).await).await
        }
        Ok((Introduced::NotYet(sitting, problems), form)) => {
            let entered = |name: &str| form.get(name).map(str::to_owned);
            sign_in_page(&app, &issuer, &sitting, &problems, &entered).await
        }
        Err(refusal) => failed(&issuer, &refusal),
    }
}

async fn demonstrate(
    app: &App,
    issuer: &Issuer,
    request: RequestId,
    form: Result<Form, Refusal>,
) -> Result<(Introduced, Form), Refusal> {
    let mut form = form?;
    let sitting = resumed(&issuer.envelopes, &form.require("page")?, app.now())?;
    let entered = |name: &str| form.get(name).map(str::to_owned);
    let demonstrated = sign_in_demo_holder(app, issuer, request, sitting, &entered).await?;
    Ok((demonstrated, form))
}

/// One form for each credential that the wallet asks for; it begins with the schema's own examples.
pub(super) fn demo_forms(
    issuer: &Issuer,
    asked: &[String],
    entered: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Vec<DemoForm> {
    let templates = asked.iter().filter_map(|id| Some((id, issuer.template(id)?)));
    let forms = templates.map(|(id, template)| {
        let definition = template.definition();
        let field = |SubjectField { input, member, schema, required, is_json }: SubjectField<'_>| {
            let declared = definition.fields.iter().find(|field| field.name == member);
            let example = schema.pointer("/examples/0").map(|example| match example {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            DemoField {
                value: entered(&input).or(example).unwrap_or_default(),
                name: input,
                label: declared.map_or_else(|| member.replace('_', " "), label_of),
                required,
                is_json,
            }
        };
        DemoForm {
            title: name_of(definition),
            fields: subject_fields(id, definition).into_iter().map(field).collect(),
        }
    });
    forms.collect()
}
