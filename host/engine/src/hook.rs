//! The hooks that a component can implement, one each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a component decides for the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// What a credential consists of.
    CredentialTemplate,
    /// Who may become a tenant.
    OnboardingPolicy,
    /// What a licence allows.
    License,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CredentialTemplate, Self::OnboardingPolicy, Self::License];

    /// Its name in a manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialTemplate => "credential-template",
            Self::OnboardingPolicy => "onboarding-policy",
            Self::License => "license",
        }
    }

    /// The hook of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.as_str() == name)
    }

    /// The interface that a component of this hook exports, and no other.
    pub const fn export(self) -> &'static str {
        match self {
            Self::CredentialTemplate => "chancery:credential-template/template@0.1.0",
            Self::OnboardingPolicy => "chancery:onboarding-policy/policy@0.1.0",
            Self::License => "chancery:license/license@0.1.0",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a component came to be, which decides how large it may be and what its calls may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Compiled to WebAssembly itself, as Rust is.
    #[default]
    Compiled,
    /// Brings the interpreter of its language along, as Python and JavaScript do.
    Interpreted,
}
