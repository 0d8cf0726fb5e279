//! Where verifiers find keys: `jwt-vc-issuer`, `/jwks`, `did.json`, `x5c`

use chancery_tests::acme;
use chancery_tests::answer::text;
use chancery_tests::jose;
use chancery_tests::people::badge;
use serde_json::Value;

#[tokio::test]
async fn all_ways_to_a_key_lead_to_the_same_one() {
    let acme = acme();
    let credential = acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    let signed_by = text(&acme.verifier().verify(&credential).await.header["kid"]);

    let jwks = acme.stranger().get("/jwks").await.is(200);
    assert_eq!(jwks.header("content-type"), Some("application/jwk-set+json"));
    let vc = acme.stranger().get("/.well-known/jwt-vc-issuer").await.is(200).json();
    assert_eq!(vc["jwks"], jwks.json());
    assert!(vc.get("jwks_uri").is_none(), "either jwks or jwks_uri");
    let did = acme.stranger().get("/.well-known/did.json").await.is(200).json();
    let port = acme.identifier.rsplit(':').next().unwrap();
    assert_eq!(did["id"], format!("did:web:localhost%3A{port}"), "did:web knows no addresses");

    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    let methods = did["verificationMethod"].as_array().unwrap();
    assert_eq!(keys.len(), methods.len());
    for key in &keys {
        assert_eq!(key["kid"], jose::thumbprint(key), "RFC 7638");
        assert_eq!((&key["alg"], &key["use"]), (&Value::from("ES256"), &Value::from("sig")));
        for private in ["d", "p", "q", "k", "oth"] {
            assert!(key.get(private).is_none(), "{private}");
        }
        let id = format!("{}#{}", text(&did["id"]), text(&key["kid"]));
        let method = methods.iter().find(|method| method["id"] == id).unwrap();
        assert_eq!((&method["publicKeyJwk"]["x"], &method["controller"]), (&key["x"], &did["id"]));
        assert!(did["assertionMethod"].as_array().unwrap().iter().any(|method| *method == id));
    }
    assert!(keys.iter().any(|key| key["kid"] == signed_by));
    acme.stranger().get("/did.json").await.refused(404, "invalid_request");
}
