//! Many tenants at once, at two processes: nothing goes astray

use std::collections::BTreeSet;

use chancery_tests::answer::text;
use chancery_tests::people::badge;
use chancery_tests::{Acme, together, twin_platforms, unique};
use serde_json::Value;

/// How many tenants, and how many credentials each of them issues.
const TENANTS: usize = 5;
const EACH: usize = 8;

#[tokio::test]
async fn tenants_that_issue_at_once_at_two_processes_get_each_their_own() {
    let [one, other] = twin_platforms();
    let mut tenants = Vec::new();
    for _ in 0..TENANTS {
        let here = one.newcomer().await;
        let there = Acme { base: here.base.replace(&one.base, &other.base), ..here.clone() };
        tenants.push([here, there]);
    }
    // Offered at one process and claimed at the other, whose turn it is.
    let work = (0..TENANTS * EACH).map(|number| {
        let tenant = number % TENANTS;
        let [here, there] = tenants[tenant].clone();
        let (offers, claims) =
            if (number / TENANTS).is_multiple_of(2) { (here, there) } else { (there, here) };
        async move {
            let name = unique("Ada");
            let offer = offers.issuer().offer(badge().subject("given_name", name.clone())).await;
            let credential = claims.verifier().verify(&claims.wallet().claim(&offer).await).await;
            assert_eq!(credential.claims["given_name"], name.as_str());
            assert_eq!(credential.payload["iss"], offers.identifier.as_str());
            let list = credential.payload["status"]["status_list"].clone();
            assert!(text(&list["uri"]).starts_with(&offers.identifier), "{list}");
            (tenant, offer.id, list.to_string())
        }
    });
    let done = together(work).await;
    let mut seen = BTreeSet::new();
    for (tenant, [here, there]) in tenants.iter().enumerate() {
        let of_tenant = || done.iter().filter(|(of, ..)| *of == tenant);
        let entries: BTreeSet<&String> = of_tenant().map(|(_, _, entry)| entry).collect();
        assert_eq!(entries.len(), EACH, "no place in a status list is given twice");
        let offered: BTreeSet<String> = of_tenant().map(|(_, id, _)| id.clone()).collect();
        for process in [here, there] {
            let listed = process.issuer().get("/offers").await.granted();
            assert_eq!(ids(&listed), offered);
        }
        let credentials = ids(&here.issuer().get("/credentials").await.granted());
        assert_eq!(credentials.len(), EACH);
        assert!(credentials.iter().all(|id| seen.insert(id.clone())), "an id is one tenant's own");
        let told = here.issuer().get("/audit?action=offer.created").await.granted();
        assert_eq!(told["data"].as_array().unwrap().len(), EACH);
    }
}

fn ids(page: &Value) -> BTreeSet<String> {
    page["data"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect()
}
