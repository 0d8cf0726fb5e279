//! The management API: what an issuer's own systems and people call.

pub(crate) mod activations;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod configuration;
pub(crate) mod credentials;
pub(crate) mod deferrals;
pub(crate) mod docs;
pub(crate) mod domains;
pub(crate) mod endpoints;
pub(crate) mod halts;
pub(crate) mod idempotency;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod offers;
pub(crate) mod openapi;
pub(crate) mod plugins;
pub(crate) mod providers;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod subtenants;
pub(crate) mod versions;
pub(crate) mod webhooks;

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use chancery_protocol::json::{JsonError, from_object_strict};
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::problem::{Problem, ProblemCode};

/// A path that does not exist.
pub(crate) async fn nowhere() -> Problem {
    Problem::not_found()
}

/// A path that exists, asked with another method.
pub(crate) async fn wrong_method() -> Problem {
    Problem::new(ProblemCode::MethodNotAllowed)
}

/// Reads a JSON body: not JSON is 400, JSON of the wrong shape is 422. A merge patch may call itself one (RFC 7396).
pub(crate) fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemCode::TooLarge),
        _ => Problem::new(ProblemCode::Malformed).detail("the request body broke off"),
    })?;
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| {
            let known = ["application/json", "application/merge-patch+json"];
            known.iter().any(|known| essence.trim().eq_ignore_ascii_case(known))
        });
    if !is_json {
        return Err(Problem::new(ProblemCode::UnsupportedMediaType));
    }
    from_object_strict(&body).map_err(|error| match error {
        JsonError::Syntax(error) => Problem::new(ProblemCode::Malformed).detail(error.to_string()),
        JsonError::Shape(error) => Problem::invalid_at("", "shape", error.to_string()),
    })
}

/// Tells `null`, which is a value or a mistake, from a member that is not there.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) data: Vec<T>,
    /// Ask with `?cursor=` for the next page; `null` on the last one.
    pub(crate) next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// From `next_cursor` of the page before.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    /// 1 to 100; 50 if absent.
    #[serde(default = "fifty")]
    pub(crate) limit: u16,
    /// Only what belongs to this offer (lists of credentials).
    #[serde(default)]
    pub(crate) offer: Option<String>,
}

pub(crate) fn fifty() -> u16 {
    50
}

impl PageQuery {
    /// The page, or what is wrong with the question. A cursor is the last id of the page before.
    fn page<Id: std::str::FromStr>(&self) -> Result<chancery_store::Page<Id>, Problem> {
        page(self.cursor.as_deref(), self.limit)
    }
}

/// A page of any list.
pub(crate) fn page<Id: std::str::FromStr>(
    cursor: Option<&str>,
    limit: u16,
) -> Result<chancery_store::Page<Id>, Problem> {
    let malformed = |detail: &str| Problem::new(ProblemCode::Malformed).detail(detail);
    let before = cursor.map(str::parse).transpose();
    let before = before.map_err(|_| malformed("the cursor is not one of this list"))?;
    if !(1..=100).contains(&limit) {
        return Err(malformed("limit must lie between 1 and 100"));
    }
    Ok(chancery_store::Page { before, limit })
}

/// What a name must be.
pub(crate) const NAME_RULE: &str = "a name has 1 to 200 characters, none of them invisible";

/// Refuses a name that cannot be shown as one.
pub(crate) fn check_name(text: &str) -> Result<(), Problem> {
    if is_name(text) {
        return Ok(());
    }
    Err(Problem::invalid_at("/name", "length", NAME_RULE))
}

/// Whether the text can be shown as a name: 1 to 200 characters, none that controls how others are shown.
pub(crate) fn is_name(text: &str) -> bool {
    let is_bidi = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    (1..=200).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_control() || is_bidi(c))
        && text.trim() == text
}
