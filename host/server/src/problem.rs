//! What a manager reads when something is wrong: `application/problem+json`
//! (RFC 9457) with a stable code, the cause and the fix. Every code has a page
//! at `{management_url}/errors/{code}`, made from the table below.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chancery_domain::template::Issue;
use chancery_store::StoreError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

macro_rules! problems {
    ($($variant:ident = $status:ident, $code:literal, $title:literal, $fix:literal;)*) => {
        /// Everything that can be wrong with a management request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $(#[doc = $title] $variant,)*
        }

        impl ProblemCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable word in `code` and at the end of `type`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The same short sentence every time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What to do about it.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

problems! {
    Malformed = BAD_REQUEST, "malformed-request", "The request cannot be read.",
        "Send one JSON document without duplicate members, nested at most 32 deep, or correct the parameter that `detail` names.";
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "No valid API key or token came with the request.",
        "Send `Authorization: Bearer <key>` with a key of this issuer (`chancery api-key create` makes one), or with a token that its token endpoint gave to a client and that is not older than 15 minutes.";
    Forbidden = FORBIDDEN, "forbidden", "The API key or the client may not do this.",
        "Use a key or a client that holds what `detail` names.";
    NotFound = NOT_FOUND, "not-found", "There is no such thing here.",
        "Check the id and the path; ids are those that this issuer's API answered.";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The path exists, the method does not.",
        "Look the method up in the API description at `openapi.json`.";
    WrongState = CONFLICT, "wrong-state", "The thing is in a state that does not allow this.",
        "Read its current state first; final states stay.";
    InProgress = CONFLICT, "in-progress", "A request with this Idempotency-Key is under way.",
        "Wait for its answer, then repeat the request to read it again.";
    Conflict = CONFLICT, "conflict", "Something of that name exists.",
        "Choose another name. What was made is never overwritten by making it again.";
    Suspended = FORBIDDEN, "suspended", "The tenant is suspended.",
        "Ask whoever operates the platform; nothing is lost meanwhile.";
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition-required", "The request does not say which version it changes.",
        "Read the thing first and send its ETag as `If-Match`.";
    PreconditionFailed = PRECONDITION_FAILED, "precondition-failed", "The thing changed since you read it.",
        "Read it again, and decide again.";
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The request is larger than is read: 256 KiB, and 33 MiB of a plugin.",
        "Send less, for instance a smaller picture.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is of another kind than is read here.",
        "Send `Content-Type: application/json`; a plugin as `application/wasm` or in `multipart/form-data`.";
    Invalid = UNPROCESSABLE_ENTITY, "invalid", "The document is readable, but parts of it are wrong.",
        "Correct the members that `errors[].pointer` names.";
    IdempotencyMismatch = UNPROCESSABLE_ENTITY, "idempotency-mismatch", "The Idempotency-Key was used for another request.",
        "Use a fresh key for every new request.";
    NotLicensed = FORBIDDEN, "not-licensed", "The licence of this platform does not allow this.",
        "Ask whoever operates the platform; at `/platform-admin/license` operators see what is granted and how much of it is used. What is there already goes on.";
    RegistrationRejected = UNPROCESSABLE_ENTITY, "registration-rejected", "A policy of this platform does not let this tenant in.",
        "Change what `errors[].pointer` names, or ask whoever operates the platform.";
    PluginFailed = UNPROCESSABLE_ENTITY, "plugin-failed", "The plugin does not work in this configuration.",
        "Give the cause in `detail` to the author of the plugin, or change its configuration.";
    TemplateFailed = UNPROCESSABLE_ENTITY, "template-failed", "The credential template failed on this request.",
        "Give the cause in `detail` to the author of the template; other credential types go on working.";
    PluginRefused = UNPROCESSABLE_ENTITY, "plugin-refused", "The file is no plugin that can be run here.",
        "Change the plugin as `detail` says; `chancery plugin check` finds the same before it is uploaded.";
    Incompatible = CONFLICT, "incompatible", "The version would break credentials that were issued.",
        "Keep what `errors` names as it was, or give the type a new `configuration_id` and `vct`.";
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "More requests came for this tenant than are its share.",
        "Wait as many seconds as `Retry-After` says, and spread the work; with an Idempotency-Key nothing happens twice.";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The issuer cannot answer now.",
        "Try again shortly; with an Idempotency-Key nothing happens twice.";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The issuer has a defect.",
        "Report the request id to the operator; the log holds the cause.";
}

/// A refusal for a manager.
#[derive(Debug)]
pub(crate) struct Problem {
    code: ProblemCode,
    detail: Option<String>,
    errors: Vec<Issue>,
    cause: Option<String>,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: ProblemCode) -> Self {
        Self { code, detail: None, errors: Vec::new(), cause: None, retry_after: None }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Keeps the cause for the log.
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Readable, but wrong in these places.
    pub(crate) fn invalid(errors: Vec<Issue>) -> Self {
        Self { errors, ..Self::new(ProblemCode::Invalid) }
    }

    /// Names what it is about.
    pub(crate) fn with_errors(self, errors: Vec<Issue>) -> Self {
        Self { errors, ..self }
    }

    /// What is wrong where, if that is what is wrong.
    pub(crate) fn errors(&self) -> &[Issue] {
        &self.errors
    }

    /// Wrong in one place.
    pub(crate) fn invalid_at(pointer: &str, code: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Issue {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        }])
    }

    /// More came than is answered; after `wait` there is room again.
    pub(crate) fn too_many(wait: Duration) -> Self {
        Self { retry_after: Some(whole_seconds(wait)), ..Self::new(ProblemCode::TooManyRequests) }
    }

    /// The answer for what does not exist and for what the caller may not know of.
    pub(crate) fn not_found() -> Self {
        Self::new(ProblemCode::NotFound)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Crowded => Self::too_many(SOON),
            error => Self::new(ProblemCode::Unavailable).because(error),
        }
    }
}

