//! A component linked to the world of its hook: the one place where its functions are called.

use wasmtime::{Store, component::InstancePre};

use crate::{
    bindings::{CredentialTemplatePre, LicensePluginPre, OnboardingPolicyPre},
    call::CallState,
    hook::Hook,
    question::{Question, Reply},
};

/// A component whose imports are provided and whose exports have the types of its hook.
pub(crate) enum Linked {
    Template(CredentialTemplatePre<CallState>),
    Policy(OnboardingPolicyPre<CallState>),
    License(LicensePluginPre<CallState>),
}

impl Linked {
    /// Looks the hook's functions up; their types are checked.
    pub(crate) fn new(hook: Hook, component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        match hook {
            Hook::CredentialTemplate => CredentialTemplatePre::new(component).map(Self::Template),
            Hook::OnboardingPolicy => OnboardingPolicyPre::new(component).map(Self::Policy),
            Hook::License => LicensePluginPre::new(component).map(Self::License),
        }
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::Template(component) => component.engine(),
            Self::Policy(component) => component.engine(),
            Self::License(component) => component.engine(),
        }
    }

    /// Makes an instance and asks it.
    pub(crate) async fn answer(
        &self,
        store: &mut Store<CallState>,
        question: &Question,
    ) -> wasmtime::Result<Reply> {
        match self {
            Self::Template(component) => template(component, store, question).await,
            Self::Policy(component) => policy(component, store, question).await,
            Self::License(component) => license(component, store, question).await,
        }
    }
}

async fn template(
    component: &CredentialTemplatePre<CallState>,
    store: &mut Store<CallState>,
    question: &Question,
) -> wasmtime::Result<Reply> {
    let instance = component.instantiate_async(&mut *store).await?;
    begin(store)?;
    let hook = instance.chancery_credential_template_template();
    match question {
        Question::DescribeTemplate { configuration } => {
            hook.call_describe(store, configuration).await.map(Box::new).map(Reply::Definition)
        }
        Question::Prepare { request, context } => {
            hook.call_prepare(store, request, context).await.map(Box::new).map(Reply::Outcome)
        }
        _ => Err(another_hook()),
    }
}

async fn policy(
    component: &OnboardingPolicyPre<CallState>,
    store: &mut Store<CallState>,
    question: &Question,
) -> wasmtime::Result<Reply> {
    let instance = component.instantiate_async(&mut *store).await?;
    begin(store)?;
    let hook = instance.chancery_onboarding_policy_policy();
    match question {
        Question::DescribePolicy { configuration } => {
            hook.call_describe(store, configuration).await.map(Box::new).map(Reply::Description)
        }
        Question::Decide { registration, context } => {
            hook.call_decide(store, registration, context).await.map(Box::new).map(Reply::Decision)
        }
        _ => Err(another_hook()),
    }
}

async fn license(
    component: &LicensePluginPre<CallState>,
    store: &mut Store<CallState>,
    question: &Question,
) -> wasmtime::Result<Reply> {
    let instance = component.instantiate_async(&mut *store).await?;
    begin(store)?;
    let hook = instance.chancery_license_license();
    match question {
        Question::DescribeLicense { configuration } => {
            hook.call_describe(store, configuration).await.map(Box::new).map(Reply::Description)
        }
        Question::Entitlements { document, context } => {
            let said = hook.call_read(store, document.as_deref(), context).await;
            said.map(Box::new).map(Reply::Entitlements)
        }
        Question::Check { operation, usage, entitlements, context } => {
            let said = hook.call_check(store, operation, usage, entitlements, context).await;
            said.map(Box::new).map(Reply::Permission)
        }
        _ => Err(another_hook()),
    }
}

/// The call itself has all the fuel. How much it takes to begin with depends on how this process maps memory, and
/// what a decision costs must not.
fn begin(store: &mut Store<CallState>) -> wasmtime::Result<()> {
    let fuel = store.data().fuel;
    store.set_fuel(fuel)
}

fn another_hook() -> wasmtime::Error {
    wasmtime::Error::msg("it was asked what its hook does not answer")
}
