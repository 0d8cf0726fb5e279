//! HAIP 1.0 without the certificate that it demands: a tenant of a platform as `chancery serve` runs it

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chancery_tests::answer::text;
use chancery_tests::jose::Key;
use chancery_tests::people::badge;
use chancery_tests::{Acme, House};
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

const MASTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const ENVIRONMENT: [(&str, &str); 2] = [("SAAS_MODE", "true"), ("ISSUER_MASTER_KEY", MASTER)];

/// A process in production beside the house: nobody vouches for a key there unless a tenant has somebody who does.
struct Production(Child);

impl Production {
    /// The same tenant, as it is there.
    async fn beside(house: &House, tenant: &Acme) -> (Self, Acme) {
        let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let listen = address.to_string();
        let environment = [ENVIRONMENT[0], ENVIRONMENT[1], ("CHANCERY_LISTEN", listen.as_str())];
        let mut command = house.serverside(&["serve"], &environment);
        for name in ["PATH", "HOME", "CHANCERY_POSTGRES", "CHANCERY_PLUGINS"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let production = Self(process);
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("issue.example"))]);
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).default_headers(headers);
        let http = http.build().unwrap();
        let started = Instant::now();
        while http.get(format!("http://{address}/livez")).send().await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(90), "`chancery serve` is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let slug = tenant.identifier.rsplit('/').next().unwrap();
        let identifier = format!("https://issue.example/{slug}");
        let base = format!("http://{address}/{slug}");
        (production, Acme { identifier, base, http, ..tenant.clone() })
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        let id = Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        let _ = kill_process(id, Signal::TERM);
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn without_a_certificate_nothing_is_issued_under_haip_and_the_reason_is_told() {
    let house = House::with(&ENVIRONMENT);
    let tenant = house.platform().operator().register("initech").await;
    let (_production, tenant) = Production::beside(&house, &tenant).await;
    let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
    let offer = issuer.offer(badge().by_value()).await;
    let token = wallet.redeem(&offer).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);

    tenant.choose(&json!({ "profile": "haip" })).await.is(200);
    let told = issuer.create(&badge()).await.problem(409, "wrong-state");
    let detail = text(&told["detail"]);
    assert!(detail.contains("haip") && detail.contains("certificate"), "{detail}");
    wallet.request_badge(&token, &proofs).await.refused(400, "credential_request_denied");

    tenant.choose(&json!({ "certificate_authority": "own" })).await.is(200);
    wallet.request_badge(&token, &proofs).await.granted();
    tenant.choose(&json!({ "certificate_authority": "outside", "profile": "open" })).await.is(200);
    issuer.create(&badge()).await.is(201);
}
