//! Who published a plugin: `chancery plugin keygen`, `sign` and `verify`. The signature lies beside the component.

use std::path::{Path, PathBuf};

use chancery_credential::publisher::PublisherSignature;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::read_component;
use crate::arguments::Output;
use crate::failure::Failure;
use crate::key_file;
use crate::output;

pub(super) fn keygen(path: &Path, form: Output) -> Result<(), Failure> {
    let key = key_file::make(path)?;
    let public = key.public_jwk().to_value();
    let publisher = public.get("x").cloned().unwrap_or_default();
    match form {
        Output::Json => output::data(&json!({ "publisher": publisher }).to_string())?,
        Output::Text => {
            output::data(&output::word(&publisher))?;
            output::talk("that is its public half; issuers trust it by the setting plugin_publishers");
        }
    }
    Ok(())
}

pub(super) fn sign(file: &Path, key: &Path, out: Option<PathBuf>, form: Output) -> Result<(), Failure> {
    let digest = digest(file)?;
    if !key.exists() {
        return Err(Failure::Usage {
            found: format!("there is no key in {}", key.display()),
            fix: "`chancery plugin keygen` makes one".into(),
        });
    }
    let key = key_file::signing_key(key)?;
    let signature = PublisherSignature::make(&key, &digest)
        .map_err(|error| Failure::Machine(std::io::Error::other(error)))?;
    let out = out.unwrap_or_else(|| beside(file));
    std::fs::write(&out, format!("{}\n", signature.to_text()))?;
    match form {
        Output::Json => {
            let signed = json!({ "publisher": signature.publisher(), "signature": signature.to_text() });
            output::data(&signed.to_string())?;
        }
        Output::Text => output::data(&out.display().to_string())?,
    }
    Ok(())
}

pub(super) fn verify(
    file: &Path,
    publisher: &str,
    signature: Option<&Path>,
    form: Output,
) -> Result<(), Failure> {
    let digest = digest(file)?;
    let path = signature.map_or_else(|| beside(file), Path::to_owned);
    let text = read(&path)?;
    let refused = |found: String| Err(Failure::Plugin { found });
    let Some(signature) = PublisherSignature::parse(&text) else {
        return refused(format!("{} holds no signature", path.display()));
    };
    if !signature.is_for(&digest) {
        return refused("the signature is not for this file, or not by the key that it names".into());
    }
    if signature.publisher() != publisher {
        return refused(format!("it was signed by another publisher: {}", signature.publisher()));
    }
    match form {
        Output::Json => output::data(&json!({ "publisher": publisher, "verified": true }).to_string())?,
        Output::Text => output::data("signed by that publisher")?,
    }
    Ok(())
}

/// What lies beside a component that is to be uploaded, or where somebody says.
pub(super) fn signature_for(file: &Path, named: Option<&Path>) -> Result<Option<String>, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => beside(file),
    };
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    Ok(Some(read(&path)?.trim().to_owned()))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage {
        found: format!("{} cannot be read: {error}", path.display()),
        fix: "give the file that `chancery plugin sign` wrote".into(),
    })
}

fn digest(file: &Path) -> Result<[u8; 32], Failure> {
    Ok(Sha256::digest(read_component(file)?).into())
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}
