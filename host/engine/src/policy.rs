//! An onboarding policy under one configuration: who may become a tenant.

use chancery_domain::template::Issue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    bindings::policy as wit,
    configured::described,
    fault::{Fault, FaultKind},
    hook::Hook,
    manifest::is_name,
    measured::Measured,
    question::{Input, Question, Reply},
    reasons,
    template::seconds,
};

/// Who wants to become a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The slug that was asked for.
    pub slug: String,
    /// What the tenant is to be called.
    pub name: String,
    /// The parent's slug; none for a tenant at the root.
    pub parent: Option<String>,
    /// Who is to own it.
    pub owner: Option<Contact>,
    /// By which way it came: `operator`, `parent`, `self-signup`.
    pub channel: String,
    /// What else the registrant said.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// A person to write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The e-mail address.
    pub email: String,
    /// The person's name.
    pub name: Option<String>,
    /// Whether the address is known to be theirs.
    #[serde(default)]
    pub email_verified: bool,
}

/// How many tenants there are, without the one that registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// In the whole deployment.
    pub total: u32,
    /// At the root.
    pub roots: u32,
    /// Below the same parent.
    pub siblings: u32,
    /// Registrations that wait.
    pub waiting: u32,
    /// How deep the new tenant would lie: 1 at the root.
    pub depth: u32,
}

/// Everything that a decision on one registration depends on, beside the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideRequest {
    /// Who wants to become a tenant.
    pub registration: Registration,
    /// How many there are.
    pub counts: Counts,
    /// The time.
    pub now: OffsetDateTime,
    /// BCP 47 tag that messages should be in.
    pub locale: String,
}

/// What a policy decided, from the mildest to the strictest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Let it in.
    Approve,
    /// Let it in once these were shown: `owner-email`, `domain`; any other word needs approval.
    RequireVerification(Vec<String>),
    /// Let it in once a person has looked at it, for these reasons.
    RequireApproval(Vec<Issue>),
    /// Do not let it in, for these reasons.
    Reject(Vec<Issue>),
}

impl Decision {
    /// What holds where two policies decide: each only narrows, so the stricter one. Reasons and
    /// verifications of equally strict ones add up.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Reject(mut reasons), Self::Reject(more)) => {
                reasons.extend(more);
                Self::Reject(reasons)
            }
            (Self::RequireApproval(mut reasons), Self::RequireApproval(more)) => {
                reasons.extend(more);
                Self::RequireApproval(reasons)
            }
            (Self::RequireVerification(mut what), Self::RequireVerification(more)) => {
                let new = more.into_iter().filter(|word| !what.contains(word)).collect::<Vec<_>>();
                what.extend(new);
                Self::RequireVerification(what)
            }
            (one, other) if one.strictness() >= other.strictness() => one,
            (_, other) => other,
        }
    }

    const fn strictness(&self) -> u8 {
        match self {
            Self::Approve => 0,
            Self::RequireVerification(_) => 1,
            Self::RequireApproval(_) => 2,
            Self::Reject(_) => 3,
        }
    }
}

described! {
    /// A policy under one configuration. Cloning it is cheap.
    Policy: Hook::OnboardingPolicy, |configuration| Question::DescribePolicy { configuration }
}

impl Policy {
    /// Asks whether somebody may become a tenant. A fault must hold the registration for approval.
    pub async fn decide(&self, request: &DecideRequest) -> Result<Decision, Fault> {
        match self.input(request) {
            Ok(input) => self.run(&input).await.answer,
            Err(fault) => Err(fault),
        }
    }

    /// The arguments of a decision, the configuration included, to be kept and run again.
    pub fn input(&self, request: &DecideRequest) -> Result<Input, Fault> {
        let DecideRequest { registration, counts, now, locale } = request;
        let registration = wit::Registration {
            slug: registration.slug.clone(),
            name: registration.name.clone(),
            parent: registration.parent.clone(),
            owner: registration.owner.as_ref().map(|owner| wit::Contact {
                email: owner.email.clone(),
                name: owner.name.clone(),
                email_verified: owner.email_verified,
            }),
            channel: registration.channel.clone(),
            details: Value::Object(registration.details.clone()).to_string(),
            ext: Vec::new(),
        };
        let limit = self.component().limits().input;
        if registration.details.len() + registration.name.len() > limit {
            return Err(self.component().inner.caller.fault(FaultKind::InputTooLarge { limit }));
        }
        let context = wit::Context {
            configuration: self.inner.configuration.clone(),
            now: seconds(*now),
            locale: locale.clone(),
            counts: wit::Counts {
                total: counts.total,
                roots: counts.roots,
                siblings: counts.siblings,
                waiting: counts.waiting,
                depth: counts.depth,
            },
            ext: Vec::new(),
        };
        Ok(Input(Question::Decide { registration: Box::new(registration), context: Box::new(context) }))
    }

