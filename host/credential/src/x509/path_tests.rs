//! Paths through intermediate authorities, made by hand.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use time::Duration;

use super::*;
use crate::testing::NOW;

/// A certificate in the making.
struct Entity {
    params: CertificateParams,
    key: KeyPair,
}

fn entity(name: &str, is_ca: IsCa, usage: KeyUsagePurpose) -> Entity {
    let mut params = CertificateParams::default();
    params.not_before = NOW - Duration::days(1);
    params.not_after = NOW + Duration::days(1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params.key_usages = vec![usage];
    Entity { params, key: KeyPair::generate().unwrap() }
}

fn authority(name: &str) -> Entity {
    entity(name, IsCa::Ca(BasicConstraints::Unconstrained), KeyUsagePurpose::KeyCertSign)
}

fn leaf() -> Entity {
    entity("leaf", IsCa::ExplicitNoCa, KeyUsagePurpose::DigitalSignature)
}

/// The verdict on `path`, leaf first; each is issued by its successor, the last is the anchor.
fn verdict(path: &[Entity]) -> Result<(), ChainError> {
    let certificate = |position: usize| {
        let entity = &path[position];
        match path.get(position + 1) {
            Some(issuer) => {
                let issuer = Issuer::from_params(&issuer.params, &issuer.key);
                entity.params.signed_by(&entity.key, &issuer).unwrap()
            }
            None => entity.params.self_signed(&entity.key).unwrap(),
        }
    };
    let anchor = path.len() - 1;
    let anchors = Anchors::from_pem(&parse::to_pem("CERTIFICATE", certificate(anchor).der())).unwrap();
    let x5c: Vec<String> = (0..anchor).map(|position| STANDARD.encode(certificate(position).der())).collect();
    verify_leaf(&x5c, &anchors, NOW).map(|_| ())
}

#[test]
fn a_path_leads_through_intermediate_authorities() {
    assert_eq!(verdict(&[leaf(), authority("root")]), Ok(()));
    assert_eq!(verdict(&[leaf(), authority("one"), authority("root")]), Ok(()));
    assert_eq!(verdict(&[leaf(), authority("one"), authority("two"), authority("root")]), Ok(()));
}

#[test]
fn a_path_has_an_end() {
    let mut path = vec![leaf()];
    path.extend((0..6).map(|number| authority(&format!("authority {number}"))));
    path.push(authority("root"));
    assert_eq!(verdict(&path), Err(ChainError::Length));
}

#[test]
fn nobody_but_an_authority_issues() {
    let mut holder = leaf();
    holder.params.distinguished_name.push(DnType::CommonName, "a holder with ambitions");
    assert_eq!(verdict(&[leaf(), holder, authority("root")]), Err(ChainError::Broken(0)));
    // Named an authority, but without the right to sign certificates.
    let unconstrained = IsCa::Ca(BasicConstraints::Unconstrained);
    let signer = entity("signer", unconstrained, KeyUsagePurpose::DigitalSignature);
    assert_eq!(verdict(&[leaf(), signer, authority("root")]), Err(ChainError::Broken(0)));
}

#[test]
fn an_authority_goes_by_its_name() {
    let (leaf, mut root) = (leaf(), authority("root"));
    let issuer = Issuer::from_params(&root.params, &root.key);
    let x5c = [STANDARD.encode(leaf.params.signed_by(&leaf.key, &issuer).unwrap().der())];
    let verdict = |root: &Entity| {
        let anchor = root.params.self_signed(&root.key).unwrap();
        let anchors = Anchors::from_pem(&parse::to_pem("CERTIFICATE", anchor.der())).unwrap();
        verify_leaf(&x5c, &anchors, NOW).map(|_| ())
    };
    assert_eq!(verdict(&root), Ok(()));
    root.params.distinguished_name = DistinguishedName::new();
    root.params.distinguished_name.push(DnType::CommonName, "the same key under another name");
    assert_eq!(verdict(&root), Err(ChainError::Broken(0)));
}

#[test]
fn an_authority_delegates_as_deep_as_it_may() {
    let short = || entity("root", IsCa::Ca(BasicConstraints::Constrained(0)), KeyUsagePurpose::KeyCertSign);
    assert_eq!(verdict(&[leaf(), short()]), Ok(()));
    assert_eq!(verdict(&[leaf(), authority("one"), short()]), Err(ChainError::Broken(1)));
}

#[test]
fn every_certificate_of_the_path_is_valid_now() {
    let expired = || {
        let mut one = authority("one");
        one.params.not_after = NOW - Duration::SECOND;
        one
    };
    assert_eq!(verdict(&[leaf(), expired(), authority("root")]), Err(ChainError::Validity(1)));
    assert_eq!(verdict(&[leaf(), expired()]), Err(ChainError::Broken(0)));
}

#[test]
fn a_leaf_signs_documents_and_issues_nothing() {
    let agreeing = entity("leaf", IsCa::ExplicitNoCa, KeyUsagePurpose::KeyAgreement);
    assert_eq!(verdict(&[agreeing, authority("root")]), Err(ChainError::KeyUsage));
    assert_eq!(verdict(&[authority("one"), authority("root")]), Err(ChainError::NotALeaf));
}

#[test]
fn what_is_critical_must_be_understood() {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    let with = |extension: &CustomExtension| {
        let mut leaf = leaf();
        leaf.params.custom_extensions.push(extension.clone());
        verdict(&[leaf, authority("root")])
    };
    assert_eq!(with(&extension), Ok(()));
    extension.set_criticality(true);
    assert_eq!(with(&extension), Err(ChainError::CriticalExtension(0)));
}

#[test]
fn what_a_key_is_for_is_heeded_for_documents() {
    let purpose = |arcs: &[u64]| ExtendedKeyUsagePurpose::Other(arcs.to_vec());
    let document_signer = || purpose(&[1, 0, 18013, 5, 1, 2]);
    for (purposes, may) in [
        (vec![], true),
        (vec![document_signer()], true),
        (vec![ExtendedKeyUsagePurpose::ClientAuth, document_signer()], true),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], false),
        (vec![ExtendedKeyUsagePurpose::Any], false),
        (vec![purpose(&[1, 0, 18013, 5, 1, 6])], false),
    ] {
        let (mut leaf, root) = (leaf(), authority("root"));
        leaf.params.extended_key_usages.clone_from(&purposes);
        let issuer = Issuer::from_params(&root.params, &root.key);
        let x5c = STANDARD.encode(leaf.params.signed_by(&leaf.key, &issuer).unwrap().der());
        assert_eq!(may_sign_documents(&x5c), may, "{purposes:?}");
        // For everything else it is what its chain makes of it.
        assert!(holder_leaf(&[x5c], NOW).is_ok());
    }
    assert!(!may_sign_documents("x"));
}

