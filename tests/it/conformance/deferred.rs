//! The same flows where the issuer answers later (OpenID4VCI §8.3, §9): the plans only ever see that it may.

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::Request;
use chancery_tests::people::wallet::credentials;
use serde_json::json;

use super::{Plan, variants};

#[tokio::test]
async fn happy_flow_deferred() {
    let plan = Plan::start().await;
    for variant in variants().filter(|variant| variant.by_issuer) {
        let (key, holders) = (Key::p256(), Key::some(2));
        let subject = json!({
            "given_name": "Erika", "family_name": "Mustermann", "birthdate": "1964-08-12",
            "place_of_birth": { "country": "DE" }, "nationalities": ["DE"],
        });
        let id = variant.configuration_id;
        let offer = json!({
            "credentials": [{ "configuration_id": id, "subject": subject, "deferred": true }],
            "grant": "authorization_code",
        });
        let offer = plan.acme.issuer().offer(Request(offer)).await;
        let asking = plan.asking(&plan.client, &offer, variant).await;
        let page = plan.decision(&plan.client, &asking, &offer).await;
        let code = plan.acme.holder().consent(&page).await["code"].clone();
        let answer = plan.redeem(&plan.client, &asking, &code, &key).await;
        let token = chancery_tests::people::Token::read(answer);

        let request = plan.request(variant, &holders).await;
        let (status, told) = plan.exchange("/credential", variant, (&token, &key), request).await;
        assert_eq!(status, 202, "{variant:?}: {told}");
        let transaction = json!({ "transaction_id": told["transaction_id"], "x-unknown": 1 });
        let again = async || {
            plan.exchange("/deferred-credential", variant, (&token, &key), transaction.clone()).await
        };
        let (status, later) = again().await;
        assert_eq!((status, text(&later["transaction_id"])), (202, text(&told["transaction_id"])));
        assert!(later["interval"].as_u64().unwrap() > 0);

        plan.acme.issuer().complete(&offer.deferral(), &json!({})).await.granted();
        let (status, issued) = again().await;
        assert_eq!(status, 200, "{variant:?}: {issued}");
        let seen = plan.verified(variant, &credentials(&issued), &holders).await;
        assert!(seen.iter().all(|copy| copy.said == "Erika"), "{variant:?}");
        let (status, over) = again().await;
        assert_eq!((status, &over["error"]), (400, &json!("invalid_transaction_id")), "{variant:?}");
    }
}