    /// Makes a decision, perhaps once more: the same input brings the same answer for the same fuel.
    pub async fn run(&self, input: &Input) -> Measured<Decision> {
        let caller = &self.component().inner.caller;
        let decision = caller.ask_for(&input.0, Reply::decision).await;
        decision.and_then(|decision| accept(decision).map_err(|why| caller.fault(FaultKind::Contract(why))))
    }
}

fn accept(decision: wit::Decision) -> Result<Decision, String> {
    match decision {
        wit::Decision::Approve => Ok(Decision::Approve),
        wit::Decision::RequireVerification(what) if what.is_empty() || what.len() > 10 => {
            Err("it requires no verification, or more than ten".into())
        }
        wit::Decision::RequireVerification(what) => match what.iter().find(|word| !is_name(word)) {
            None => Ok(Decision::RequireVerification(what)),
            Some(_) => Err("what it wants verified is not of the form `[a-z][a-z0-9-]*`".into()),
        },
        wit::Decision::RequireApproval(issues) => reasons::accept(issues).map(Decision::RequireApproval),
        wit::Decision::Reject(issues) => reasons::accept(issues).map(Decision::Reject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn because(code: &str) -> Vec<Issue> {
        vec![Issue { pointer: "/slug".into(), code: code.into(), message: "so".into() }]
    }

    fn reason(pointer: &str, code: &str) -> wit::Issue {
        wit::Issue { pointer: pointer.into(), code: code.into(), message: "so\n\u{1b}[31m".into() }
    }

    #[test]
    fn a_decision_without_a_reason_is_a_breach_of_contract() {
        for breach in [
            wit::Decision::Reject(Vec::new()),
            wit::Decision::RequireApproval(Vec::new()),
            wit::Decision::RequireVerification(Vec::new()),
            wit::Decision::RequireVerification(vec!["domain".into(); 11]),
            wit::Decision::RequireVerification(vec!["The Domain".into()]),
            wit::Decision::Reject(vec![reason("/slug", "because I say so")]),
            wit::Decision::Reject(vec![reason("slug", "taken")]),
            wit::Decision::Reject(vec![reason("/slug", "taken"); 51]),
        ] {
            assert!(accept(breach.clone()).is_err(), "{breach:?}");
        }
    }

    #[test]
    fn a_reason_is_one_line() {
        let Ok(Decision::Reject(reasons)) = accept(wit::Decision::Reject(vec![reason("/slug", "taken")]))
        else {
            panic!("it has a reason")
        };
        assert_eq!(reasons[0].message, "so\\n\\u{1b}[31m");
    }

    #[test]
    fn of_two_decisions_the_stricter_one_holds() {
        use Decision::{Approve, Reject, RequireApproval, RequireVerification};
        let ascending = [
            Approve,
            RequireVerification(vec!["domain".into()]),
            RequireApproval(because("look")),
            Reject(because("no")),
        ];
        for (index, milder) in ascending.iter().enumerate() {
            for stricter in ascending.iter().skip(index + 1) {
                assert_eq!(&milder.clone().and(stricter.clone()), stricter);
                assert_eq!(&stricter.clone().and(milder.clone()), stricter);
            }
        }
    }

    #[test]
    fn what_equally_strict_ones_want_adds_up() {
        let one = Decision::RequireVerification(vec!["domain".into()]);
        let other = Decision::RequireVerification(vec!["owner-email".into(), "domain".into()]);
        assert_eq!(
            one.and(other),
            Decision::RequireVerification(vec!["domain".into(), "owner-email".into()])
        );
        let Decision::Reject(reasons) = Decision::Reject(because("a")).and(Decision::Reject(because("b")))
        else {
            panic!("milder than either")
        };
        assert_eq!(reasons.len(), 2);
    }
}
