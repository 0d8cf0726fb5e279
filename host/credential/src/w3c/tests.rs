//! W3C credentials, signed and read back.

use chancery_domain::template::{W3cClaim, W3cProjection};
use chancery_domain::{CredentialId, Dataset, IssuanceId, IssuanceToken, StatusEntry};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::*;
use crate::jose::{Header, Jwk};
use crate::keys::SigningKey;
use crate::testing::{NOW, now_or_never};

const DID: &str = "did:web:h.example:acme";

#[expect(clippy::disallowed_methods, reason = "no store here; the test stands in for a committed intent")]
fn token() -> IssuanceToken {
    let status = StatusEntry { list: 3, index: 4711 };
    IssuanceToken::from_committed_intent(
        IssuanceId::new(NOW, [1; 10]),
        CredentialId::new(NOW, [1; 10]),
        status,
    )
}

fn holder() -> Jwk {
    SigningKey::es256(&[2; 32]).unwrap().public_jwk().clone()
}

fn projection() -> W3cProjection {
    let claim = |field: &str, path: &[&str]| W3cClaim {
        field: field.to_owned(),
        path: path.iter().map(ToString::to_string).collect(),
    };
    W3cProjection {
        types: vec!["Diploma".to_owned()],
        contexts: vec!["https://h.example/context".to_owned()],
        claims: vec![
            claim("given_name", &["given_name"]),
            claim("degree", &["degree", "name"]),
            claim("place", &["degree", "place"]),
        ],
    }
}

fn issued(model: Model, did: Option<&str>) -> String {
    let signer = SigningKey::es256(&[1; 32]).unwrap();
    let dataset = Dataset {
        values: serde_json::from_value(json!({ "given_name": "Ada", "degree": "Analyst", "secret": 1 }))
            .unwrap(),
        good_until: None,
    };
    let projection = projection();
    let credential = W3cCredential {
        model,
        projection: &projection,
        dataset: &dataset,
        holder: &holder(),
        issued_at: NOW,
        expires_at: NOW + Duration::days(1),
        status_list_uri: "https://h.example/acme/status-lists/3",
    };
    let issuer = Issuer { identifier: "https://h.example/acme", did, signer: &signer, chain: None };
    now_or_never(issue(token(), &credential, issuer)).unwrap()
}

fn read(credential: &str, model: Model, at: OffsetDateTime) -> Result<VerifiedW3c, Invalid> {
    let key = SigningKey::es256(&[1; 32]).unwrap();
    verify(credential, model, &|_: &Header| Some(key.public_jwk().clone()), at)
}

#[test]
fn both_models_say_the_same_of_the_same_dataset() {
    for model in [Model::JwtVcJson, Model::VcJwt] {
        let credential = issued(model, Some(DID));
        let verified = read(&credential, model, NOW).unwrap();
        assert_eq!(verified.issuer, DID);
        assert_eq!(verified.types, ["VerifiableCredential", "Diploma"]);
        assert_eq!(verified.holder, holder());
        assert_eq!(verified.expires_at, NOW + Duration::days(1));
        let mut subject = verified.credential["credentialSubject"].clone();
        assert!(subject["id"].take().as_str().unwrap().starts_with("did:jwk:"));
        assert_eq!(subject, json!({ "id": null, "given_name": "Ada", "degree": { "name": "Analyst" } }));
        let lists: Vec<_> = verified.status.iter().map(|(_, reference)| reference.uri.as_str()).collect();
        let uri = "https://h.example/acme/status-lists/3";
        assert_eq!(lists, [format!("{uri}/revocation"), format!("{uri}/suspension")]);
        let header: Value = serde_json::from_slice(
            &crate::jose::base64url::decode(credential.split('.').next().unwrap()).unwrap(),
        )
        .unwrap();
        assert!(header["kid"].as_str().unwrap().starts_with("did:web:h.example:acme#"));
    }
}

#[test]
fn without_a_did_the_issuer_is_its_identifier() {
    let credential = issued(Model::VcJwt, None);
    assert_eq!(read(&credential, Model::VcJwt, NOW).unwrap().issuer, "https://h.example/acme");
}

#[test]
fn one_model_is_not_the_other_and_time_ends_both() {
    for (model, other) in [(Model::JwtVcJson, Model::VcJwt), (Model::VcJwt, Model::JwtVcJson)] {
        let credential = issued(model, Some(DID));
        assert!(matches!(read(&credential, other, NOW), Err(Invalid::Member("typ"))));
        assert!(matches!(read(&credential, model, NOW + Duration::days(1)), Err(Invalid::Validity)));
        assert!(matches!(read(&credential, model, NOW - Duration::SECOND), Err(Invalid::Validity)));
        let stranger = SigningKey::es256(&[9; 32]).unwrap();
        let by_another = verify(&credential, model, &|_: &Header| Some(stranger.public_jwk().clone()), NOW);
        assert!(matches!(by_another, Err(Invalid::Jws(_))));
    }
}
