//! What is asked of a component and what it says, as plain data: a call can be written down,
//! made in another process, and made again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    bindings::{license, policy, template, types},
    canonical::sha256,
};

/// One call, with everything that its answer depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// What a credential type is under a configuration.
    DescribeTemplate { configuration: String },
    /// What one credential is to be made of.
    Prepare { request: Box<template::Request>, context: Box<template::Context> },
    /// What a policy is under a configuration.
    DescribePolicy { configuration: String },
    /// Whether somebody may become a tenant.
    Decide { registration: Box<policy::Registration>, context: Box<policy::Context> },
    /// What a licence plugin is under a configuration.
    DescribeLicense { configuration: String },
    /// What a licence document grants.
    Entitlements { document: Option<String>, context: Box<license::Context> },
    /// Whether one operation is allowed.
    Check {
        operation: String,
        usage: Box<license::Usage>,
        entitlements: Box<license::Entitlements>,
        context: Box<license::Context>,
    },
}

/// What the component said, not yet looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Definition(Box<Said<template::Definition>>),
    Outcome(Box<Said<template::Outcome>>),
    Description(Box<Said<types::Description>>),
    Decision(Box<Said<policy::Decision>>),
    Entitlements(Box<Said<license::Entitlements>>),
    Permission(Box<Said<license::Permission>>),
}

/// An answer, or why the component has none.
pub(crate) type Said<T> = Result<T, types::Fault>;

impl Question {
    /// Where the guest's clock stands. A description depends on the configuration alone.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_secs(match self {
            Self::DescribeTemplate { .. } | Self::DescribePolicy { .. } | Self::DescribeLicense { .. } => 0,
            Self::Prepare { context, .. } => context.now,
            Self::Decide { context, .. } => context.now,
            Self::Entitlements { context, .. } | Self::Check { context, .. } => context.now,
        })
    }
}

impl Reply {
    pub(crate) fn definition(self) -> Option<Said<template::Definition>> {
        if let Self::Definition(said) = self { Some(*said) } else { None }
    }

    pub(crate) fn outcome(self) -> Option<Said<template::Outcome>> {
        if let Self::Outcome(said) = self { Some(*said) } else { None }
    }

    pub(crate) fn description(self) -> Option<Said<types::Description>> {
        if let Self::Description(said) = self { Some(*said) } else { None }
    }

    pub(crate) fn decision(self) -> Option<Said<policy::Decision>> {
        if let Self::Decision(said) = self { Some(*said) } else { None }
    }

    pub(crate) fn entitlements(self) -> Option<Said<license::Entitlements>> {
        if let Self::Entitlements(said) = self { Some(*said) } else { None }
    }

    pub(crate) fn permission(self) -> Option<Said<license::Permission>> {
        if let Self::Permission(said) = self { Some(*said) } else { None }
    }
}

/// The arguments of one decision, the configuration included: what is kept to make it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Input(pub(crate) Question);

impl Input {
    /// SHA-256 of the arguments: it tells whether two decisions were asked the same.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&serde_json::to_vec(&self.0).unwrap_or_default())
    }
}
