//! Onboarding policies through the engine.

use chancery_engine::{ConfigureError, Contact, Counts, DecideRequest, Decision, Hook, Input, Registration};
use serde_json::{Map, json};

use crate::support::{Host, at};

fn registration(channel: &str, email: &str) -> DecideRequest {
    DecideRequest {
        registration: Registration {
            slug: "acme".into(),
            name: "Acme".into(),
            parent: None,
            owner: Some(Contact { email: email.into(), name: None, email_verified: true }),
            channel: channel.into(),
            details: Map::new(),
        },
        counts: Counts { total: 3, roots: 2, siblings: 2, waiting: 1, depth: 1 },
        now: at(1_793_000_000),
        locale: "en".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_says_how_it_is_shown_and_what_may_be_configured() {
    let host = Host::new();
    for name in ["manual-approval-policy", "email-domain-policy"] {
        let component = host.component(name).await;
        assert_eq!(component.hook(), Hook::OnboardingPolicy);
        let policy = host.engine.policy(&component, json!({})).await.unwrap();
        let locales: Vec<&str> = policy.description().display.iter().map(|it| &*it.locale).collect();
        assert_eq!(locales, ["en", "de"]);
        assert_eq!(policy.description().configuration_schema["type"], "object");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_decides_under_its_configuration() {
    let host = Host::new();
    let component = host.component("email-domain-policy").await;
    let configuration = json!({"allowed": ["acme.example"], "blocked": ["mail.example"]});
    let policy = host.engine.policy(&component, configuration).await.unwrap();
    let decide = async |email: &str| policy.decide(&registration("self-signup", email)).await.unwrap();
    assert_eq!(decide("erika@acme.example").await, Decision::Approve);
    let Decision::Reject(reasons) = decide("erika@mail.example").await else { panic!("not rejected") };
    assert_eq!((&*reasons[0].pointer, &*reasons[0].code), ("/owner/email", "blocked-domain"));
    assert!(matches!(decide("erika@elsewhere.example").await, Decision::RequireApproval(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_a_registration_can_be_made_again() {
    let host = Host::new();
    let component = host.component("manual-approval-policy").await;
    let policy = host.engine.policy(&component, json!({})).await.unwrap();
    let input = policy.input(&registration("parent", "erika@acme.example")).unwrap();
    let kept: Input = serde_json::from_str(&serde_json::to_string(&input).unwrap()).unwrap();
    assert_eq!(kept.digest(), input.digest());
    let (first, second) = (policy.run(&input).await, policy.run(&kept).await);
    assert_eq!((&first.answer, first.usage.fuel), (&second.answer, second.usage.fuel));
    assert!(first.usage.fuel > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_its_schema_refuses_is_refused_by_pointer() {
    let host = Host::new();
    let component = host.component("email-domain-policy").await;
    let error = host.engine.policy(&component, json!({"others": "shrug"})).await.unwrap_err();
    let ConfigureError::Configuration { issues, .. } = &error else { panic!("{error:?}") };
    assert_eq!(issues[0].pointer, "/others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_not_used_for_another_hook() {
    let host = Host::new();
    let (badge, policy) =
        (host.component("employee-badge").await, host.component("manual-approval-policy").await);
    for error in [
        host.engine.policy(&badge, json!({})).await.unwrap_err(),
        host.engine.template(&policy, json!({})).await.unwrap_err(),
        host.engine.license(&policy, json!({})).await.unwrap_err(),
    ] {
        assert!(matches!(error, ConfigureError::Hook { .. }), "{error:?}");
    }
    // An input that was kept is not run by another hook either.
    let kept = host.engine.policy(&policy, json!({})).await.unwrap();
    let kept = kept.input(&registration("operator", "erika@acme.example")).unwrap();
    let badge = host.engine.template(&badge, json!({})).await.unwrap();
    badge.run(&kept).await.answer.unwrap_err();
}
