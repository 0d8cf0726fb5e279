//! Uploads that nobody means well with: every one is answered with what is wrong, and the server goes on

use chancery_guests::{bombs, damaged};
use chancery_tests::House;
use chancery_tests::people::{Plugin, badge};

/// What the file is refused for, by the stage that it failed at.
#[track_caller]
fn told(answer: &chancery_tests::Answer) -> (String, String) {
    let problem = answer.clone().problem(422, "plugin-refused");
    let first = problem["errors"][0].clone();
    let text = |member: &str| first[member].as_str().unwrap_or_default().to_owned();
    assert!(!problem["detail"].as_str().unwrap().is_empty() && !text("message").is_empty(), "{problem}");
    (text("pointer"), text("code"))
}

#[tokio::test]
async fn a_bomb_is_refused_before_anything_compiles_it() {
    let house = House::start();
    let issuer = house.acme().issuer();
    for (what, wasm) in bombs() {
        let (pointer, code) = told(&issuer.upload(&Plugin(wasm)).await);
        assert!(!["/compile", "/link"].contains(&pointer.as_str()), "{what}: {pointer} {code}");
    }
}

#[tokio::test]
async fn damaged_files_are_answered_one_by_one_and_the_server_goes_on() {
    let house = House::start();
    let (acme, good) = (house.acme(), Plugin::next_badge());
    let issuer = acme.issuer();
    issuer.upload(&good).await.is(201);
    let before = house.resident();
    let mut refused = 0;
    for wasm in damaged(&good.0, 60) {
        let answer = issuer.upload(&Plugin(wasm)).await;
        // Damage in data or in a name leaves a plugin like any other.
        if answer.status != 201 {
            told(&answer);
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
    let grown = house.resident().saturating_sub(before);
    assert!(grown < 96 << 10, "the server grew by {grown} KiB");
    acme.wallet().claim(&issuer.offer(badge()).await).await;
    let log = house.log();
    assert!(!log.contains("panicked"), "{log}");
}
