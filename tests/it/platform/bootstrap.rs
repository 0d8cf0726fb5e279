//! A fresh deployment is claimed once

use std::fs::{self, DirBuilder};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chancery_tests::{Answer, House, house, platform, together, unique};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

#[tokio::test]
async fn a_claimed_deployment_is_as_one_that_cannot_be_claimed() {
    let platform = platform();
    let ask = async |path: &str| {
        let request = platform.http.post(format!("{}{path}", platform.base)).json(&json!({ "name": "Mine" }));
        Answer::to(request).await
    };
    let closed = ask("/api/bootstrap").await;
    closed.clone().problem(404, "not-found");
    assert_eq!(closed.body, ask("/api/anything").await.body);
}

#[tokio::test]
async fn a_self_hosted_issuer_has_no_platform() {
    let house = House::start();
    let acme = house.acme();
    for path in ["/api/platform-admin/tenants", "/api/bootstrap"] {
        acme.issuer_asks(path).await.problem(404, "not-found");
    }
}

/// A platform as `chancery serve` starts it, which nobody has claimed yet.
struct Unclaimed {
    process: Child,
    directory: PathBuf,
    base: String,
    http: reqwest::Client,
}

impl Unclaimed {
    async fn start() -> Self {
        let directory = std::env::temp_dir().join(unique("chancery-unclaimed-"));
        // PostgreSQL may run as another user.
        DirBuilder::new().mode(0o711).create(&directory).unwrap();
        let (process, address) = Self::serve(&directory, &[]);
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let unclaimed = Self { process, directory, base: format!("http://{address}"), http };
        unclaimed.is_ready().await;
        unclaimed
    }

    fn serve(directory: &Path, environment: &[(&str, &str)]) -> (Child, SocketAddr) {
        let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let mut command = Command::new(house::binary());
        command.arg("serve").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["PATH", "HOME", "CHANCERY_POSTGRES"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("SAAS_MODE", "true").env("CHANCERY_PUBLIC_URL", "https://issue.example");
        command.env("ISSUER_MASTER_KEY", "5a".repeat(32)).env("CHANCERY_LISTEN", address.to_string());
        command.envs(environment.iter().copied());
        (command.env("CHANCERY_DATA", directory.join("data")).spawn().unwrap(), address)
    }

    async fn is_ready(&self) {
        let started = Instant::now();
        while self.request(Method::GET, "/livez").send().await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(90), "`chancery serve` is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the process and starts another one on the same data, with these environment variables.
    async fn start_again_with(&mut self, environment: &[(&str, &str)]) {
        self.stop();
        let (process, address) = Self::serve(&self.directory, environment);
        (self.process, self.base) = (process, format!("http://{address}"));
        self.is_ready().await;
    }

    fn stop(&mut self) {
        let id = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        let _ = kill_process(id, Signal::TERM);
        let _ = self.process.wait();
    }

    async fn claim(&self) -> Answer {
        Answer::to(self.request(Method::POST, "/api/bootstrap").json(&json!({ "name": "Ours" }))).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("host", "issue.example")
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn whoever_comes_first_operates_the_platform_and_that_is_told() {
    let unclaimed = Unclaimed::start().await;
    let claimed = unclaimed.claim().await.is(201);
    unclaimed.claim().await.problem(404, "not-found");
    let token = claimed.json()["token"].as_str().unwrap().to_owned();
    let trail = unclaimed.request(Method::GET, "/api/platform-admin/audit").bearer_auth(&token);
    let trail = Answer::to(trail).await.granted();
    let told = trail["data"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{trail}");
    assert_eq!((&told[0]["action"], &told[0]["actor"]), (&json!("platform.founded"), &json!("host")));
    assert_eq!(told[0]["request_id"], claimed.header("x-request-id").unwrap());
    assert_eq!(told[0]["after"]["name"], "Ours");
    assert!(!trail.to_string().contains(&token));
}

#[tokio::test]
async fn of_many_who_come_first_one_operates_the_platform_for_good() {
    let mut unclaimed = Unclaimed::start().await;
    let request = || unclaimed.request(Method::POST, "/api/bootstrap").json(&json!({ "name": "Ours" }));
    let answers = together((0..8).map(|_| Answer::to(request()))).await;
    let (claimed, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((claimed.len(), late.len()), (1, 7));
    let token = claimed[0].json()["token"].as_str().unwrap().to_owned();
    for answer in late {
        answer.problem(404, "not-found");
    }
    // Neither another process nor another environment opens it again.
    for environment in
        [&[][..], &[("CHANCERY_PUBLIC_URL", "https://issue.example/"), ("CHANCERY_LOG", "debug")]]
    {
        unclaimed.start_again_with(environment).await;
        unclaimed.claim().await.problem(404, "not-found");
        let operators = unclaimed.request(Method::GET, "/api/platform-admin/operators").bearer_auth(&token);
        let operators = Answer::to(operators).await.granted();
        assert_eq!(operators["data"].as_array().unwrap().len(), 1);
    }
}
