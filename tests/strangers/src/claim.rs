//! Impierce's wallet claims an offer: offer, metadata, token, nonce, credential, notification.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use oid4vc_core::authentication::sign::ExternalSign;
use oid4vc_core::{Sign, Subject, Verify};
use oid4vci::Wallet;
use oid4vci::credential_offer::{CredentialOffer, CredentialOfferParameters};
use oid4vci::credential_response::{CredentialResponse, CredentialResponseType};
use oid4vci::notification_request::NotificationEvent;
use oid4vci::token_request::TokenRequest;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};

/// The holder's key, as the wallet wants it: named by a DID.
struct Holder {
    key: SigningKey,
    did: String,
}

impl Holder {
    fn new(key: SigningKey) -> Result<Self> {
        let pkcs8 = key.to_pkcs8_der()?;
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(pkcs8.as_bytes()), Algorithm::ES256)?;
        let did = format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(&jwk)?));
        Ok(Self { key, did })
    }
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Holder(..)")
    }
}

#[async_trait]
impl Sign for Holder {
    async fn key_id(&self, _: &str, _: Algorithm) -> Option<String> {
        Some(format!("{}#0", self.did))
    }

    async fn sign(&self, message: &str, _: &str, _: Algorithm) -> Result<Vec<u8>> {
        let signature: p256::ecdsa::Signature = self.key.sign(message.as_bytes());
        Ok(signature.to_vec())
    }

    fn external_signer(&self) -> Option<Arc<dyn ExternalSign>> {
        None
    }
}

#[async_trait]
impl Verify for Holder {
    async fn public_key(&self, _: &str) -> Result<Vec<u8>> {
        bail!("this wallet verifies nobody")
    }
}

#[async_trait]
impl Subject for Holder {
    async fn identifier(&self, _: &str, _: Algorithm) -> Result<String> {
        Ok(self.did.clone())
    }
}

pub(crate) async fn claim(link: &str, tx_code: Option<&str>) -> Result<Value> {
    let holder = Holder::new(SigningKey::random(&mut rand_core::OsRng))?;
    let wallet = Wallet::new(Arc::new(holder), vec!["did:jwk"], vec![Algorithm::ES256])?;

    let offer: CredentialOfferParameters = match link.parse()? {
        CredentialOffer::CredentialOfferUri(uri) => wallet.get_credential_offer(uri).await?,
        CredentialOffer::CredentialOffer(offer) => *offer,
    };
    let issuer = wallet.get_credential_issuer_metadata(offer.credential_issuer.clone()).await?;
    let server = wallet.get_authorization_server_metadata(offer.credential_issuer.clone()).await?;
    let code = offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.clone());
    let code = code.context("the offer has no pre-authorized code")?;
    if code.tx_code.is_some() != tx_code.is_some() {
        bail!("the offer and the holder disagree about a transaction code");
    }
    let token_request = TokenRequest::PreAuthorizedCode {
        pre_authorized_code: code.pre_authorized_code,
        tx_code: tx_code.map(str::to_owned),
        authorization_details: None,
    };
    let endpoint = server.token_endpoint.context("there is no token endpoint")?;
    let token = wallet.get_access_token(endpoint, token_request).await?;
    let endpoint = issuer.nonce_endpoint.clone().context("there is no nonce endpoint")?;
    let nonce = wallet.get_nonce(endpoint).await?;

    let id = offer.credential_configuration_ids.first().context("the offer is empty")?.clone();
    let configuration =
        issuer.credential_configurations_supported.get(&id).context("an unknown credential")?;
    let response: CredentialResponse =
        wallet.get_credential(issuer.clone(), &token, Some(nonce), id.clone(), configuration, true).await?;
    let CredentialResponseType::Immediate { credentials, notification_id } = response.credential else {
        bail!("the credential is deferred");
    };
    let endpoint = issuer.notification_endpoint.context("there is no notification endpoint")?;
    let notification_id = notification_id.context("there is no notification id")?;
    let event = NotificationEvent::CredentialAccepted;
    wallet
        .send_notification_request(endpoint, notification_id, token.access_token, event, None)
        .await
        .map_err(|error| anyhow!("{error:#}"))?;
    let credential = &credentials.first().context("no credential came")?.credential;
    Ok(json!({ "credential": credential, "configuration_id": id }))
}
