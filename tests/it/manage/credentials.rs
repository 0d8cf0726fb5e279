//! `/api/credentials`

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::{acme, together, twins};

#[tokio::test]
async fn an_issuer_finds_what_it_issued_and_no_claim() {
    let acme = acme();
    let issuer = acme.issuer();
    let offer = issuer.offer(badge()).await;
    assert!(issuer.issued(&offer).await.is_empty());
    acme.wallet().claim_copies(&offer, 3).await;
    let listed = issuer.get(&format!("/credentials?offer={}", offer.id)).await.granted();
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    for credential in listed {
        let members: Vec<_> = credential.as_object().unwrap().keys().collect();
        assert_eq!(members, ["id", "offer", "configuration_id", "status", "issued_at"]);
        assert_eq!(credential["offer"], offer.id);
        assert_eq!(credential["status"], "valid");
        let issued_at = text(&credential["issued_at"]);
        assert!(issued_at.ends_with(":00:00Z"), "on the hour: {issued_at}");
        let shown = issuer.get(&format!("/credentials/{}", text(&credential["id"]))).await.granted();
        assert_eq!(&shown, credential);
    }
}

#[tokio::test]
async fn a_change_of_what_does_not_exist_is_not_found() {
    let issuer = acme().issuer();
    let mut bodies = Vec::new();
    for id in ["crd_00000000000070008000000000000000", "ofr_00000000000070008000000000000000", "x", "%00"] {
        for change in ["revoke", "suspend", "reinstate"] {
            bodies.push(issuer.change(id, change).await.problem(404, "not-found"));
        }
        bodies.push(issuer.get(&format!("/credentials/{id}")).await.problem(404, "not-found"));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    issuer.change("crd_00000000000070008000000000000000", "delete").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_revocation_wins_every_race() {
    let [one, two] = twins();
    let offer = one.issuer().offer(badge()).await;
    let credential = one.wallet().claim(&offer).await;
    let credential = one.verifier().verify(&credential).await;
    let id = one.issuer().issued(&offer).await.remove(0);
    let changes = ["suspend", "reinstate", "revoke"];
    together((0..30).map(|turn| {
        let (issuer, id) = ([&one, &two][turn % 2].issuer(), id.clone());
        async move { issuer.change(&id, changes[turn % 3]).await }
    }))
    .await;
    for acme in [one, two] {
        let shown = acme.issuer().get(&format!("/credentials/{id}")).await.granted();
        assert_eq!(shown["status"], "revoked");
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(acme.verifier().status(&credential).await, 1);
    }
}
