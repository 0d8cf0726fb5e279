//! What the tests of this crate share.

mod hostile;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;
use time::OffsetDateTime;

use crate::jose::base64url;
use crate::keys::SigningKey;

pub(crate) use hostile::{assert_no_hostile_form_passes, assert_no_hostile_form_passes_but};

/// The time in tests.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2026-08-24 12:00 UTC);

/// The result of a future that has nothing to wait for, as with keys in this process.
pub(crate) fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a key in this process never waits"),
    }
}

/// A JWS over exactly these texts, JSON or not, that a library would refuse to make.
pub(crate) fn sign_text(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
    let signature = key.sign_now(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

/// A JWS over these values.
pub(crate) fn sign_values(header: &Value, claims: &Value, key: &SigningKey) -> String {
    sign_text(&header.to_string(), &claims.to_string(), key)
}

/// `object` with `name` set to `value`, or removed.
pub(crate) fn with(object: &Value, name: &str, value: impl Into<Option<Value>>) -> Value {
    let mut members = object.as_object().unwrap().clone();
    match value.into() {
        Some(value) => members.insert(name.into(), value),
        None => members.shift_remove(name),
    };
    Value::Object(members)
}
