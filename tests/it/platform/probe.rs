//! No route gives one tenant anything of another's: every row of `isolation.txt`, at every id, by every role,
//! among three tenants

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use chancery_domain::scope::Scope;
use chancery_tests::answer::text;
use chancery_tests::jose::{Key, sha256};
use chancery_tests::openid_provider::CLIENT;
use chancery_tests::people::holder::{carried, sent_away};
use chancery_tests::people::wallet::{Asking, badge_request};
use chancery_tests::people::{Plugin, badge};
use chancery_tests::{Acme, Answer, OpenIdProvider, Platform, platform, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::plugins::allow_plugins;
use crate::manage::openapi::routed_by;

const SOURCE: &str = include_str!("../../../host/server/src/routes.rs");

/// Where the functions of `routes.rs` that name routes hang them.
const BRANCHES: [(&str, &str); 9] = [
    ("verifiers", ""),
    ("wallets", ""),
    ("holders", ""),
    ("managers", "/api"),
    ("addresses", "/api"),
    ("descendants", "/api"),
    ("platform", "/api"),
    ("operators", "/api/platform-admin"),
    ("operations", ""),
];

/// Metadata goes by names of its own; what is left of a deleted tenant is the front door's affair, and so are lists that
/// anybody may have; a self-hosted issuer has nobody beside it.
const OTHER_BRANCHES: [&str; 4] = ["well_known", "remains", "kept_lists", "own_operation"];

/// Asked at the platform's own address.
const OF_THE_PLATFORM: [&str; 5] =
    ["/api/platform-admin/", "/api/bootstrap", "/livez", "/readyz", "/metrics"];

/// One line of the table.
#[derive(Debug)]
struct Row {
    method: Method,
    path: String,
    header: Option<(String, String)>,
    body: String,
}

impl Row {
    fn read(line: &str) -> Self {
        let (method, rest) = line.split_once(' ').unwrap();
        let (path, rest) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let (header, body) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((header, body)) => (header.split_once(": "), body.trim()),
            None => (None, rest),
        };
        Self {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            header: header.map(|(name, value)| (name.to_owned(), value.to_owned())),
            body: body.to_owned(),
        }
    }

    /// What of somebody's it names. A key proof is left out: it is about its maker, not about who has what.
    fn names(&self) -> BTreeSet<String> {
        let value = self.header.as_ref().map_or("", |(_, value)| value);
        let names = [&self.path, value, &self.body].into_iter().flat_map(|text| text.split('<').skip(1));
        let names = names.map(|rest| rest.split_once('>').unwrap().0.to_owned());
        names.filter(|name| name != "proof").collect()
    }

    /// The route that it is about, in the form that all spellings of a route share.
    fn route(&self) -> (String, String) {
        (self.method.to_string(), shape(self.path.split('?').next().unwrap()))
    }

    fn is_of_the_platform(&self) -> bool {
        OF_THE_PLATFORM.iter().any(|path| self.path.starts_with(path))
    }

    fn is_management(&self) -> bool {
        self.path.starts_with("/api/") && !self.is_of_the_platform()
    }

    /// Whether strangers may ask.
    fn is_open(&self) -> bool {
        ["/api/invitations/accept", "/api/openapi.json", "/api/docs", "/api/errors/not-found"]
            .contains(&self.path.as_str())
    }

    /// Whether the name stands in the query, where it narrows a list and finds nothing.
    fn narrows(&self, name: &str) -> bool {
        self.path.split_once('?').is_some_and(|(_, query)| query.contains(&format!("<{name}>")))
    }

    /// Asks at this base with this key, putting in what is named.
    async fn ask(&self, at: &Acme, key: Option<&str>, has: &Specimens) -> Answer {
        let fill = |text: &str| {
            has.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
        };
        let mut request = at.stranger().request(self.method.clone(), &fill(&self.path));
        if let Some((name, value)) = &self.header {
            request = request.header(name, fill(value));
        }
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let body = fill(&self.body);
        let kind =
            if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        if !body.is_empty() {
            request = request.header("content-type", kind).body(body);
        }
        Answer::to(request).await
    }
}

/// Of every holder's wallet here, so that it is no secret.
const VERIFIER: &str = "a-verifier-that-everybody-knows-and-that-is-long-enough";

