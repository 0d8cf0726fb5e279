//! A licence plugin under one configuration: what a document grants, and whether an operation is
//! within it.

use chancery_domain::template::Issue;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    bindings::license as wit,
    configured::described,
    entitlements::{self, Entitlements},
    fault::{Fault, FaultKind},
    hook::Hook,
    measured::Measured,
    question::{Input, Question, Reply},
    reasons,
    template::seconds,
};

/// A larger document is not handed in.
const MAX_DOCUMENT: usize = 64 << 10;

/// The circumstances of a question about a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The time.
    pub now: OffsetDateTime,
    /// The latest time that the host remembers; later than `now` where the clock was turned back.
    pub latest: OffsetDateTime,
    /// What names the installation: its public base URL.
    pub installation: String,
    /// BCP 47 tag that messages should be in.
    pub locale: String,
}

/// What is used already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Used {
    /// Tenants at the root.
    pub root_tenants: u32,
    /// Tenants in all.
    pub total_tenants: u32,
    /// How deep the operation's tenant lies or would lie: 1 at the root.
    pub hierarchy_depth: u32,
    /// What else is counted, by the name of its quota.
    pub counters: std::collections::BTreeMap<String, u64>,
}

/// Whether an operation is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// It is.
    Allow,
    /// It is not, for these reasons; their pointers lead into the entitlements.
    Deny(Vec<Issue>),
}

described! {
    /// A licence plugin under one configuration. Cloning it is cheap.
    License: Hook::License, |configuration| Question::DescribeLicense { configuration }
}

impl License {
    /// Asks what a document grants; none is a question too.
    pub async fn entitlements(
        &self,
        document: Option<&str>,
        circumstances: &Circumstances,
    ) -> Result<Entitlements, Fault> {
        match self.input(document, circumstances) {
            Ok(input) => self.run(&input).await.answer,
            Err(fault) => Err(fault),
        }
    }

    /// The arguments of that question, the configuration included, to be kept and run again.
    pub fn input(&self, document: Option<&str>, circumstances: &Circumstances) -> Result<Input, Fault> {
        if document.is_some_and(|document| document.len() > MAX_DOCUMENT) {
            let kind = FaultKind::InputTooLarge { limit: MAX_DOCUMENT };
            return Err(self.component().inner.caller.fault(kind));
        }
        let context = Box::new(self.context(circumstances));
        Ok(Input(Question::Entitlements { document: document.map(str::to_owned), context }))
    }

    /// Asks what a document grants, perhaps once more.
    pub async fn run(&self, input: &Input) -> Measured<Entitlements> {
        let caller = &self.component().inner.caller;
        let now = input.0.now();
        let said = caller.ask_for(&input.0, Reply::entitlements).await;
        said.and_then(|said| {
            entitlements::accept(said, now).map_err(|why| caller.fault(FaultKind::Contract(why)))
        })
    }

    /// Asks whether an operation is allowed that the entitlements allow by the host's own count.
    pub async fn check(
        &self,
        operation: &str,
        used: &Used,
        entitlements: &Entitlements,
        circumstances: &Circumstances,
    ) -> Result<Permission, Fault> {
        self.run_check(&self.check_input(operation, used, entitlements, circumstances)).await.answer
    }

    /// The arguments of that question, to be kept and run again.
    pub fn check_input(
        &self,
        operation: &str,
        used: &Used,
        entitlements: &Entitlements,
        circumstances: &Circumstances,
    ) -> Input {
        let counters = used.counters.iter();
        let usage = wit::Usage {
            root_tenants: used.root_tenants,
            total_tenants: used.total_tenants,
            hierarchy_depth: used.hierarchy_depth,
            counters: counters
                .map(|(name, value)| wit::Counter { name: name.clone(), value: *value })
                .collect(),
            ext: Vec::new(),
        };
        Input(Question::Check {
            operation: operation.to_owned(),
            usage: Box::new(usage),
            entitlements: Box::new(entitlements::handed_in(entitlements)),
            context: Box::new(self.context(circumstances)),
        })
    }

    /// Asks whether an operation is allowed, perhaps once more.
    pub async fn run_check(&self, input: &Input) -> Measured<Permission> {
        let caller = &self.component().inner.caller;
        let said = caller.ask_for(&input.0, Reply::permission).await;
        said.and_then(|permission| match permission {
            wit::Permission::Allow => Ok(Permission::Allow),
            wit::Permission::Deny(issues) => {
                let reasons =
                    reasons::accept(issues).map_err(|why| caller.fault(FaultKind::Contract(why)))?;
                Ok(Permission::Deny(reasons))
            }
        })
    }

    fn context(&self, circumstances: &Circumstances) -> wit::Context {
        wit::Context {
            configuration: self.inner.configuration.clone(),
            now: seconds(circumstances.now),
            latest: seconds(circumstances.latest),
            installation: circumstances.installation.clone(),
            locale: circumstances.locale.clone(),
            ext: Vec::new(),
        }
    }
}
