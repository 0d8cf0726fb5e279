//! `/livez`, `/readyz`, `/metrics`

use chancery_tests::acme;
use chancery_tests::people::badge;
use serde_json::json;

#[tokio::test]
async fn a_running_house_is_alive_and_ready_and_says_of_what() {
    let stranger = acme().stranger();
    assert_eq!(stranger.get("/livez").await.granted(), json!({ "status": "ok" }));
    let ready = stranger.get("/readyz").await.granted();
    assert_eq!(ready["status"], "ok");
    let dependencies = ready["dependencies"].as_object().unwrap();
    for dependency in ["database", "templates", "certificate"] {
        assert_eq!(dependencies[dependency], "ok");
    }
}

#[tokio::test]
async fn metrics_count_and_hold_no_secret() {
    let acme = acme();
    let offer = acme.issuer().offer(badge().tx_code()).await;
    let code = acme.wallet().code(&offer).await;
    acme.wallet().claim(&offer).await;
    acme.stranger().get("/unheard-of/0123456789").await.is(404);
    let metrics = acme.stranger().get("/metrics").await.is(200);
    let metrics = metrics.text();
    let issued = metrics.lines().find(|line| line.starts_with("chancery_credentials_issued_total")).unwrap();
    assert!(issued.rsplit(' ').next().unwrap().parse::<u64>().unwrap() >= 1, "{issued}");
    assert!(metrics.contains(r#"route="/offers/{secret}""#), "by route, never by path");
    for series in ["calls_total", "fuel_total", "microseconds_total"] {
        let series = format!("chancery_plugin_{series}{{component=\"");
        let counted = metrics.lines().find(|line| line.starts_with(&series)).unwrap();
        assert!(counted.rsplit(' ').next().unwrap().parse::<u64>().unwrap() >= 1, "{counted}");
    }
    assert!(metrics.contains("chancery_plugin_calls_waiting 0"), "{metrics}");
    for secret in [&offer.secret(), &code, &acme.key, "0123456789", "Lovelace"] {
        assert!(!metrics.contains(secret), "metrics tell {secret}");
    }
    assert!(metrics.len() < 256 * 1024, "labels are few");
}
