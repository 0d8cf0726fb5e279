//! Chains that hold and chains that do not.

use time::Duration;

use super::*;
use crate::SystemRandom;
use crate::keys::SigningKey;
use crate::testing::NOW;

const ISSUER: &str = "https://issuer.example/acme";

fn key(byte: u8) -> Jwk {
    SigningKey::es256(&[byte; 32]).unwrap().public_jwk().clone()
}

fn ca() -> DevelopmentCa {
    DevelopmentCa::generate(NOW, &SystemRandom).unwrap()
}

fn leaf(ca: &DevelopmentCa) -> CertificateChain {
    ca.issue_leaf(&key(1), ISSUER, NOW, NOW + Duration::days(90)).unwrap()
}

fn anchors(ca: &DevelopmentCa) -> Anchors {
    Anchors::from_pem(ca.certificate_pem()).unwrap()
}

#[test]
fn a_development_chain_verifies_and_names_its_issuer() {
    let ca = ca();
    let chain = leaf(&ca);
    let verified = verify_leaf(chain.x5c(), &anchors(&ca), NOW).unwrap();
    assert_eq!(verified.public_jwk(), &key(1));
    assert!(verified.names(ISSUER) && chain.names(ISSUER));
    // The DNS name vouches for the host, whatever the path.
    assert!(verified.names("https://issuer.example"));
    assert!(!verified.names("https://other.example/acme"));
    assert_eq!(chain.expires_at(), NOW + Duration::days(90));
    assert!(chain.valid_from() < NOW - Duration::days(1));
}

#[test]
fn the_anchor_stays_out_of_x5c() {
    let ca = ca();
    let chain = leaf(&ca);
    assert_eq!(chain.x5c().len(), 1);
    let with_anchor = format!("{}{}", chain.to_pem(), ca.certificate_pem());
    assert_eq!(CertificateChain::from_pem(&with_anchor, &key(1)).unwrap(), chain);
    // Who puts it in all the same does not vouch for himself.
    let anchor = CertificateChain::from_pem(ca.certificate_pem(), &key(1));
    assert_eq!(anchor.unwrap_err(), ChainError::NotALeaf);
    let der = STANDARD.encode(&certificates_from_pem(ca.certificate_pem()).unwrap()[0].der);
    let x5c = vec![chain.x5c()[0].clone(), der.clone()];
    assert_eq!(verify_leaf(&x5c, &anchors(&ca), NOW).unwrap_err(), ChainError::Broken(1));
    assert_eq!(verify_leaf(&[der], &anchors(&ca), NOW).unwrap_err(), ChainError::NotALeaf);
}

#[test]
fn a_leaf_for_another_key_is_refused() {
    let chain = leaf(&ca());
    assert_eq!(CertificateChain::from_pem(&chain.to_pem(), &key(2)).unwrap_err(), ChainError::WrongKey);
}

#[test]
fn another_authority_does_not_vouch() {
    let (ours, theirs) = (ca(), ca());
    let chain = leaf(&ours);
    assert_eq!(verify_leaf(chain.x5c(), &anchors(&theirs), NOW).unwrap_err(), ChainError::Broken(0));
    let both = format!("{}{}", chain.to_pem(), theirs.certificate_pem());
    assert_eq!(CertificateChain::from_pem(&both, &key(1)).unwrap_err(), ChainError::Broken(0));
}

#[test]
fn a_leaf_is_no_authority() {
    let ca = ca();
    let chain = leaf(&ca);
    let not_an_anchor = Anchors::from_pem(&chain.to_pem()).unwrap();
    assert!(verify_leaf(chain.x5c(), &not_an_anchor, NOW).is_err());
}

#[test]
fn certificates_end() {
    let ca = ca();
    let chain = leaf(&ca);
    let at = |now| verify_leaf(chain.x5c(), &anchors(&ca), now).map(|_| ());
    assert_eq!(at(NOW + Duration::days(90)), Ok(()));
    assert_eq!(at(NOW + Duration::days(91)), Err(ChainError::Validity(0)));
    assert_eq!(at(NOW - Duration::days(3)), Err(ChainError::Validity(0)));
}

#[test]
fn a_changed_certificate_is_refused() {
    let ca = ca();
    let der = STANDARD.decode(&leaf(&ca).x5c()[0]).unwrap();
    for position in (0..der.len()).step_by(7) {
        let mut changed = der.clone();
        changed[position] ^= 1;
        let verdict = verify_leaf(&[STANDARD.encode(changed)], &anchors(&ca), NOW);
        assert!(verdict.is_err(), "byte {position}");
    }
    assert!(verify_leaf(&[format!("{}\n", STANDARD.encode(&der))], &anchors(&ca), NOW).is_err());
    let longer = STANDARD.encode([der.as_slice(), &[0]].concat());
    assert!(verify_leaf(&[longer], &anchors(&ca), NOW).is_err());
    assert_eq!(verify_leaf::<String>(&[], &anchors(&ca), NOW).unwrap_err(), ChainError::Length);
}

#[test]
fn an_authority_survives_its_file() {
    let ca = ca();
    let again = DevelopmentCa::from_pem(&ca.to_pem().unwrap()).unwrap();
    assert_eq!(again.certificate_pem(), ca.certificate_pem());
    let chain = leaf(&again);
    assert!(verify_leaf(chain.x5c(), &anchors(&ca), NOW).is_ok());
    assert!(DevelopmentCa::from_pem(ca.certificate_pem()).is_err());
    assert!(!format!("{ca:?}").contains("PRIVATE"));
}

#[test]
fn ed25519_keys_and_addresses_are_certified_too() {
    let ca = ca();
    let public = SigningKey::ed25519(&[1; 32]).unwrap().public_jwk().clone();
    for issuer in ["http://127.0.0.1:8080/acme", "http://localhost:8080", "https://[::1]/acme"] {
        let chain = ca.issue_leaf(&public, issuer, NOW, NOW + Duration::days(1)).unwrap();
        let verified = verify_leaf(chain.x5c(), &anchors(&ca), NOW).unwrap();
        assert_eq!(verified.public_jwk(), &public);
        assert!(verified.names(issuer), "{issuer}");
    }
    assert!(matches!(ca.issue_leaf(&public, "acme", NOW, NOW), Err(CaError::Issuer)));
}

#[test]
fn a_signature_never_goes_out_under_another_keys_certificate() {
    let chain = leaf(&ca());
    let other = SigningKey::es256(&[2; 32]).unwrap();
    assert!(key_header(&other, Some(&chain)).is_err());
    let own = SigningKey::es256(&[1; 32]).unwrap();
    assert_eq!(key_header(&own, Some(&chain)).unwrap()["x5c"], serde_json::json!(chain.x5c()));
}
