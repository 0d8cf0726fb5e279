//! What an issuer says of itself, signed, for wallets that ask for it so (OpenID4VCI §12.2.3).

use bytes::Bytes;
use chancery_credential::jose;
use chancery_credential::x509::CertificateChain;
use serde_json::{Map, Value};

use crate::app::App;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// `typ`, by which nobody takes it for a credential.
const TYP: &str = "openidvci-issuer-metadata+jwt";

/// The metadata as JWT, signed once for as long as they stay as they are; none where no certificate says whose key it is.
pub(crate) async fn sign_metadata(app: &App, issuer: &Issuer) -> Result<Option<Bytes>, Refusal> {
    let Some(chain) = &issuer.chain else { return Ok(None) };
    let signed = issuer.signed_metadata.get_or_try_init(|| sign(app, issuer, chain)).await?;
    Ok(Some(signed.clone()))
}

async fn sign(app: &App, issuer: &Issuer, chain: &CertificateChain) -> Result<Bytes, Refusal> {
    let metadata = &issuer.documents.issuer_metadata;
    let mut claims: Map<String, Value> = serde_json::from_slice(metadata).map_err(Refusal::unavailable)?;
    claims.insert("iss".into(), issuer.identifier.as_str().into());
    claims.insert("sub".into(), issuer.identifier.as_str().into());
    claims.insert("iat".into(), app.now().unix_timestamp().into());
    let header = Map::from_iter([
        ("kid".to_owned(), issuer.signer.key_id().into()),
        ("x5c".to_owned(), chain.x5c().into()),
    ]);
    let signed = jose::sign(TYP, header, &claims, issuer.signer.as_ref()).await;
    signed.map(Bytes::from).map_err(Refusal::unavailable)
}