/// When to try again where nobody can say how long it takes.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// `Retry-After` has no smaller unit (RFC 9110 §10.2.3), and nobody is to come too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The document of RFC 9457 as it goes out.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Names the problem, and is the address of its page.
    r#type: String,
    /// The same for every occurrence.
    title: &'static str,
    /// Repeats the HTTP status.
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What to do about it.
    fix: &'static str,
    /// Which parts of the request are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ProblemPart>)]
    errors: Vec<Issue>,
}

/// One wrong part of a request.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "describes `Issue` in the API description, is never built")]
pub(crate) struct ProblemPart {
    /// JSON Pointer into the request body.
    pointer: String,
    /// A stable word for programs.
    code: String,
    /// Cause and fix for people.
    message: String,
}

/// Only the issuer knows where the page of a problem is: [`Problem::render`] completes the answer.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl Problem {
    /// Writes the problem that a handler left in its answer; the pages are below `management_url`.
    pub(crate) fn render(mut response: Response, management_url: &str) -> Response {
        let Some(problem) = response.extensions_mut().remove::<Arc<Self>>() else { return response };
        let code = problem.code.as_str();
        let cause = problem.cause.as_deref();
        match problem.code.status() {
            // A flood of requests is not to become one of log lines; the metrics count them.
            StatusCode::TOO_MANY_REQUESTS => tracing::debug!(code, "refused a management request"),
            status if status.is_server_error() => {
                tracing::error!(code, cause, "a management request failed");
            }
            _ => tracing::info!(code, cause, "refused a management request"),
        }
        let document = ProblemDocument {
            r#type: format!("{management_url}/errors/{code}"),
            title: problem.code.title(),
            status: problem.code.status().as_u16(),
            code,
            detail: problem.detail.clone(),
            fix: problem.code.fix(),
            errors: problem.errors.clone(),
        };
        *response.body_mut() = serde_json::to_vec(&document).unwrap_or_default().into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match problem.code {
            ProblemCode::Unavailable => headers.insert(header::RETRY_AFTER, 1.into()),
            ProblemCode::TooManyRequests => {
                headers.insert(header::RETRY_AFTER, problem.retry_after.unwrap_or(1).into())
            }
            ProblemCode::Unauthenticated => headers
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chancery\"")),
            _ => None,
        };
        response
    }
}
