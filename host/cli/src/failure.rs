//! Why a command did not succeed, how that is told, and the exit code that says it to programs.

use std::io;

use chancery_server::StartError;
use chancery_server::config::ConfigError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments::Output;
use crate::http::HttpError;
use crate::output::{plain, talk};
use crate::wallet::ClaimError;

/// Refused by the other side, or not verified.
pub(crate) const REFUSED: u8 = 1;
/// Wrong usage; clap uses the same number.
pub(crate) const USAGE: u8 = 2;
/// The other side cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;
/// Wrong or missing configuration.
pub(crate) const CONFIGURATION: u8 = 4;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The management API said no.
    #[error("{}", .0.title)]
    Refused(Box<Problem>),
    /// The management API, or what stands in its place, gave no sensible answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The test wallet did not get a credential that it believes.
    #[error("the claim failed at {0}")]
    Claim(#[from] ClaimError),
    /// Something that the caller gave cannot be used.
    #[error("{found}")]
    Usage {
        /// What is wrong.
        found: String,
        /// What would be right.
        fix: String,
    },
    /// Something is missing or wrong in the configuration.
    #[error("{found}")]
    Configuration {
        /// What is wrong.
        found: String,
        /// What would be right.
        fix: String,
    },
    /// The host does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A check of `doctor` failed; the report is already out.
    #[error("{failed} of {all} checks failed")]
    Unhealthy {
        /// How many failed.
        failed: usize,
        /// How many there are.
        all: usize,
    },
    /// An audit trail was tampered with; the report is already out.
    #[error("the audit trail is not what was written: {findings} findings")]
    Tampered {
        /// How many things are wrong.
        findings: usize,
    },
    /// A plugin is not what it should be; the report is already out.
    #[error("{found}")]
    Plugin {
        /// What is wrong with it.
        found: String,
    },
    /// The machine did not let us: disk full, no more processes.
    #[error("the machine refused: {0}")]
    Machine(#[from] io::Error),
}

/// An RFC 9457 problem, as the management API answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// Where the error is documented, or `about:blank`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    /// What went wrong, in general.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) code: String,
    /// What went wrong, this time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) fix: String,
    /// Where in the request it went wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ProblemPart>,
}

/// One wrong part of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProblemPart {
    /// JSON Pointer into the request.
    #[serde(default)]
    pub(crate) pointer: String,
    /// The stable code.
    #[serde(default)]
    pub(crate) code: String,
    /// What is wrong there.
    #[serde(default)]
    pub(crate) message: String,
}

impl Failure {
    /// The number that the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Http(HttpError::Unreachable { .. }) => UNREACHABLE,
            Self::Claim(error) if error.is_unreachable() => UNREACHABLE,
            Self::Usage { .. } => USAGE,
            Self::Claim(error) if error.is_usage() => USAGE,
            Self::Start(StartError::Internal(_))
            | Self::Refused(_)
            | Self::Http(_)
            | Self::Claim(_)
            | Self::Unhealthy { .. }
            | Self::Tampered { .. }
            | Self::Plugin { .. }
            | Self::Machine(_) => REFUSED,
            Self::Configuration { .. } | Self::Start(_) => CONFIGURATION,
        }
    }

    /// What the caller can do about it.
    fn fix(&self) -> Option<String> {
        match self {
            Self::Refused(problem) => (!problem.fix.is_empty()).then(|| plain(&problem.fix)),
            Self::Http(error) => error.fix(),
            Self::Claim(error) => error.fix(),
            Self::Usage { fix, .. } | Self::Configuration { fix, .. } => Some(fix.clone()),
            Self::Start(error) => fix_of_start(error),
            Self::Unhealthy { .. } | Self::Tampered { .. } | Self::Plugin { .. } | Self::Machine(_) => None,
        }
    }

    /// Tells it on stderr: to people with cause and fix, to programs as one line of JSON.
    pub(crate) fn report(&self, form: Output) {
        match form {
            Output::Text => talk(&self.text()),
            Output::Json => talk(&self.json().to_string()),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("error: {}", plain(&self.to_string()))];
        if let Self::Refused(problem) = self {
            if !problem.detail.is_empty() && problem.detail != problem.title {
                lines.push(format!("  cause: {}", plain(&problem.detail)));
            }
            for part in &problem.errors {
                let place = if part.pointer.is_empty() { "/" } else { &part.pointer };
                lines.push(format!(
                    "  at {}: {} ({})",
                    plain(place),
                    plain(&part.message),
                    plain(&part.code)
                ));
            }
            lines.push(format!("  code: {} (HTTP {})", plain(&problem.code), problem.status));
        }
        if let Some(fix) = self.fix() {
            lines.push(format!("  fix: {fix}"));
        }
        lines.join("\n")
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Self::Refused(problem) => json!(problem),
            Self::Claim(error) => json!({
                "title": self.to_string(),
                "step": error.step.as_str(),
                "detail": error.problem.to_string(),
                "fix": self.fix(),
            }),
            _ => json!({"title": self.to_string(), "fix": self.fix()}),
        }
    }
}

/// What the operator can do about a host that does not start, where the error does not say it itself.
fn fix_of_start(error: &StartError) -> Option<String> {
    let fix = match error {
        StartError::Listen { .. } => {
            "stop what listens there, or choose another --port (serve: CHANCERY_LISTEN)"
        }
        StartError::Embedded(_) => "install PostgreSQL 15 or later, or name a server in DATABASE_URL",
        StartError::Database(_) => "check DATABASE_URL and that its role may create roles",
        StartError::Plugins(_) => "name a folder of components in CHANCERY_PLUGINS",
        StartError::Certificate(_) => "correct ISSUER_CERTIFICATE_FILE",
        StartError::Config(_)
        | StartError::WrongKey
        | StartError::RotationUnderWay
        | StartError::File { .. }
        | StartError::Dns(_)
        | StartError::Internal(_) => return None,
    };
    Some(fix.into())
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Start(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        serde_json::from_value(json!({
            "type": "about:blank", "title": "the subject is not acceptable", "status": 422,
            "code": "invalid-subject", "detail": "one field is missing", "fix": "add it",
            "errors": [{"pointer": "/subject/name", "code": "required", "message": "is required"}],
        }))
        .unwrap()
    }

    #[test]
    fn a_refusal_tells_cause_place_and_code() {
        let text = Failure::Refused(Box::new(problem())).text();
        assert_eq!(
            text,
            "error: the subject is not acceptable\n  cause: one field is missing\n  \
             at /subject/name: is required (required)\n  code: invalid-subject (HTTP 422)\n  fix: add it"
        );
    }

    #[test]
    fn a_refusal_cannot_steer_the_terminal() {
        let hostile = Problem { title: "\u{1b}]0;owned\u{7}".into(), ..problem() };
        assert!(!Failure::Refused(Box::new(hostile)).text().contains('\u{1b}'));
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let unreachable = HttpError::Unreachable { url: "http://h/".into(), cause: "refused".into() };
        let wrong = || (String::new(), String::new());
        let (found, fix) = wrong();
        assert_eq!(Failure::Refused(Box::new(problem())).exit_code(), 1);
        assert_eq!(Failure::Usage { found: found.clone(), fix: fix.clone() }.exit_code(), 2);
        assert_eq!(Failure::Http(unreachable).exit_code(), 3);
        assert_eq!(Failure::Configuration { found, fix }.exit_code(), 4);
    }
}
