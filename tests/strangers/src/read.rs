//! IOTA's reader takes an SD-JWT apart, after another library verified its signature.

use anyhow::{Context, Result};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sd_jwt_payload::{SdJwt, Sha256Hasher};
use serde_json::{Value, json};

pub(crate) fn read(credential: &str, jwks: &str) -> Result<Value> {
    let jwt = credential.split('~').next().context("an empty credential")?;
    let header = jsonwebtoken::decode_header(jwt)?;
    let jwks: JwkSet = serde_json::from_str(jwks)?;
    let kid = header.kid.context("no kid")?;
    let key = DecodingKey::from_jwk(jwks.find(&kid).context("a key that the issuer does not publish")?)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_required_spec_claims(&["exp", "iss"]);
    validation.validate_aud = false;
    jsonwebtoken::decode::<Value>(jwt, &key, &validation)?;

    let hasher = Sha256Hasher::new();
    let parsed: SdJwt = credential.parse()?;
    let bound = parsed.required_key_bind().is_some();
    let all = parsed.clone().into_disclosed_object(&hasher)?;
    // A holder who shows one name only.
    let (presented, withheld) =
        parsed.into_presentation(&hasher)?.conceal_all().disclose("/family_name")?.finish();
    let shown = presented.to_string().parse::<SdJwt>()?.into_disclosed_object(&hasher)?;
    Ok(json!({ "typ": header.typ, "bound": bound, "all": all, "shown": shown, "withheld": withheld.len() }))
}
