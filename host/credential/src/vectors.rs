//! The golden vectors in `vectors/`, made by `generate.py`, which shares no code with this crate.
//!
//! If you are here because a test failed: stored secrets, published keys and tokens in flight
//! depend on these bytes. Make a new version of the layout, do not change the old one.

use chancery_domain::{CredentialStatus, IssuanceId, OfferId, TenantId};
use serde_json::Value;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::did::{did_document, did_web};
use crate::jose::Jwk;
use crate::keys::derive::{first_scalar, key_info};
use crate::keys::{Algorithm, KeyUse, Keyring, Master, SealedFor, SecretKind, SigningKey, TenantKeys};
use crate::nonces::NonceKind;
use crate::secrets::{ApiKeySecret, OfferSecret};
use crate::status_list::StatusList;
use crate::tokens::Granted;

fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn keys() -> Value {
    read(include_str!("../vectors/keys.json"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn bytes32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn tenant() -> TenantId {
    text(&keys()["tenant"]).parse().unwrap()
}

fn keyring() -> Keyring {
    Keyring::from_master(&Master::from_hex(text(&keys()["master"])).unwrap())
}

fn tenant_keys() -> TenantKeys {
    keyring().tenant(tenant(), &bytes32(&keys()["seed"]), &bytes32(&keys()["data_key"]))
}

#[test]
fn a_master_gives_the_agreed_keys() {
    let vector = keys();
    let keyring = keyring();
    let (root, kek) = keyring.expose();
    assert_eq!(root.as_slice(), bytes(&vector["root"]));
    assert_eq!(kek.as_slice(), bytes(&vector["kek"]));
    assert_eq!(keyring.check_value().as_slice(), bytes(&vector["check_value"]));
    assert_eq!(keyring.role_password(text(&vector["role"])).as_str(), text(&vector["role_password"]));
    assert_eq!(keyring.cache_key().as_slice(), bytes(&vector["cache_key"]));
}

#[test]
fn a_self_hosted_key_gives_the_agreed_keys() {
    let vector = &keys()["self_hosted"];
    let keyring = Keyring::self_hosted(&bytes32(&vector["signing_key"]), None).unwrap();
    let (root, kek) = keyring.expose();
    assert_eq!(root.as_slice(), bytes(&vector["root"]));
    assert_eq!(kek.as_slice(), bytes(&vector["kek"]));
    let keys = keyring.tenant(tenant(), &[1; 32], &[2; 32]);
    let own = keys.signing_key(KeyUse::Credential, Algorithm::Es256, 1);
    assert_eq!(own.key_id(), text(&vector["thumbprint"]));
}

#[test]
fn every_signing_key_is_the_agreed_one() {
    let info = key_info(KeyUse::Credential, "ES256", tenant(), 1, 0);
    assert_eq!(info, bytes(&keys()["info"]));
    for case in list(&keys()["signing"]) {
        let key_use = KeyUse::parse(text(&case["use"])).unwrap();
        let algorithm = Algorithm::parse(text(&case["algorithm"])).unwrap();
        let version = number(&case["version"]);
        let private = tenant_keys().key_bytes(key_use, algorithm, version);
        assert_eq!(private.as_slice(), bytes(&case["private"]), "{case}");
        let key = tenant_keys().signing_key(key_use, algorithm, version);
        assert_eq!(key.public_jwk().to_value(), case["jwk"]);
        assert_eq!(key.key_id(), text(&case["thumbprint"]));
    }
}

#[test]
fn candidates_outside_the_group_are_passed_over() {
    let vector = &keys()["rejection"];
    let mut last = 0;
    let chosen = first_scalar(|counter| {
        last = counter;
        Zeroizing::new(bytes32(&vector["candidates"][counter as usize]))
    });
    assert_eq!(*chosen, bytes32(&vector["chosen"]));
    assert_eq!(last, number(&vector["counter"]));
    assert!(SigningKey::es256(&chosen).is_ok());
}

#[test]
fn a_mac_is_the_agreed_one() {
    let vector = &keys()["mac"];
    let mac = tenant_keys().mac(text(&vector["purpose"]), text(&vector["data"]).as_bytes());
    assert_eq!(mac.as_slice(), bytes(&vector["mac"]));
}

#[test]
fn what_another_implementation_sealed_opens() {
    let vector = read(include_str!("../vectors/sealing.json"));
    let sealed = &vector["sealed"];
    let what = SealedFor { tenant: tenant(), kind: SecretKind::DataKey, version: number(&sealed["version"]) };
    let opened = keyring().open(&what, &bytes(&sealed["sealed"])).unwrap();
    assert_eq!(*opened, bytes(&sealed["plaintext"]));

    let subject = &vector["subject"];
    let secret = OfferSecret::parse(text(&subject["offer_secret"])).unwrap();
    assert_eq!(secret.lookup_hash(), bytes32(&subject["offer_secret_hash"]));
    let code = secret.code();
    assert_eq!(code.as_str(), text(&subject["code"]));
    assert_eq!(code.lookup_hash(), bytes32(&subject["code_hash"]));
    let offer: OfferId = text(&subject["offer"]).parse().unwrap();
    let opened = tenant_keys().open_subject(offer, &code, &bytes(&subject["sealed"])).unwrap();
    assert_eq!(*opened, bytes(&subject["plaintext"]));

    let answer = &vector["answer"];
    let caller = ApiKeySecret::parse(text(&answer["api_key"])).unwrap();
    assert_eq!(caller.hash(), bytes32(&answer["api_key_hash"]));
    let key = text(&answer["idempotency_key"]);
    let opened = tenant_keys().open_answer(key, &caller.sealing_secret(), &bytes(&answer["sealed"])).unwrap();
    assert_eq!(*opened, bytes(&answer["plaintext"]));
}

#[test]
fn nonces_and_tokens_of_another_implementation_are_understood() {
    let vector = read(include_str!("../vectors/tokens.json"));
    let now = OffsetDateTime::from_unix_timestamp(vector["now"].as_i64().unwrap()).unwrap();
    let nonces = tenant_keys().nonces();
    let credential = text(&vector["nonces"]["credential_request"]);
    assert!(nonces.verify(NonceKind::CredentialRequest, credential, now).is_ok());
    assert!(nonces.verify(NonceKind::Dpop, text(&vector["nonces"]["dpop"]), now).is_ok());

    let tokens = tenant_keys().tokens();
    let offer: OfferId = text(&vector["offer"]).parse().unwrap();
    let issuance: IssuanceId = text(&vector["issuance"]).parse().unwrap();
    let bound = tokens.open(text(&vector["bound"]), now).unwrap();
    assert_eq!(bound.offer, offer);
    assert_eq!(bound.code.as_str(), text(&vector["code"]));
    assert_eq!(bound.thumbprint.as_deref(), vector["thumbprint"].as_str());
    assert_eq!(bound.expires_at, now + time::Duration::minutes(5));
    assert_eq!((bound.granted, bound.client.as_deref()), (Granted::Everything, Some("wallet")));
    let by_identifier = tokens.open(text(&vector["by_identifier"]), now).unwrap();
    let granted = list(&vector["granted"]).iter().map(|id| text(id).to_owned()).collect();
    assert_eq!((by_identifier.granted, by_identifier.client), (Granted::Identifiers(granted), None));
    assert_eq!(by_identifier.thumbprint, None);
    assert_eq!(tokens.open_notification(text(&vector["notification"])), Some((issuance, offer)));
}

#[test]
fn thumbprints_are_those_of_the_specifications() {
    for case in list(&read(include_str!("../vectors/jwk.json"))["cases"]) {
        assert_eq!(Jwk::parse(&case["jwk"]).unwrap().thumbprint(), text(&case["thumbprint"]));
    }
}

#[test]
fn status_lists_have_the_agreed_bits() {
    for case in list(&read(include_str!("../vectors/status_list.json"))["cases"]) {
        let values = list(&case["values"]);
        let read = StatusList::from_lst(text(&case["lst"])).unwrap();
        assert_eq!(read.as_bytes(), bytes(&case["bytes"]));
        let mut written = StatusList::valid(u32::try_from(values.len()).unwrap());
        for (index, value) in (0..).zip(values) {
            let status = CredentialStatus::from_bits(u8::try_from(number(value)).unwrap());
            assert_eq!(read.get(index), status);
            if let Some(status) = status {
                written.set(index, status).unwrap();
            }
        }
        // 3 is an application's own value, which is never written here.
        if values.iter().all(|value| number(value) < 3) {
            assert_eq!(StatusList::from_lst(&written.to_lst()).unwrap(), read);
        }
    }
}

#[test]
fn indices_come_in_the_agreed_order() {
    for case in list(&read(include_str!("../vectors/permutation.json"))["cases"]) {
        let permutation = tenant_keys().permutation(case["list"].as_u64().unwrap(), number(&case["size"]));
        for (position, index) in (0..).zip(list(&case["indices"])) {
            assert_eq!(permutation.index(position), Some(number(index)));
        }
    }
}

#[test]
fn dids_and_their_documents_are_the_agreed_ones() {
    let vector = read(include_str!("../vectors/did.json"));
    for case in list(&vector["cases"]) {
        assert_eq!(did_web(text(&case["issuer"])).as_deref(), case["did"].as_str());
    }
    let key = Jwk::parse(&vector["key"]).unwrap();
    let document = &vector["document"];
    assert_eq!(&did_document(text(&document["id"]), &[key]), document);
}