/// What one tenant has, by name.
type Specimens = BTreeMap<&'static str, String>;

fn matrix() -> Vec<Row> {
    let lines = include_str!("isolation.txt").lines().filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('#')).map(Row::read).collect()
}

/// A path without what stands for ids in it, written `{so}`, `<so>` or as one number.
fn shape(path: &str) -> String {
    let shape = |segment: &str| {
        let stands = segment.starts_with(['{', '<'])
            || ["0", "issuer", "not-found", "employee-badge"].contains(&segment);
        if stands { "*".to_owned() } else { segment.to_owned() }
    };
    path.split('/').map(shape).collect::<Vec<_>>().join("/")
}

/// A tenant that has one of everything.
struct Neighbour {
    tenant: Acme,
    has: Specimens,
    /// A key of each role, and a client's token.
    keys: Vec<String>,
    token: String,
}

impl Neighbour {
    async fn settle(platform: &Platform) -> Self {
        let slug = unique("n-").to_lowercase();
        let body = json!({ "slug": slug, "name": slug, "owner": { "email": format!("{slug}@example.com") } });
        let described = platform.operator().post("/tenants", &body).await.is(201).json();
        let tenant = platform.tenant(&described);
        let issuer = tenant.issuer();
        let mut has = Specimens::from([
            ("tenant", text(&described["id"])),
            ("slug", slug.clone()),
            ("invitation", text(&described["invitation"])),
            ("domain", format!("{slug}.example")),
        ]);
        has.extend(with_wallet(&tenant).await);
        has.extend(with_holder(&tenant).await);
        let key = issuer.post("/api-keys", &json!({ "name": slug, "scopes": ["auditor"] })).await.is(201);
        has.insert("api_key", text(&key.json()["id"]));
        let client = issuer.client(&["owner"]).await;
        let basic = format!("{}:{}", client.id, client.secret);
        has.insert("basic", base64::engine::general_purpose::STANDARD.encode(basic));
        has.extend([("client", client.id.clone()), ("client_secret", client.secret.clone())]);
        issuer.post("/domains", &json!({ "domain": has["domain"] })).await.is(201);
        let child = json!({
            "slug": unique("n-").to_lowercase(), "name": "Child", "owner": { "email": "ada@example.com" },
        });
        has.insert("child", text(&issuer.post("/subtenants", &child).await.is(201).json()["id"]));
        // Of a plugin that nobody has, so that it stops nothing.
        let halt = json!({ "scope": "plugin", "component": "0".repeat(64), "reason": slug });
        has.insert("halt", text(&issuer.post("/halts", &halt).await.is(201).json()["id"]));
        let source = format!("s-{slug}");
        let set = issuer.request(Method::PUT, &format!("/sources/employee-badge/{source}"));
        Answer::to(set.json(&json!({ "url": "https://sources.test/" }))).await.is(200);
        has.insert("source", source);
        has.extend(with_providers(&tenant, &format!("p-{slug}")).await);
        // Told at a place that accepts whatever it is sent.
        let webhook = json!({
            "url": tenant.at("/nonce"), "description": slug, "event_types": ["plugin.tripped"],
        });
        let webhook = text(&issuer.post("/webhooks", &webhook).await.is(201).json()["id"]);
        let event = issuer.post(&format!("/webhooks/{webhook}/test"), &json!({})).await.is(202).json();
        has.extend([("webhook", webhook), ("event", text(&event["event_id"]))]);
        let plugin = Plugin::next_badge().saying("Employee pass.", &slug[..14]);
        allow_plugins(&platform.operator()).await;
        issuer.upload(&plugin).await.is(201);
        has.insert("plugin", plugin.digest());
        // Of what has no id: it says whose it is.
        let chosen = issuer.request(Method::PATCH, "/configuration").header("if-match", "*");
        Answer::to(chosen.json(&json!({ "display_name": format!("Issuer {slug}") }))).await.is(200);
        let bound = issuer.request(Method::PUT, "/public-endpoints/issuer");
        Answer::to(bound.json(&json!({ "url": tenant.identifier }))).await.is(200);
        let first =
            async |path: &str, member: &str| text(&issuer.get(path).await.granted()["data"][0][member]);
        has.insert("kid", first("/keys", "kid").await);
        has.insert("entry", first("/audit", "id").await);
        let mut keys = Vec::new();
        for role in Scope::OF_A_TENANT {
            keys.push(issuer.key(&[role.as_str()]).await.secret().to_owned());
        }
        let token = issuer.client(&["owner"]).await.token().await;
        Self { tenant, has, keys, token }
    }

