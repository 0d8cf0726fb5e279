//! A name server that says what a test wants it to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record};
use tokio::net::UdpSocket;

/// A name server on this machine.
#[derive(Clone)]
pub struct Dns {
    /// Where it listens.
    pub address: SocketAddr,
    texts: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

impl Dns {
    /// Starts it; it knows no name yet.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let dns = Self { address: socket.local_addr().unwrap(), texts: Arc::default() };
        let texts = dns.texts.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = answer(question, &texts.lock().unwrap());
                let _ = socket.send_to(&answer.to_vec().unwrap(), asker).await;
            }
        });
        dns
    }

    /// What the TXT records of a name say from now on.
    pub fn say(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.texts.lock().unwrap().insert(format!("{name}."), texts);
    }
}

fn answer(question: Message, texts: &HashMap<String, Vec<String>>) -> Message {
    let name = question.queries[0].name().clone();
    let mut answer = question.into_response();
    match texts.get(&name.to_ascii().to_ascii_lowercase()) {
        Some(texts) => {
            for text in texts {
                let text = RData::TXT(TXT::new(vec![text.clone()]));
                answer.add_answer(Record::from_rdata(name.clone(), 60, text));
            }
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}
