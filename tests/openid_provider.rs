//! Somebody else's OpenID Provider, which knows one person and may be told to misbehave.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::jose::{self, Key};

/// As whom it knows the issuer, and by what.
pub const CLIENT: (&str, &str) = ("chancery-at-op", "s3cr:t of op%");

/// How it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// With the key that it publishes.
    #[default]
    Published,
    /// With another under the same name.
    Another,
    /// With another under a name that it does not publish.
    Unpublished,
    /// With the secret of its client.
    Secret,
    /// Not at all.
    None,
}

/// A provider on this machine.
#[derive(Clone)]
pub struct OpenIdProvider {
    address: SocketAddr,
    keys: Arc<[Key; 2]>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    person: Value,
    spoilt: Value,
    signing: Signing,
    metadata: Value,
    userinfo: Value,
    away: Vec<&'static str>,
    codes: BTreeMap<String, BTreeMap<String, String>>,
    asked: Vec<String>,
}

impl OpenIdProvider {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let person = json!({ "sub": "1843-07", "given_name": "Ada", "family_name": "Lovelace" });
        let state = State { person, ..State::default() };
        let provider =
            Self { address, keys: Arc::new([Key::p256(), Key::p256()]), state: Arc::new(Mutex::new(state)) };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(connection).await });
            }
        });
        provider
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> String {
        format!("http://{}/realm", self.address)
    }

    /// Knows this of its person.
    pub fn knows(&self, person: Value) {
        self.state.lock().unwrap().person = person;
    }

    /// Says these claims in ID tokens instead; `null` leaves one out.
    pub fn says(&self, spoilt: Value) {
        self.state.lock().unwrap().spoilt = spoilt;
    }

    /// Signs so.
    pub fn signs(&self, signing: Signing) {
        self.state.lock().unwrap().signing = signing;
    }

    /// Publishes these members of its metadata instead.
    pub fn publishes(&self, metadata: Value) {
        self.state.lock().unwrap().metadata = metadata;
    }

    /// Answers so at its userinfo endpoint.
    pub fn tells(&self, userinfo: Value) {
        self.state.lock().unwrap().userinfo = userinfo;
    }

    /// Does not answer at these paths.
    pub fn is_away(&self, paths: &[&'static str]) {
        self.state.lock().unwrap().away = paths.to_vec();
    }

    /// Which paths were asked.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The person signs in where a browser was sent: what the browser brings back.
    #[track_caller]
    pub fn sign_in(&self, location: &str) -> BTreeMap<String, String> {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer())), "{location}");
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        for (name, value) in
            [("response_type", "code"), ("client_id", CLIENT.0), ("code_challenge_method", "S256")]
        {
            assert_eq!(asked[name], value, "{location}");
        }
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid") && asked["nonce"].len() >= 32);
        let code = crate::unique("code-of-op-");
        let back = BTreeMap::from([
            ("code".to_owned(), code.clone()),
            ("state".to_owned(), asked["state"].clone()),
            ("iss".to_owned(), self.issuer()),
        ]);
        self.state.lock().unwrap().codes.insert(code, asked);
        back
    }

    async fn serve(&self, mut connection: TcpStream) {
        let mut bytes = Vec::new();
        let end = loop {
            let mut chunk = [0; 4096];
            match connection.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= end + 4 + length.map_or(0, |length| length.parse().unwrap()) {
                break end;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
        let (status, answer) = self.answer(&head, &body);
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} so\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        let _ = connection.write_all(format!("{head}{text}").as_bytes()).await;
    }

    fn answer(&self, head: &str, body: &str) -> (u16, Value) {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let mut state = self.state.lock().unwrap();
        state.asked.push(path.clone());
        if state.away.iter().any(|away| path.ends_with(away)) {
            return (500, json!({ "error": "server_error" }));
        }
        let issuer = self.issuer();
        match path.strip_prefix("/realm").unwrap_or_default() {
            "/.well-known/openid-configuration" => {
                let metadata = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/jwks"),
                    "userinfo_endpoint": format!("{issuer}/userinfo"),
                    "response_types_supported": ["code"],
                });
                (200, with(metadata, &state.metadata))
            }
            "/jwks" => {
                let mut jwk = self.keys[0].jwk();
                jwk["kid"] = "op-1".into();
                jwk["use"] = "sig".into();
                (200, json!({ "keys": [jwk] }))
            }
            "/token" => match state.redeem(head, body) {
                Ok(asked) => (200, self.tokens(&state, &asked)),
                Err(why) => (400, json!({ "error": why })),
            },
            "/userinfo" if head.contains("Bearer token-of-op") => (200, state.userinfo.clone()),
            _ => (404, Value::Null),
        }
    }

    fn tokens(&self, state: &State, asked: &BTreeMap<String, String>) -> Value {
        let now = crate::now();
        let claims = json!({
            "iss": self.issuer(), "aud": CLIENT.0, "nonce": asked["nonce"], "iat": now, "exp": now + 300,
        });
        let claims = with(with(claims, &state.person), &state.spoilt).to_string();
        let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string();
        let by =
            |key: &Key, kid: &str| jose::compact(&header("ES256", kid), &claims, |message| key.sign(message));
        let id_token = match state.signing {
            Signing::Published => by(&self.keys[0], "op-1"),
            Signing::Another => by(&self.keys[1], "op-1"),
            Signing::Unpublished => by(&self.keys[1], "op-2"),
            Signing::Secret => jose::compact(&header("HS256", "op-1"), &claims, |message| {
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, CLIENT.1.as_bytes());
                aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
            }),
            Signing::None => jose::compact(&header("none", "op-1"), &claims, |_| Vec::new()),
        };
        json!({ "access_token": "token-of-op", "token_type": "Bearer", "id_token": id_token })
    }
}

impl State {
    /// What a code was asked for with, once, for its client and whoever has its verifier.
    fn redeem(&mut self, head: &str, body: &str) -> Result<BTreeMap<String, String>, &'static str> {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT.0), encoded(CLIENT.1)));
        if !head.contains(&format!("Basic {basic}")) {
            return Err("invalid_client");
        }
        let asked = self.codes.remove(&form["code"]).ok_or("invalid_grant")?;
        let is_theirs = form["grant_type"] == "authorization_code"
            && form["redirect_uri"] == asked["redirect_uri"]
            && jose::sha256(&form["code_verifier"]) == asked["code_challenge"];
        if is_theirs { Ok(asked) } else { Err("invalid_grant") }
    }
}

fn with(mut value: Value, changed: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, value) in changed.as_object().into_iter().flatten() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    value
}
