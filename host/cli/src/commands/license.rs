//! `chancery license …`: of a platform by way of its API, and made on this machine.

use std::path::Path;

use chancery_credential::jose::sign;
use chancery_domain::clock::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::show;
use crate::arguments::{IssueLicense, LicenseCommand, Output};
use crate::failure::Failure;
use crate::key_file::signing_key;
use crate::management::Management;
use crate::output;

/// What the header of a licence says it is.
const TYPE: &str = "chancery-license+jwt";

pub(super) async fn obey(command: LicenseCommand, form: Output) -> Result<(), Failure> {
    match command {
        LicenseCommand::Show { target } => {
            show(&Management::find_platform(&target)?.get(&["license"], &[]).await?, form)
        }
        LicenseCommand::Set { file, target } => {
            let api = Management::find_platform(&target)?;
            let installed = api.get(&["license"], &[]).await?.value;
            let request = json!({
                "digest": installed.get("digest"),
                "configuration": installed.get("configuration"),
                "document": read_document(&file)?,
            });
            show(&api.put(&["license"], &request).await?, form)
        }
        LicenseCommand::Remove { target } => {
            show(&Management::find_platform(&target)?.delete(&["license"], &[]).await?, form)
        }
        LicenseCommand::Issue(issue) => issue_license(&issue, form).await,
    }
}

/// The document in a file, without the line's end.
pub(super) fn read_document(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Usage {
        found: format!("{} cannot be read: {error}", path.display()),
        fix: "give the file of a licence; `chancery license issue` makes one to try".into(),
    })?;
    Ok(text.trim().to_owned())
}

async fn issue_license(issue: &IssueLicense, form: Output) -> Result<(), Failure> {
    let key = signing_key(&issue.key)?;
    let header = Map::from_iter([("kid".to_owned(), key.key_id().into())]);
    let signed = sign(TYPE, header, &claims(issue, SystemClock.now())?, &key).await;
    let document = signed.map_err(|error| Failure::Machine(std::io::Error::other(error)))?;
    let public = key.public_jwk().to_value();
    let configuration = json!({ "keys": [{ "kid": key.key_id(), "x": public.get("x") }] });
    if let Some(path) = &issue.configuration {
        std::fs::write(path, configuration.to_string())?;
    }
    match form {
        Output::Json => {
            output::data(&json!({ "document": document, "configuration": configuration }).to_string())?;
        }
        Output::Text => {
            output::data(&document)?;
            if issue.configuration.is_none() {
                output::talk(&format!("\nThe plugin trusts it under the configuration\n{configuration}"));
            }
        }
    }
    Ok(())
}

/// What is signed; what is left out is not bounded.
fn claims(issue: &IssueLicense, now: OffsetDateTime) -> Result<Map<String, Value>, Failure> {
    let expires = issue.expires.as_deref().map(|text| {
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Failure::Usage {
            found: format!("{text:?} is no time"),
            fix: "write it as in 2027-01-01T00:00:00Z".into(),
        })
    });
    let made = now.unix_timestamp();
    let limits = json!({
        "maxRootTenants": issue.max_root_tenants,
        "maxTotalTenants": issue.max_total_tenants,
        "maxHierarchyDepth": issue.max_hierarchy_depth,
    });
    let claims = json!({
        "jti": issue.id.clone().unwrap_or_else(|| format!("lic-{made}")),
        "sub": issue.licensee,
        "aud": issue.installation,
        "nbf": made,
        "exp": expires.transpose()?.map(OffsetDateTime::unix_timestamp),
        "grace_days": issue.grace_days.unwrap_or(0),
        "limits": limits,
        "features": issue.features,
    });
    let Value::Object(claims) = claims else { return Ok(Map::new()) };
    Ok(claims.into_iter().filter(|(_, value)| !value.is_null()).collect())
}
