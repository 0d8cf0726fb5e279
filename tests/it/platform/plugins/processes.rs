//! The processes that compile and run plugins may end at any time, and so may what they left on the disk

use std::fs;
use std::time::{Duration, Instant};

use chancery_tests::people::{Plugin, badge};
use chancery_tests::{Acme, House};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn machine_code_that_vanished_is_made_again() {
    let house = House::start();
    let acme = house.acme();
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
    let compiled = fs::read_dir(house.data().join("compiled-plugins")).unwrap();
    let removed = compiled.map(|entry| fs::remove_file(entry.unwrap().path()).unwrap()).count();
    assert!(removed > 0);
    assert!(house.end_children("plugin-runner", Signal::KILL) > 0);
    let began = Instant::now();
    loop {
        let answer = acme.issuer().create(&badge()).await;
        if answer.status == 201 {
            break;
        }
        // That the runner died is noticed by the first who asks it.
        answer.problem(503, "unavailable");
        assert!(began.elapsed() < PATIENCE, "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    acme.wallet().claim(&acme.issuer().offer(badge()).await).await;
}

#[tokio::test]
async fn a_compiler_that_is_lost_says_nothing_of_the_plugin() {
    let house = House::start();
    let acme = house.acme();
    // An interpreter takes its time.
    let (plugin, issuer) = (Plugin::built("library-card"), acme.issuer());
    let upload = tokio::spawn(async move { issuer.upload(&plugin).await });
    let began = Instant::now();
    while house.end_children("plugin-compiler", Signal::TERM) == 0 {
        assert!(!upload.is_finished() && began.elapsed() < PATIENCE, "there was no compiler");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = upload.await.unwrap();
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
    answer.problem(503, "unavailable");
    let badge = Plugin::next_badge();
    acme.issuer().upload(&badge).await.is(201);
}

/// Whether a process has machine code of the version.
fn is_ready(house: &House, version: &Plugin) -> bool {
    let names = fs::read_dir(house.data().join("compiled-plugins")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".compiled")).any(|name| name.starts_with(&version.digest()))
}

#[tokio::test]
async fn a_version_is_ready_at_every_process_before_anybody_activates_it() {
    let house = House::start();
    let twin = house.twin();
    let version = Plugin::next_badge();
    house.acme().issuer().upload(&version).await.is(201);
    let began = Instant::now();
    while !is_ready(&twin, &version) {
        assert!(began.elapsed() < PATIENCE, "the other process does not make it ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An upload that has begun, and sends nothing more.
async fn begin(acme: &Acme) -> TcpStream {
    let url = Url::parse(&acme.at("/api")).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect((host, port)).await.unwrap();
    let head = format!(
        "POST {}/plugins HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {}\r\n\
         content-type: application/wasm\r\ncontent-length: 1000\r\n\r\n",
        url.path(),
        acme.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn uploads_that_are_under_way_leave_no_room_for_more() {
    let house = House::start();
    let acme = house.acme();
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(begin(&acme).await);
    }
    // One of the five finds no room, whichever comes last.
    begun.push(begin(&acme).await);
    let mut answers = tokio::task::JoinSet::new();
    for mut stream in begun {
        answers.spawn(async move {
            let mut answer = vec![0; 4096];
            let length = stream.read(&mut answer).await.unwrap();
            (String::from_utf8_lossy(&answer[..length]).into_owned(), stream)
        });
    }
    let first = tokio::time::timeout(PATIENCE, answers.join_next()).await.unwrap();
    let (answer, _) = first.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 5"), "{answer}");
    assert!(answer.contains("too-many-requests"), "{answer}");
    // The others go, and leave their places.
    answers.shutdown().await;
    let (plugin, began) = (Plugin::next_badge(), Instant::now());
    while ![200, 201].contains(&acme.issuer().upload(&plugin).await.status) {
        assert!(began.elapsed() < PATIENCE, "there is no room again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
