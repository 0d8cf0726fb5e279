//! Somebody else's server: it notes what it is sent, and answers as a test wants it to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on this machine.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    received: Vec<Message>,
    taken: usize,
    answers: VecDeque<Reply>,
    usual: Option<Reply>,
}

/// How it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With this status, and no body.
    Status(u16),
    /// With JSON.
    Json(Value),
    /// With text.
    Text(String),
    /// To a redirect.
    Elsewhere(String),
    /// Not at all, for as long as the other side waits.
    Never,
}

/// What it was sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The headers, lower-case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Receiver {
    /// Starts it; it accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let receiver = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(connection).await });
            }
        });
        receiver
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/hook?for=chancery", self.address)
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it answers next, one after another; then what is usual.
    pub fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().answers.extend(replies);
    }

    /// What it answers when nothing else was said.
    pub fn usually(&self, reply: Reply) {
        self.state.lock().unwrap().usual = Some(reply);
    }

    /// The next thing that it is sent.
    pub async fn next(&self) -> Message {
        let next = async {
            loop {
                let taken = {
                    let mut state = self.state.lock().unwrap();
                    let next = state.received.get(state.taken).cloned();
                    state.taken += usize::from(next.is_some());
                    next
                };
                match taken {
                    Some(message) => return message,
                    None => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(PATIENCE, next).await.expect("nothing came")
    }

    /// So many things, in whatever order they come.
    pub async fn some(&self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.next().await);
        }
        messages
    }

    /// How much it was sent.
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().received.len()
    }

    async fn serve(&self, mut connection: TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            match connection.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
            let Some((message, used)) = Message::read(&bytes) else { continue };
            bytes.drain(..used);
            let reply = {
                let mut state = self.state.lock().unwrap();
                state.received.push(message);
                let usual = state.usual.clone().unwrap_or(Reply::Status(204));
                state.answers.pop_front().unwrap_or(usual)
            };
            let text = match reply {
                Reply::Status(status) => format!("HTTP/1.1 {status} so\r\ncontent-length: 0\r\n\r\n"),
                Reply::Elsewhere(url) => {
                    format!("HTTP/1.1 307 there\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n")
                }
                Reply::Json(value) => {
                    let body = value.to_string();
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
                    format!("{head} {}\r\n\r\n{body}", body.len())
                }
                Reply::Text(body) => {
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                }
                Reply::Never => {
                    sleep(Duration::from_mins(5)).await;
                    return;
                }
            };
            if connection.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

impl Message {
    /// The first message, if all of it is there, and how long it is.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let headers: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        let body = bytes.get(end..end + length)?.to_vec();
        Some((Self { headers, body }, end + length))
    }

    /// A header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {:?}", self.headers), |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `webhook-id`.
    pub fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    /// What happened.
    pub fn kind(&self) -> String {
        crate::answer::text(&self.json()["type"])
    }

    /// Whether the holder of that secret (`whsec_…`) would believe it (Standard Webhooks 1.0).
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        let signed = format!(
            "{}.{}.{}",
            self.header("webhook-id"),
            self.header("webhook-timestamp"),
            String::from_utf8_lossy(&self.body)
        );
        self.header("webhook-signature").split(' ').any(|signature| {
            let signature = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
            aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
        })
    }
}