    /// What it has, but for one thing.
    fn but(&self, name: &str, value: &str) -> Specimens {
        self.has.iter().map(|(n, v)| (*n, if *n == name { value.to_owned() } else { v.clone() })).collect()
    }

    /// Everything of its own that it can look at, where nothing changes by itself.
    async fn looks_around(&self, rows: &[Row]) -> Vec<(String, Value)> {
        let restless = ["/api/domains", "/api/audit/verification"];
        let mut seen = Vec::new();
        for row in rows {
            let is_list = row.method == Method::GET && row.is_management() && row.names().is_empty();
            if is_list && !row.is_open() && !restless.contains(&row.path.as_str()) {
                let answer = row.ask(&self.tenant, Some(&self.tenant.key), &self.has).await;
                seen.push((row.path.clone(), answer.granted()));
            }
        }
        seen
    }
}

/// What it takes a wallet to get.
async fn with_wallet(tenant: &Acme) -> Specimens {
    let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
    let open = issuer.offer(badge().subject("given_name", unique("Canary"))).await;
    let begun = wallet.redeem(&issuer.offer(badge()).await).await;
    let taken = issuer.offer(badge()).await;
    let spent = wallet.redeem(&taken).await;
    let proofs = wallet.proofs(&Key::some(1), &wallet.nonce().await);
    let answer = wallet.request(&spent, &badge_request(&proofs)).await.granted();
    let deferred = issuer.offer(badge().deferred()).await;
    let waiting = wallet.redeem(&deferred).await;
    let transaction = wallet.wait_for_badge(&waiting).await;
    Specimens::from([
        ("offer", open.id.clone()),
        ("secret", open.secret()),
        ("code", wallet.code(&open).await),
        ("token", begun.text),
        ("proof", wallet.proofs(&Key::some(1), &wallet.nonce().await).remove(0)),
        ("spent_token", spent.text),
        ("notification", text(&answer["notification_id"])),
        ("credential", issuer.issued(&taken).await.remove(0)),
        ("issued_offer", taken.id),
        ("deferral", deferred.deferral()),
        ("waiting_offer", deferred.id),
        ("waiting_token", waiting.text),
        ("transaction", transaction.id),
    ])
}

/// What a holder comes by who consents.
async fn with_holder(tenant: &Acme) -> Specimens {
    let (issuer, wallet) = (tenant.issuer(), tenant.wallet());
    let offer = issuer.offer(badge().with("grant", "authorization_code")).await;
    let asking = Asking::scope("employee-badge").with("code_challenge", &sha256(VERIFIER));
    let (_, consent) = wallet.consented(&offer, &asking).await;
    let open = issuer.offer(badge().with("grant", "authorization_code")).await;
    let issuer_state = wallet.issuer_state(&open).await;
    let request_uri = wallet.pushed(&asking.with("issuer_state", &issuer_state)).await;
    let page = carried(&tenant.holder().open(&request_uri).await);
    Specimens::from([
        ("consent", consent),
        ("issuer_state", issuer_state),
        ("request_uri", request_uri),
        ("page", page),
    ])
}

/// OpenID Providers, at one of which somebody is just signing in.
async fn with_providers(tenant: &Acme, name: &str) -> Specimens {
    let issuer = tenant.issuer();
    let at = OpenIdProvider::start().await.issuer();
    for (name, at) in [(name, "https://op.test/"), ("issuer", &at)] {
        let terms = json!({ "issuer": at, "client_id": CLIENT.0, "configuration_ids": ["employee-badge"] });
        let set = issuer.request(Method::PUT, &format!("/providers/{name}"));
        Answer::to(set.json(&terms)).await.is(200);
    }
    let request_uri = tenant.wallet().pushed(&Asking::scope("employee-badge")).await;
    let page = tenant.holder().open(&request_uri).await;
    let (location, cookie) = sent_away(&tenant.holder().leave(&page, "issuer").await);
    let (_, state) = location.split_once("&state=").unwrap();
    let state = state.split('&').next().unwrap().to_owned();
    Specimens::from([("provider", name.to_owned()), ("state", state), ("detour", cookie)])
}

