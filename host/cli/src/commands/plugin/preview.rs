//! `chancery plugin preview`: the very credentials that a template would give, taken apart for people.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credential::{Jwk, mdoc};
use chancery_domain::template::Format;
use chancery_server::{Preview, PreviewFailed, Sample, preview_credential};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::here::{Bench, shown, time_of, traced};
use super::{read_component, read_json};
use crate::arguments::{Output, PreviewPlugin};
use crate::failure::Failure;
use crate::output;

pub(super) async fn preview(asked: &PreviewPlugin, form: Output) -> Result<(), Failure> {
    let (bench, wasm) = (Bench::new()?, read_component(&asked.file)?);
    let template = bench.template(&wasm, &asked.configured).await?;
    let subject = read_json(&asked.subject)?;
    let now = time_of(asked.now.as_deref())?;
    let preview = preview_credential(&template, &subject, &asked.issuer, now).await.map_err(failed)?;
    let Preview { samples, metadata, key } = &preview;
    let samples: Vec<Value> = samples.iter().map(|sample| taken_apart(sample, key, now)).collect();
    let shown = json!({ "credentials": samples, "metadata": metadata });
    match form {
        Output::Json => output::data(&shown.to_string())?,
        Output::Text => output::data(&serde_json::to_string_pretty(&shown).unwrap_or_default())?,
    }
    output::talk("signed with a key that nobody has; no issuer knows of it");
    Ok(())
}

fn failed(error: PreviewFailed) -> Failure {
    match error {
        PreviewFailed::Withheld(outcome) => {
            Failure::Plugin { found: format!("the template does not issue that: {}", shown(&outcome)) }
        }
        PreviewFailed::Fault(fault) => Failure::Plugin { found: traced(&fault) },
        PreviewFailed::Unsigned(reason) => Failure::Plugin { found: reason },
    }
}

/// What is in a credential, beside the credential itself.
fn taken_apart(sample: &Sample, key: &Jwk, now: OffsetDateTime) -> Value {
    let Sample { configuration_id, format, credential } = sample;
    let mut shown = Map::from_iter([
        ("credential_configuration_id".to_owned(), json!(configuration_id)),
        ("format".to_owned(), json!(format.as_str())),
        ("credential".to_owned(), json!(credential)),
    ]);
    let parts = match format {
        Format::SdJwt => sd_jwt(credential),
        Format::JwtVcJson | Format::VcJwt => jwt(credential),
        Format::Mdoc => issuer_signed(credential, key, now),
    };
    shown.extend(parts);
    shown.into()
}

/// Issuer-signed JWT and disclosures (RFC 9901 §4).
fn sd_jwt(credential: &str) -> Map<String, Value> {
    let mut parts = credential.split('~');
    let mut shown = jwt(parts.next().unwrap_or_default());
    let disclosures: Vec<Value> = parts.filter(|part| !part.is_empty()).map(decoded).collect();
    shown.insert("disclosures".to_owned(), disclosures.into());
    shown
}

fn jwt(compact: &str) -> Map<String, Value> {
    let mut parts = compact.split('.').map(decoded);
    let named = ["header", "payload"].map(|name| (name.to_owned(), parts.next().unwrap_or_default()));
    Map::from_iter(named)
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// As a verifier reads it: CBOR has no form that people read.
fn issuer_signed(credential: &str, key: &Jwk, now: OffsetDateTime) -> Map<String, Value> {
    let verified = match mdoc::verify(credential, &|_| Some(key.clone()), now) {
        Ok(verified) => verified,
        Err(error) => return Map::from_iter([("unreadable".to_owned(), json!(error.to_string()))]),
    };
    let time = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    Map::from_iter([
        ("doctype".to_owned(), json!(verified.doctype)),
        ("elements".to_owned(), Value::Object(verified.elements)),
        (
            "validity".to_owned(),
            json!({ "signed": time(verified.signed), "validUntil": time(verified.expires_at) }),
        ),
        ("digests".to_owned(), json!(verified.digests)),
    ])
}
