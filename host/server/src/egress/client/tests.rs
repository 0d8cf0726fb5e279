//! Servers of this machine that answer in their own ways, and what is made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chancery_tests::dns::Dns as NameServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SHORT: Patience = Patience { connect: Duration::from_millis(300), whole: Duration::from_millis(700) };

/// A server on this machine, and how often somebody connected to it.
struct Sink {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Sink {
    /// Answers every request with these bytes.
    async fn saying(answer: &'static [u8]) -> Self {
        Self::doing(move |mut connection| async move {
            let _ = connection.write_all(answer).await;
        })
        .await
    }

    async fn doing<F: Future<Output = ()> + Send>(
        with: impl Fn(TcpStream) -> F + Send + Sync + Copy + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = sink.connections.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    // Whoever answers before it was asked is no server.
                    let _ = connection.read(&mut [0; 4096]).await;
                    with(connection).await;
                });
            }
        });
        sink
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The way out, to this machine too, with a name server of its own.
async fn egress(allowed: &[&str]) -> (Egress, NameServer) {
    let server = NameServer::start().await;
    let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
    let dns = Dns::of(Some(server.address)).unwrap();
    (Egress::new(Guard::of(allowed, true), dns, SHORT).unwrap(), server)
}

const HERE: &[&str] = &["127.0.0.0/8"];

async fn ask(egress: &Egress, url: &str) -> Result<Inbound, Failed> {
    let tenant = TenantId::new(time::OffsetDateTime::UNIX_EPOCH, [1; 10]);
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
    let reason = Reason::Webhook;
    egress.send(Outbound { reason, tenant, method: Method::POST, url, headers, body, most: 1_000 }).await
}

#[tokio::test]
async fn an_answer_comes_as_it_is() {
    let sink = Sink::saying(b"HTTP/1.1 418 no\r\ncontent-length: 5\r\n\r\nhello").await;
    let answer = ask(&egress(HERE).await.0, &sink.url()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (418, &b"hello"[..]));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location = format!(
        "HTTP/1.1 307 over there\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        inside.url()
    );
    let sink = Sink::saying(location.leak().as_bytes()).await;
    assert_eq!(ask(&egress(HERE).await.0, &sink.url()).await.unwrap().status, 307);
    assert_eq!((sink.connections(), inside.connections()), (1, 0));
}

#[tokio::test]
async fn a_name_that_leads_inside_leads_nowhere() {
    let sink = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (egress, dns) = egress(&[]).await;
    for (number, inside) in [
        &["127.0.0.1"][..],
        &["::1"],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["fd00::1", "192.168.0.1"],
        &[],
    ]
    .iter()
    .enumerate()
    {
        let name = format!("inside-{number}.test");
        dns.lead(&name, inside);
        let failed = ask(&egress, &format!("https://{name}:{}/", sink.address.port())).await.unwrap_err();
        assert_eq!(failed, Failed::NoAddress, "{inside:?}");
    }
    let unknown = ask(&egress, "https://nobody.test/").await.unwrap_err();
    assert_eq!(unknown, Failed::NoAddress, "it cannot be told from what is inside");
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_those_outside_are_tried() {
    let sink = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    // What is outside is a network where nobody is.
    let (egress, dns) = egress(&["192.0.2.0/24"]).await;
    dns.lead("mixed.test", &["127.0.0.1", "192.0.2.1", "::1"]);
    let failed = ask(&egress, &format!("https://mixed.test:{}/", sink.address.port())).await.unwrap_err();
    assert!(matches!(failed, Failed::TimedOut | Failed::Unreachable), "{failed:?}");
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_for_a_connection() {
    let sink = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (egress, dns) = egress(&["192.0.2.0/24"]).await;
    dns.lead_one_after_another("rebinding.test", &[&["192.0.2.1"], &["127.0.0.1"]]);
    let url = format!("https://rebinding.test:{}/", sink.address.port());
    for _ in 0..3 {
        ask(&egress, &url).await.unwrap_err();
    }
    assert_eq!(ask(&egress, &url).await.unwrap_err(), Failed::NoAddress);
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn only_this_machine_is_asked_without_tls() {
    let sink = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (egress, dns) = egress(HERE).await;
    dns.lead("elsewhere.test", &["127.0.0.1"]);
    let port = sink.address.port();
    let failed = ask(&egress, &format!("http://elsewhere.test:{port}/")).await.unwrap_err();
    assert_eq!(failed, Failed::Destination(WrongDestination::NotHttps));
    assert_eq!(ask(&egress, &format!("http://localhost:{port}/")).await.unwrap().status, 200);
    // No TLS is spoken there.
    let failed = ask(&egress, &format!("https://elsewhere.test:{port}/")).await.unwrap_err();
    assert_eq!(failed, Failed::Unreachable);
}

#[tokio::test]
async fn whoever_dawdles_is_left() {
    let dawdlers = [
        // Nothing at all; one byte after another; headers without end.
        Sink::doing(|connection| async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(connection);
        })
        .await,
        Sink::doing(|mut connection| async move {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n").await;
            while connection.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await,
        Sink::doing(|mut connection| async move {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while connection.write_all(b"x: y\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await,
    ];
    let (egress, _dns) = egress(HERE).await;
    for dawdler in dawdlers {
        let began = Instant::now();
        assert_eq!(ask(&egress, &dawdler.url()).await.unwrap_err(), Failed::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn whoever_talks_too_much_is_not_heard() {
    let (egress, _dns) = egress(HERE).await;
    let announced = Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
    assert_eq!(ask(&egress, &announced.url()).await.unwrap_err(), Failed::Unreachable, "it never comes");
    let endless = Sink::doing(|mut connection| async move {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while connection.write_all(b"10\r\n0123456789abcdef\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(ask(&egress, &endless.url()).await.unwrap_err(), Failed::TooLarge);
    let headers = Sink::doing(|mut connection| async move {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while connection.write_all(b"x: 0123456789abcdef\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(ask(&egress, &headers.url()).await.unwrap_err(), Failed::Unreachable);
    // A bomb stays what it is.
    let bomb =
        Sink::saying(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x08")
            .await;
    assert_eq!(ask(&egress, &bomb.url()).await.unwrap_err(), Failed::TooLarge);
}

#[tokio::test]
async fn a_tenant_asks_so_many_at_a_time() {
    let slow = Sink::doing(|connection| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(connection);
    })
    .await;
    let (egress, _dns) = egress(HERE).await;
    let (egress, url) = (Arc::new(egress), slow.url());
    let asked = (0..MOST_OF_ONE + 4).map(|_| {
        let (egress, url) = (egress.clone(), url.clone());
        async move { ask(&egress, &url).await.unwrap_err() }
    });
    let failed = chancery_tests::together(asked).await;
    assert_eq!(failed.iter().filter(|failed| **failed == Failed::Crowded).count(), 4);
    assert_eq!(slow.connections(), MOST_OF_ONE);
}
