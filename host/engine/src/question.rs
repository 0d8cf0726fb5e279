//! What is asked of a component and what it says, as plain data: a call can be written down,
//! made in another process, and made again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::{Store, component::InstancePre};

use crate::{
    bindings::{CredentialTemplatePre, template, types},
    call::CallState,
    canonical::sha256,
    hook::Hook,
};

/// One call, with everything that its answer depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// What a credential type is under a configuration.
    DescribeTemplate { configuration: String },
    /// What one credential is to be made of.
    Prepare { request: Box<template::Request>, context: Box<template::Context> },
}

/// What the component said, not yet looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Definition(Box<Said<template::Definition>>),
    Outcome(Box<Said<template::Outcome>>),
}

/// An answer, or why the component has none.
pub(crate) type Said<T> = Result<T, types::Fault>;

impl Reply {
    pub(crate) fn definition(self) -> Option<Said<template::Definition>> {
        let Self::Definition(said) = self else { return None };
        Some(*said)
    }

    pub(crate) fn outcome(self) -> Option<Said<template::Outcome>> {
        let Self::Outcome(said) = self else { return None };
        Some(*said)
    }
}

impl Question {
    /// Where the guest's clock stands. A description depends on the configuration alone.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Self::DescribeTemplate { .. } => Duration::ZERO,
            Self::Prepare { context, .. } => Duration::from_secs(context.now),
        }
    }
}

/// The arguments of one decision, the configuration included: what is kept to make it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Input(pub(crate) Question);

impl Input {
    /// SHA-256 of the arguments. It tells whether two decisions were asked the same; nobody learns a claim
    /// from it that they could not guess whole.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&serde_json::to_vec(&self.0).unwrap_or_default())
    }
}

/// A component linked to the world of its hook.
pub(crate) enum Linked {
    CredentialTemplate(CredentialTemplatePre<CallState>),
}

impl Linked {
    /// Looks the hook's functions up; their types are checked.
    pub(crate) fn new(hook: Hook, component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        match hook {
            Hook::CredentialTemplate => CredentialTemplatePre::new(component).map(Self::CredentialTemplate),
            Hook::OnboardingPolicy | Hook::License => Err(wasmtime::Error::msg("this host has no such hook")),
        }
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::CredentialTemplate(component) => component.engine(),
        }
    }

    /// Makes an instance and asks it.
    pub(crate) async fn answer(
        &self,
        store: &mut Store<CallState>,
        question: &Question,
    ) -> wasmtime::Result<Reply> {
        match self {
            Self::CredentialTemplate(component) => {
                let instance = component.instantiate_async(&mut *store).await?;
                let hook = instance.chancery_credential_template_template();
                match question {
                    Question::DescribeTemplate { configuration } => {
                        hook.call_describe(store, configuration).await.map(Box::new).map(Reply::Definition)
                    }
                    Question::Prepare { request, context } => {
                        hook.call_prepare(store, request, context).await.map(Box::new).map(Reply::Outcome)
                    }
                }
            }
        }
    }
}