/// The same as somebody else's, but nobody's: one character differs, where no format has a say.
fn nobodys(of: &str) -> String {
    let at = of.len() * 3 / 4;
    let at = (at..of.len()).find(|at| of.as_bytes()[*at].is_ascii_alphanumeric()).unwrap();
    let other = match of.as_bytes()[at] {
        b'0' => '1',
        b'1'..=b'9' => '0',
        b'a' => 'b',
        b'A' => 'B',
        b'B'..=b'Z' => 'A',
        _ => 'a',
    };
    format!("{}{other}{}", &of[..at], &of[at + 1..])
}

/// Status, headers and body, but for what every answer has of its own and what was put in.
fn plain(answer: &Answer, put_in: &str) -> (u16, Vec<(String, String)>, String) {
    let own = ["date", "x-request-id", "dpop-nonce"];
    let header =
        |name: &str| if own.contains(&name) { "…" } else { answer.headers[name].to_str().unwrap() };
    let headers = answer.headers.keys().map(|name| (name.to_string(), header(name.as_str()).to_owned()));
    (answer.status, headers.collect(), String::from_utf8_lossy(&answer.body).replace(put_in, "<it>"))
}

/// If you are here because you added a route: write down in `isolation.txt` how it is asked for what is another
/// tenant's, an id at every place that takes one.
#[test]
fn every_route_has_a_row() {
    let mut routes: BTreeSet<(String, String)> = BTreeSet::new();
    for function in SOURCE.split("\nfn ").skip(1).chain(SOURCE.split("\npub(crate) fn ").skip(1)) {
        let name = function.split_once('(').unwrap().0;
        let body = function.split_once("\n}").unwrap().0;
        let known = BRANCHES.iter().any(|(known, _)| *known == name) || OTHER_BRANCHES.contains(&name);
        assert!(known || !body.contains(".route("), "where do the routes of {name} hang?");
    }
    for (function, prefix) in BRANCHES {
        let found = routed_by(&format!("\nfn {function}("));
        assert!(!found.is_empty(), "{function}");
        routes.extend(
            found
                .into_iter()
                .map(|(method, path)| (method.to_uppercase(), shape(&format!("{prefix}{path}")))),
        );
    }
    let documents = SOURCE.matches("WellKnown::").count();
    let rows: BTreeSet<_> = matrix().iter().map(Row::route).collect();
    let metadata = |path: &str| path.starts_with("/.well-known/") && path != "/.well-known/did.json";
    assert_eq!(rows.iter().filter(|(_, path)| metadata(path)).count(), documents);
    let rows: BTreeSet<_> = rows.into_iter().filter(|(_, path)| !metadata(path)).collect();
    let missing: Vec<_> = routes.difference(&rows).collect();
    let stray: Vec<_> = rows.difference(&routes).collect();
    assert!(missing.is_empty() && stray.is_empty(), "no row: {missing:?}, no route: {stray:?}");
}