#[test]
fn a_holders_chain_holds_together_whoever_it_is_from() {
    let chain = |path: &[Entity]| -> Vec<String> {
        let made = path.iter().enumerate().map(|(position, entity)| match path.get(position + 1) {
            Some(issuer) => {
                let issuer = Issuer::from_params(&issuer.params, &issuer.key);
                entity.params.signed_by(&entity.key, &issuer).unwrap()
            }
            None => entity.params.self_signed(&entity.key).unwrap(),
        });
        made.map(|certificate| STANDARD.encode(certificate.der())).collect()
    };
    let verdict = |x5c: &[String]| holder_leaf(x5c, NOW).map(|_| ());
    for good in
        [vec![leaf()], vec![leaf(), authority("root")], vec![leaf(), authority("one"), authority("root")]]
    {
        assert_eq!(verdict(&chain(&good)), Ok(()));
    }
    let [first, root] = chain(&[leaf(), authority("root")]).try_into().unwrap();
    let [other] = chain(&[authority("root")]).try_into().unwrap();
    assert_eq!(verdict(&[first.clone(), other]), Err(ChainError::Broken(0)));
    assert_eq!(verdict(&[root, first.clone()]), Err(ChainError::Broken(0)));
    assert_eq!(verdict(&vec![first; 7]), Err(ChainError::Length));
    assert_eq!(verdict(&[]), Err(ChainError::Length));
    assert_eq!(verdict(&chain(&[leaf(), leaf()])), Err(ChainError::Broken(0)), "a leaf issues nothing");
    let agreeing = entity("leaf", IsCa::ExplicitNoCa, KeyUsagePurpose::KeyAgreement);
    assert_eq!(verdict(&chain(&[agreeing])), Err(ChainError::KeyUsage));
    let mut over = leaf();
    over.params.not_after = NOW - Duration::SECOND;
    assert_eq!(verdict(&chain(&[over])), Err(ChainError::Validity(0)));
}
