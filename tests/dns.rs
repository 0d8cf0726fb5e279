//! A name server that says what a test wants it to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, TXT};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

/// A name server on this machine.
#[derive(Clone)]
pub struct Dns {
    /// Where it listens.
    pub address: SocketAddr,
    texts: Arc<Mutex<HashMap<String, Vec<String>>>>,
    addresses: Arc<Mutex<HashMap<String, Addresses>>>,
}

/// What a name stands for: one answer after another, the last of them again and again.
type Addresses = Vec<Vec<IpAddr>>;

impl Dns {
    /// Starts it; it knows no name yet.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let dns = Self { address, texts: Arc::default(), addresses: Arc::default() };
        let says = dns.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = says.answer(question);
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

    /// What a name stands for from now on.
    pub fn lead(&self, name: &str, to: &[&str]) {
        self.lead_one_after_another(name, &[to]);
    }

    /// What a name stands for when it is asked first, next, and from then on. A question for each kind of address
    /// counts as one.
    pub fn lead_one_after_another(&self, name: &str, to: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        self.addresses.lock().unwrap().insert(format!("{name}."), to.iter().map(parse).collect());
    }

    fn answer(&self, question: Message) -> Message {
        let (name, kind) = (question.queries[0].name().clone(), question.queries[0].query_type());
        let mut answer = question.into_response();
        let key = name.to_ascii().to_ascii_lowercase();
        let texts = self.texts.lock().unwrap().get(&key).cloned();
        let mut addresses = self.addresses.lock().unwrap();
        let stands_for = addresses.get_mut(&key).map(|answers| match (kind, answers.len()) {
            // What comes next comes after the question that is asked last.
            (RecordType::A, 2..) => answers.remove(0),
            _ => answers[0].clone(),
        });
        if texts.is_none() && stands_for.is_none() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        let texts = texts.into_iter().flatten().map(|text| RData::TXT(TXT::new(vec![text])));
        let addresses = stands_for.into_iter().flatten().map(|address| match address {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        });
        for data in texts.chain(addresses).filter(|data| data.record_type() == kind) {
            answer.add_answer(Record::from_rdata(name.clone(), 0, data));
        }
        answer
    }
}
