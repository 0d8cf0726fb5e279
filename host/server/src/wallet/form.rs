//! The parameters of a request, in a form or in a query (RFC 6749 §3.1, §3.2).

use std::collections::BTreeMap;

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use chancery_protocol::error::ErrorCode;
use chancery_protocol::json::from_slice_strict;
use chancery_protocol::token::AuthorizationDetail;
use http::HeaderMap;

use super::{has_content_type, readable};
use crate::caller::ClientParameters;
use crate::refusal::Refusal;

/// The parameters of a request; unknown ones are ignored.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the form of a body.
    pub(crate) fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Self, Refusal> {
        let body = readable(body, ErrorCode::InvalidRequest)?;
        if !has_content_type(headers, "application/x-www-form-urlencoded") {
            return Err(invalid("the body must be application/x-www-form-urlencoded"));
        }
        Self::parse(&body)
    }

    /// Reads a query. A parameter that comes twice is refused (RFC 6749 §3.1, §3.2).
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let mut form = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if form.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(invalid(&format!("the parameter {name} comes twice")));
            }
        }
        Ok(Self(form))
    }

    /// A parameter without a value counts as one that was left out (RFC 6749 §3.1, §3.2).
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// The parameters about the client. Its name stays: it is one of the request's, too.
    pub(crate) fn client(&mut self) -> ClientParameters {
        ClientParameters {
            id: self.get("client_id").map(str::to_owned),
            secret: self.take("client_secret"),
            assertion_type: self.take("client_assertion_type"),
            assertion: self.take("client_assertion"),
        }
    }

    /// A parameter that is looked at twice.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that the request is nothing without.
    pub(crate) fn require(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name).ok_or_else(|| invalid(&format!("{name} is missing")))
    }

    /// The authorization details of a token request (OpenID4VCI §6.1.1).
    pub(crate) fn details(&mut self) -> Result<Option<Vec<AuthorizationDetail>>, Refusal> {
        let text = self.take("authorization_details");
        text.map(|text| {
            from_slice_strict(text.as_bytes())
                .map_err(|error| invalid("authorization_details is not an array of details").because(error))
        })
        .transpose()
    }
}

fn invalid(description: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}