#[tokio::test]
async fn what_is_anothers_cannot_be_told_from_what_is_nobodys() {
    let platform = platform();
    let application = platform.application();
    let neighbours = [
        Neighbour::settle(&platform).await,
        Neighbour::settle(&platform).await,
        Neighbour::settle(&platform).await,
    ];
    let rows = matrix();
    let before = [
        neighbours[0].looks_around(&rows).await,
        neighbours[1].looks_around(&rows).await,
        neighbours[2].looks_around(&rows).await,
    ];
    let mut probes = 0;
    for row in &rows {
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            let (mine, theirs) = (&neighbours[one], &neighbours[other]);
            let (at, callers): (_, Vec<Option<&str>>) = if row.is_of_the_platform() {
                (&application, vec![Some(&platform.key)])
            } else if row.is_management() {
                let keys = mine.keys.iter().chain([&mine.token]);
                (&mine.tenant, keys.map(|key| Some(key.as_str())).collect())
            } else {
                (&mine.tenant, vec![None])
            };
            for name in row.names().iter().filter(|name| !row.is_of_the_platform() || *name != "tenant") {
                let (foreign, unknown) = (&theirs.has[name.as_str()], nobodys(&theirs.has[name.as_str()]));
                for key in &callers {
                    let found = row.ask(at, *key, &mine.but(name, foreign)).await;
                    let nothing = row.ask(at, *key, &mine.but(name, &unknown)).await;
                    assert_eq!(plain(&found, foreign), plain(&nothing, &unknown), "<{name}> at {row:?}");
                    assert!(row.narrows(name) || (400..500).contains(&found.status), "<{name}>: {found}");
                    probes += 1;
                    if !row.is_of_the_platform() {
                        holds_nothing_of(&found, theirs, foreign);
                    }
                }
            }
            // What names nobody's is one's own.
            if row.names().is_empty() && row.method == Method::GET && !row.path.contains("platform-admin") {
                for key in &callers {
                    let shown = row.ask(at, *key, &mine.has).await;
                    holds_nothing_of(&shown, theirs, "nothing was put in");
                }
            }
        }
    }
    assert!(probes > 500, "{probes}");
    for (neighbour, before) in neighbours.iter().zip(&before) {
        assert_eq!(&neighbour.looks_around(&rows).await, before, "somebody changed something");
    }
    every_row_finds_what_is_its_owners(&rows, &neighbours[0]).await;
}

/// A row that is refused for another reason would prove nothing.
async fn every_row_finds_what_is_its_owners(rows: &[Row], mine: &Neighbour) {
    for row in rows.iter().filter(|row| !row.is_of_the_platform()) {
        for name in row.names().iter().filter(|name| !row.narrows(name)) {
            let key = row.is_management().then_some(mine.tenant.key.as_str());
            let unknown = nobodys(&mine.has[name.as_str()]);
            let nothing = row.ask(&mine.tenant, key, &mine.but(name, &unknown)).await;
            let found = row.ask(&mine.tenant, key, &mine.has).await;
            assert_ne!(found.status, nothing.status, "<{name}> at {row:?}: {found}");
        }
    }
}

#[track_caller]
fn holds_nothing_of(answer: &Answer, neighbour: &Neighbour, but: &str) {
    let said = String::from_utf8_lossy(&answer.body).replace(but, "");
    for (name, value) in &neighbour.has {
        assert!(!said.contains(value), "<{name}> of another tenant: {answer}");
    }
}

#[tokio::test]
async fn anothers_keys_and_tokens_open_nothing() {
    let platform = platform();
    let (application, rows) = (platform.application(), matrix());
    let (mine, theirs) = (Neighbour::settle(&platform).await, Neighbour::settle(&platform).await);
    let nowhere = Acme { base: format!("{}/never-was", platform.base), ..mine.tenant.clone() };
    let before = mine.looks_around(&rows).await;
    // Whoever holds an invitation may accept it, and the platform was claimed long ago.
    let for_anybody = ["/api/invitations/accept", "/api/bootstrap"];
    for row in
        rows.iter().filter(|row| row.path.starts_with("/api/") && !for_anybody.contains(&row.path.as_str()))
    {
        let at = if row.is_management() { &mine.tenant } else { &application };
        let nobody = row.ask(at, Some(&nobodys(&theirs.keys[0])), &mine.has).await;
        let is_open = row.is_open() || row.path.ends_with("/openapi.json");
        assert!(is_open || nobody.status == 401, "{nobody}");
        for key in &theirs.keys {
            let known = row.ask(at, Some(key), &mine.has).await;
            assert_eq!(plain(&known, key), plain(&nobody, key), "{row:?}");
        }
        let token = Some(theirs.token.as_str());
        let (found, nothing) = if row.is_management() {
            (row.ask(at, token, &mine.has).await, row.ask(&nowhere, token, &mine.has).await)
        } else {
            (row.ask(at, token, &mine.has).await, nobody)
        };
        assert_eq!(plain(&found, "no token"), plain(&nothing, "no token"), "{row:?}");
    }
    assert_eq!(mine.looks_around(&rows).await, before);
}
