//! Where a claim failed, what should have come, and what came instead.

use std::fmt;

use chancery_protocol::offer::OfferLinkError;

use crate::http::HttpError;

/// The steps of a claim, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Reading the link and fetching the offer (OpenID4VCI §4.1).
    Offer,
    /// The issuer's metadata (OpenID4VCI §12.2).
    IssuerMetadata,
    /// The authorization server's metadata (RFC 8414).
    ServerMetadata,
    /// The pushed request, and the holder's consent (RFC 9126, OpenID4VCI §5).
    Authorization,
    /// The token request (OpenID4VCI §6).
    Token,
    /// The nonce request (OpenID4VCI §7).
    Nonce,
    /// Proving possession of the holder's keys (OpenID4VCI Appendix F).
    Proof,
    /// The credential request (OpenID4VCI §8).
    Credential,
    /// Coming back for what was deferred (OpenID4VCI §9).
    Deferred,
    /// Finding the issuer's key, three ways (SD-JWT VC §3.5, did:web).
    IssuerKey,
    /// Verifying what came (RFC 9901, SD-JWT VC).
    Verification,
    /// The status list (Token Status List §8).
    Status,
    /// Telling the issuer the result (OpenID4VCI §11).
    Notification,
}

impl Step {
    /// What people call the step.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::IssuerMetadata => "issuer metadata",
            Self::ServerMetadata => "authorization server metadata",
            Self::Authorization => "authorization request",
            Self::Token => "token request",
            Self::Nonce => "nonce request",
            Self::Proof => "key proof",
            Self::Credential => "credential request",
            Self::Deferred => "deferred credential request",
            Self::IssuerKey => "issuer key",
            Self::Verification => "credential verification",
            Self::Status => "credential status",
            Self::Notification => "notification",
        }
    }

    /// Something else came than should have.
    pub(crate) fn unexpected(self, expected: impl fmt::Display, found: impl fmt::Display) -> ClaimError {
        self.failed(Problem::Unexpected { expected: expected.to_string(), found: found.to_string() })
    }

    /// Fails with what was found unless `holds`.
    pub(crate) fn expect(
        self,
        holds: bool,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Result<(), ClaimError> {
        if holds { Ok(()) } else { Err(self.unexpected(expected, found)) }
    }

    pub(crate) fn failed(self, problem: Problem) -> ClaimError {
        ClaimError { step: self, problem: Box::new(problem) }
    }

    /// Turns a failure of the connection into one of this step.
    pub(crate) fn of_http(self) -> impl Fn(HttpError) -> ClaimError {
        move |error| self.failed(Problem::Http(error))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a wallet does not hold the credential.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {problem}")]
pub struct ClaimError {
    /// Where it failed.
    pub step: Step,
    /// What failed.
    pub problem: Box<Problem>,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No usable answer at all.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The issuer said no.
    #[error("expected {expected}, but {url} answered {status} {code}{}{}", if .description.is_empty() { "" } else { ": " }, .description)]
    Refused {
        /// What should have come.
        expected: String,
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The OAuth error code.
        code: String,
        /// The issuer's words.
        description: String,
    },
    /// Something came that should not have.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What should have come.
        expected: String,
        /// What came.
        found: String,
    },
    /// The caller's text leads to no offer.
    #[error("expected a credential offer link, found {0}")]
    NotALink(OfferLinkError),
    /// The holder has to say the transaction code.
    #[error("the offer needs a transaction code ({0})")]
    TxCodeNeeded(String),
    /// More copies than one request may ask for.
    #[error("{asked} copies were asked for, but the issuer gives at most {most} in one request")]
    TooMany {
        /// How many were asked for.
        asked: u16,
        /// How many the metadata allows.
        most: u16,
    },
    /// The caller's `--trust` is no certificate, or the machine failed.
    #[error("{0}")]
    Caller(String),
}

impl ClaimError {
    /// Whether nobody answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(*self.problem, Problem::Http(HttpError::Unreachable { .. }))
    }

    /// Whether the caller gave too little or something wrong, and nothing was sent yet.
    pub fn is_usage(&self) -> bool {
        matches!(
            *self.problem,
            Problem::NotALink(_) | Problem::TxCodeNeeded(_) | Problem::TooMany { .. } | Problem::Caller(_)
        )
    }

    /// The OAuth error code, if the issuer refused with one.
    pub fn refusal_code(&self) -> Option<&str> {
        match &*self.problem {
            Problem::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// What the person at the keyboard can do about it.
    pub(crate) fn fix(&self) -> Option<String> {
        let fix = match &*self.problem {
            Problem::Http(HttpError::Unreachable { .. }) => "is the issuer running, and is the link right?",
            Problem::Http(_) | Problem::Unexpected { .. } | Problem::Caller(_) => return None,
            Problem::NotALink(_) => {
                "paste the link that `chancery offer create` printed, in quotes, or the address of the offer's page"
            }
            Problem::TxCodeNeeded(_) => "give it in --tx-code; `chancery offer create --tx-code` printed it",
            Problem::TooMany { most, .. } => return Some(format!("ask for --count {most} or fewer")),
            Problem::Refused { code, .. } => match (self.step, code.as_str()) {
                (Step::Offer, _) => {
                    "an offer is read until it is redeemed, withdrawn or expired: make a new one"
                }
                (Step::Token, "invalid_grant") => {
                    "check the transaction code; an offer that was redeemed or has expired is gone: make a new one"
                }
                (Step::Token, "invalid_request") => {
                    "give --tx-code exactly when the offer asks for a transaction code"
                }
                (Step::Deferred, "invalid_transaction_id") => {
                    "it was fetched before, withdrawn, or took too long: ask the issuer for a new offer"
                }
                _ => return None,
            },
        };
        Some(fix.into())
    }
}
