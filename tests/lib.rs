//! People who use Chancery, with verbs.
//!
//! A test asks for [`acme`], an issuer that everybody shares, and speaks as its people: `acme.manager()`
//! offers and revokes, `acme.wallet()` claims (or cheats, step by step), `acme.verifier()` believes
//! nothing, `acme.stranger()` has no key. They are customers of the running `chancery` binary: they
//! know its URLs and nothing of its inside.
//!
//! A test that must stop, starve or kill its house starts one of its own: [`house::House`].
#![expect(
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this library exists for tests, and a test fails by a panic"
)]

pub mod answer;
pub mod dns;
pub mod hostile;
pub mod house;
pub mod jose;
pub mod mdoc;
pub mod openid_provider;
pub mod people;
pub mod raw;
pub mod receiver;
pub mod sd_jwt;
pub mod tenancy;

pub use answer::Answer;
pub use house::{House, acme, platform, twin_platforms, twins};
pub use openid_provider::OpenIdProvider;
pub use receiver::Receiver;
pub use tenancy::{Acme, Platform};

use chancery_domain::Clock as _;

/// Seconds since 1970, as JWTs count them.
pub fn now() -> i64 {
    chancery_domain::clock::SystemClock.now().unix_timestamp()
}

/// A text that nobody else has: to be looked for, or to be unique.
pub fn unique(prefix: &str) -> String {
    let mut bytes = [0; 9];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    format!("{prefix}{}", jose::base64url(bytes).replace(['-', '_'], "x"))
}

/// Does all of it at the same time.
pub async fn together<T: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut tasks = tokio::task::JoinSet::new();
    for one in work {
        tasks.spawn(one);
    }
    tasks.join_all().await
}
