//! What the tests of this crate share.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use time::OffsetDateTime;

/// The time in tests.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2026-08-24 12:00 UTC);

/// The result of a future that has nothing to wait for, as with keys in this process.
pub(crate) fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a key in this process never waits"),
    }
}
