//! A credential template, between the two.

use serde_json::{Map, Value};

use super::{
    Exported,
    bindings::template::{
        chancery::types::types,
        exports::chancery::credential_template::template::{self as wit, Guest},
    },
    fault, issues, parse, say_why_it_panics,
};
use crate::{
    CredentialTemplate,
    definition::{Cbor, Definition, Disclosure, ValueKind},
    outcome::{Dataset, Fault, Outcome},
    request::{Answer, Authentication, Context, Purpose, Request},
};

impl<T: CredentialTemplate> Guest for Exported<T> {
    fn describe(configuration: String) -> Result<wit::Definition, types::Fault> {
        say_why_it_panics();
        parse(&configuration).and_then(T::describe).map(definition).map_err(fault)
    }

    fn prepare(request: wit::Request, context: wit::Context) -> Result<wit::Outcome, types::Fault> {
        say_why_it_panics();
        let prepare = || T::prepare(request_from(request)?, context_from(context)?);
        prepare().map(outcome).map_err(fault)
    }
}

fn request_from(request: wit::Request) -> Result<Request, Fault> {
    let subject: Map<String, Value> = serde_json::from_str(&request.subject)?;
    let answers = request.answers.into_iter().map(|answer| {
        Ok(Answer { id: answer.id, document: answer.document.as_deref().map(parse).transpose()? })
    });
    let completed = request.ext.iter().find(|(name, _)| name == "completed");
    let completed = completed.map(|(_, document)| parse(document)).transpose()?;
    let completed_at = completed.as_ref().and_then(|document| document.get("at")).and_then(Value::as_u64);
    Ok(Request { subject, answers: answers.collect::<Result<_, Fault>>()?, completed_at })
}

fn context_from(context: wit::Context) -> Result<Context, Fault> {
    Ok(Context {
        tenant: context.tenant,
        configuration: parse(&context.configuration)?,
        now: context.now,
        locale: context.locale,
        purpose: match context.purpose {
            wit::Purpose::Offer => Purpose::Offer,
            wit::Purpose::Issue => Purpose::Issue,
            wit::Purpose::Renew => Purpose::Renew,
        },
        authentication: context.authentication.map(|authentication| Authentication {
            level: authentication.level,
            methods: authentication.methods,
            time: authentication.time,
        }),
        upstream_claims: context.upstream_claims.as_deref().map(parse).transpose()?,
        key_attestation: context.key_attestation,
        prior_issuances: context.prior_issuances,
    })
}

fn definition(definition: Definition) -> wit::Definition {
    wit::Definition {
        configuration_id: definition.configuration_id,
        display: definition
            .display
            .into_iter()
            .map(|display| wit::CredentialDisplay {
                locale: display.locale,
                name: display.name,
                description: display.description,
                background_color: display.background_color,
                text_color: display.text_color,
                logo: display
                    .logo
                    .map(|logo| wit::Logo { uri: logo.uri, alternative_text: logo.alternative_text }),
                background_image: display.background_image,
            })
            .collect(),
        fields: definition
            .fields
            .into_iter()
            .map(|field| wit::Field {
                name: field.name,
                kind: kind(field.kind),
                mandatory: field.mandatory,
                display: field
                    .labels
                    .into_iter()
                    .map(|(locale, name)| types::Label { locale, name })
                    .collect(),
            })
            .collect(),
        sd_jwt: definition.sd_jwt.map(|projection| wit::SdJwtProjection {
            vct: projection.vct,
            claims: projection
                .claims
                .into_iter()
                .map(|claim| wit::SdJwtClaim {
                    field: claim.field,
                    path: claim.path,
                    disclosure: match claim.disclosure {
                        Disclosure::Selective => wit::Disclosure::Selective,
                        Disclosure::Always => wit::Disclosure::Always,
                    },
                    elements: claim.elements,
                })
                .collect(),
        }),
        mdoc: definition.mdoc.map(|projection| wit::MdocProjection {
            doctype: projection.doctype,
            elements: projection
                .elements
                .into_iter()
                .map(|element| wit::MdocElement {
                    field: element.field,
                    namespace: element.namespace,
                    element: element.element,
                    cbor: match element.cbor {
                        Cbor::Plain => wit::CborType::Plain,
                        Cbor::FullDate => wit::CborType::FullDate,
                        Cbor::Tdate => wit::CborType::Tdate,
                        Cbor::Bytes => wit::CborType::Bytes,
                        Cbor::Dated => wit::CborType::Dated,
                    },
                })
                .collect(),
        }),
        w3c: definition.w3c.map(|projection| wit::W3cProjection {
            types: projection.types,
            contexts: projection.contexts,
            claims: projection
                .claims
                .into_iter()
                .map(|(field, path)| wit::W3cClaim { field, path })
                .collect(),
        }),
        sources: definition
            .sources
            .into_iter()
            .map(|source| wit::Source {
                name: source.name,
                description: source.description,
                parameters_schema: source.parameters_schema.to_string(),
                answer_schema: source.answer_schema.to_string(),
            })
            .collect(),
        subject_schema: definition.subject_schema.to_string(),
        configuration_schema: definition.configuration_schema.to_string(),
        validity_days: definition.validity_days,
        ext: Vec::new(),
    }
}

fn kind(kind: ValueKind) -> wit::ValueKind {
    match kind {
        ValueKind::Text => wit::ValueKind::Text,
        ValueKind::Integer => wit::ValueKind::Integer,
        ValueKind::Number => wit::ValueKind::Number,
        ValueKind::Boolean => wit::ValueKind::Boolean,
        ValueKind::Date => wit::ValueKind::Date,
        ValueKind::DateTime => wit::ValueKind::DateTime,
        ValueKind::Image => wit::ValueKind::Image,
        ValueKind::Object => wit::ValueKind::Object,
        ValueKind::Array => wit::ValueKind::Array,
    }
}

fn outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Issue(Dataset { values, good_until }) => {
            let values = Value::Object(values).to_string();
            wit::Outcome::Issue(wit::Dataset { values, good_until, ext: Vec::new() })
        }
        Outcome::Need(lookups) => wit::Outcome::Need(
            lookups
                .into_iter()
                .map(|lookup| wit::Lookup {
                    id: lookup.id,
                    source: lookup.source,
                    parameters: lookup.parameters.to_string(),
                })
                .collect(),
        ),
        Outcome::Defer { after_seconds, reason } => {
            wit::Outcome::Defer(wit::Deferral { after_seconds, reason, ext: Vec::new() })
        }
        Outcome::Refuse(found) => wit::Outcome::Refuse(issues(found)),
    }
}
