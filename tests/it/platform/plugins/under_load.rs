//! A version becomes active while two processes issue, and is taken back: nothing fails, and each credential is wholly
//! one version's

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::wallet::{credentials, request_for};
use chancery_tests::people::{Offer, Plugin, Token};
use chancery_tests::{Acme, sd_jwt, together, twin_platforms, unique};
use serde_json::json;
use tokio::task::JoinHandle;

use super::of;

const TYPE: &str = "hostile";
/// How many go on issuing.
const ISSUERS: usize = 12;
/// How long a process may take to hear of it: mostly milliseconds, but the machine may be busy with other tests.
const HEARD_AFTER: Duration = Duration::from_secs(3);

/// A version whose credentials say which one it is.
fn version(says: &str) -> Plugin {
    Plugin::built(TYPE).saying("nothing", says)
}

async fn offer(tenant: &Acme) -> Offer {
    let credential = json!({ "configuration_id": TYPE, "subject": {} });
    Offer::read(&tenant.issuer().post("/offers", &json!({ "credentials": [credential] })).await)
}

/// Redeems a token, for which version the credential speaks.
async fn collect(tenant: &Acme, token: &Token) -> String {
    let wallet = tenant.wallet();
    let proofs = wallet.proofs(&[Key::p256()], &wallet.nonce().await);
    let answer = wallet.request(token, &request_for(TYPE, &proofs)).await.granted();
    let jwks = tenant.verifier().keys().await;
    text(&sd_jwt::verify(&credentials(&answer)[0], &jwks).claims["value"])
}

/// What came of one offer.
struct Issued {
    asked: Instant,
    offered: Instant,
    says: String,
}

/// People who issue without a pause, each step at another of the two processes.
struct Busy {
    stop: Arc<AtomicBool>,
    issued: Arc<AtomicUsize>,
    all: JoinHandle<Vec<Vec<Issued>>>,
}

impl Busy {
    fn begin(processes: &[Acme; 2]) -> Self {
        let (stop, issued) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let work: Vec<_> = (0..ISSUERS)
            .map(|number| {
                let (stop, issued, processes) = (stop.clone(), issued.clone(), processes.clone());
                async move {
                    let mut all = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let turn = number + all.len();
                        let (here, there) = (&processes[turn % 2], &processes[(turn + turn / 2) % 2]);
                        let asked = Instant::now();
                        let offer = offer(here).await;
                        let offered = Instant::now();
                        let token = there.wallet().redeem(&offer).await;
                        all.push(Issued { asked, offered, says: collect(here, &token).await });
                        issued.fetch_add(1, Ordering::Relaxed);
                    }
                    all
                }
            })
            .collect();
        Self { stop, issued, all: tokio::spawn(together(work)) }
    }

    /// Waits until everybody went through it a few times more, and as long as somebody may not have heard.
    async fn go_on(&self) {
        let (until, began) = (self.issued.load(Ordering::Relaxed) + 4 * ISSUERS, Instant::now());
        while self.issued.load(Ordering::Relaxed) < until || began.elapsed() < HEARD_AFTER {
            assert!(!self.all.is_finished(), "a request failed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) -> Vec<Issued> {
        self.stop.store(true, Ordering::Relaxed);
        self.all.await.unwrap().into_iter().flatten().collect()
    }
}

/// How often a version was asked, at both processes.
async fn calls(processes: &[Acme; 2], version: &Plugin) -> u64 {
    let mut calls = 0;
    for tenant in processes {
        let metrics = tenant.issuer().get(&format!("/plugins/{}/metrics", version.digest())).await.granted();
        assert_eq!(metrics["faults"], json!({}), "{metrics}");
        calls += metrics["calls"].as_u64().unwrap();
    }
    calls
}

/// A change that was asked for at one moment and answered at another.
struct Change {
    asked: Instant,
    answered: Instant,
    from: String,
    to: String,
}

impl Change {
    /// Checks what was offered from the last change to the next one, and how long the earlier version went on.
    fn check(&self, issued: &[Issued], until: Instant) -> Duration {
        let mut went_on = Duration::ZERO;
        for one in issued.iter().filter(|one| one.asked >= self.answered && one.offered <= until) {
            let after = one.asked - self.answered;
            assert!(one.says == self.to || one.says == self.from, "{} is neither", one.says);
            if one.says == self.from {
                assert!(after < HEARD_AFTER, "{} is still offered after {after:?}", self.from);
                went_on = went_on.max(one.offered - self.answered);
            }
        }
        went_on
    }
}

#[tokio::test]
async fn a_version_changes_under_load_and_every_credential_is_of_one() {
    let [one, other] = twin_platforms();
    let here = one.newcomer().await;
    let there = Acme { base: here.base.replace(&one.base, &other.base), ..here.clone() };
    let processes = [here.clone(), there.clone()];
    // Nobody has compiled what nobody has seen.
    let (old, new) = (&unique("")[..7], &unique("")[..7]);
    let (first, second) = (version(old), version(new));
    one.operator().upload(&first).await.is(201);
    one.operator().activate_for(&here, &of(&first)).await.is(201);
    // A wallet that takes its time.
    let slow = there.wallet().redeem(&offer(&here).await).await;

    let busy = Busy::begin(&processes);
    busy.go_on().await;
    one.operator().upload(&second).await.is(201);
    let asked = Instant::now();
    one.operator().activate_for(&here, &of(&second)).await.is(201);
    let activated = Change { asked, answered: Instant::now(), from: old.to_owned(), to: new.to_owned() };
    busy.go_on().await;
    let slower = here.wallet().redeem(&offer(&there).await).await;
    assert_eq!(collect(&there, &slow).await, old, "offered by the version that was active then");
    let asked = Instant::now();
    other.operator().roll_back_for(&there, TYPE).await.is(200);
    let rolled_back = Change { asked, answered: Instant::now(), from: new.to_owned(), to: old.to_owned() };
    busy.go_on().await;
    let issued = busy.end().await;
    assert_eq!(collect(&here, &slower).await, new, "and so it is after the change back");

    for early in issued.iter().filter(|one| one.offered < activated.asked) {
        assert_eq!(early.says, old, "offered before the change");
    }
    let end = Instant::now();
    let went_on = [activated.check(&issued, rolled_back.asked), rolled_back.check(&issued, end)];
    println!("{} issued; the earlier version was offered for {went_on:?} after the answers", issued.len());
    // Who rehearses the offer also issues: two calls of one version for each credential.
    for (version, says, by_hand) in [(&first, old, 1), (&second, new, 1)] {
        let made = issued.iter().filter(|one| one.says == says).count() + by_hand;
        assert_eq!(calls(&processes, version).await, 2 * made as u64, "{says} made {made}");
    }
}
