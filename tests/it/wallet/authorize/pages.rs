//! The pages that a holder sees: nothing on them acts by itself, and what they carry is theirs alone

use chancery_tests::people::holder::carried;
use chancery_tests::people::wallet::Asking;
use chancery_tests::people::{badge, diploma};
use chancery_tests::{Answer, acme};

use super::{ADA, consented};

#[tokio::test]
async fn what_people_wrote_stays_text() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let offer = acme.issuer().offer(consented(badge()).subject("department", evil)).await;
    let state = wallet.issuer_state(&offer).await;
    let page = holder
        .open(&wallet.pushed(&Asking::scope("employee-badge").with("issuer_state", &state)).await)
        .await;
    assert!(page.text().contains("&#60;img") && !page.text().contains("<img"), "{page}");
    let page = holder.open(&wallet.pushed(&Asking::scope("employee-badge")).await).await;
    let again = holder.demonstrate(&page, &[("employee-badge/given_name", evil)]).await.is(422);
    assert!(!again.text().contains("<img") && again.text().contains("&#60;img"), "{again}");
}

#[tokio::test]
async fn a_browser_may_go_to_the_wallet_and_nowhere_else() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    for (redirect, destination) in [
        ("https://wallet.example:8443/cb", "https://wallet.example:8443"),
        ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152"),
        ("org.example.wallet://cb", "org.example.wallet:"),
    ] {
        let asking = Asking::scope("employee-badge").with("redirect_uri", redirect);
        let page = holder.open(&wallet.pushed(&asking).await).await.is(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(&format!("form-action 'self' {destination};")), "{policy}");
        assert!(page.text().contains(destination), "the holder is told: {page}");
        let leaving = holder.decide(&page, "refuse").await.is(303);
        assert!(leaving.header("location").unwrap().starts_with(&format!("{redirect}?error=access_denied")));
    }
}

#[tokio::test]
async fn a_page_carries_nothing_that_can_be_changed_or_taken_for_another() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let request_uri = wallet.pushed(&Asking::scope("employee-badge")).await;
    let page = holder.open(&request_uri).await;
    let sealed = carried(&page);
    let send = async |path: &str, page: &str| {
        let form = [("page", page), ("decision", "consent"), ("link", "x"), ("tx_code", "1")];
        Answer::to(wallet.post(path).form(&form)).await
    };
    let pushed = request_uri.rsplit(':').next().unwrap();
    for path in ["/authorize/sign-in", "/authorize/decision", "/authorize/demo-holder"] {
        for wrong in ["", "x", &sealed[1..], &format!("{sealed}A"), pushed] {
            send(path, wrong).await.is(400);
        }
        Answer::to(wallet.post(path).body("page=x")).await.is(400);
        acme.stranger().ask(reqwest::Method::GET, path).await.is(405);
    }
    // The holder is a stranger to this page still.
    send("/authorize/decision", &sealed).await.is(400);
    let uri = format!("urn:ietf:params:oauth:request_uri:{sealed}");
    holder.open(&uri).await.is(400);
}

#[tokio::test]
async fn what_the_demo_holder_says_must_fit_the_template() {
    let acme = acme();
    let (wallet, holder) = (acme.wallet(), acme.holder());
    let page = holder.open(&wallet.pushed(&Asking::scope("employee-badge")).await).await;
    let again = holder.demonstrate(&page, &ADA[..2]).await.is(422);
    assert!(again.text().contains("employee_id") && again.text().contains("Lovelace"), "{again}");
    let pid = holder.open(&wallet.pushed(&Asking::scope("person-identification-data")).await).await;
    let broken = [("person-identification-data/nationalities", "not JSON")];
    let again = holder.demonstrate(&pid, &broken).await.is(422);
    assert!(again.text().contains("nationalities: must be JSON"), "{again}");
}

#[tokio::test]
async fn the_page_of_an_offer_leads_to_the_wallet_whatever_its_grant() {
    let acme = acme();
    let offer = acme.issuer().offer(consented(diploma())).await;
    let page = acme.stranger().get(&format!("/offers/{}/page", offer.secret())).await.is(200);
    assert!(page.text().contains("openid-credential-offer://"), "{page}");
    let shown = acme.issuer().get(&format!("/offers/{}", offer.id)).await.granted();
    assert_eq!(shown["grant"], "authorization_code");
    let wrong = acme.issuer().create(&diploma().with("grant", "implicit")).await;
    assert!(wrong.status == 400 || wrong.status == 422, "{wrong}");
}
