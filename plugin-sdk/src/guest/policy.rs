//! An onboarding policy, between the two.

use serde_json::{Map, Value};

use super::{
    Exported,
    bindings::policy::exports::chancery::onboarding_policy::policy::{self as wit, Guest},
    bindings::template::chancery::types::types,
    description, fault, issues, parse, say_why_it_panics,
};
use crate::{
    outcome::Fault,
    policy::{Contact, Context, Counts, Decision, OnboardingPolicy, Registration},
};

impl<T: OnboardingPolicy> Guest for Exported<T> {
    fn describe(configuration: String) -> Result<types::Description, types::Fault> {
        say_why_it_panics();
        parse(&configuration).and_then(T::describe).map(description).map_err(fault)
    }

    fn decide(registration: wit::Registration, context: wit::Context) -> Result<wit::Decision, types::Fault> {
        say_why_it_panics();
        let decide = || T::decide(registration_from(registration)?, context_from(context)?);
        decide().map(decision).map_err(fault)
    }
}

fn registration_from(registration: wit::Registration) -> Result<Registration, Fault> {
    let details: Map<String, Value> = serde_json::from_str(&registration.details)?;
    Ok(Registration {
        slug: registration.slug,
        name: registration.name,
        parent: registration.parent,
        owner: registration.owner.map(|owner| Contact {
            email: owner.email,
            name: owner.name,
            email_verified: owner.email_verified,
        }),
        channel: registration.channel,
        details,
    })
}

fn context_from(context: wit::Context) -> Result<Context, Fault> {
    Ok(Context {
        configuration: parse(&context.configuration)?,
        now: context.now,
        locale: context.locale,
        counts: Counts {
            total: context.counts.total,
            roots: context.counts.roots,
            siblings: context.counts.siblings,
            waiting: context.counts.waiting,
            depth: context.counts.depth,
        },
    })
}

fn decision(decision: Decision) -> wit::Decision {
    match decision {
        Decision::Approve => wit::Decision::Approve,
        Decision::RequireVerification(what) => wit::Decision::RequireVerification(what),
        Decision::RequireApproval(reasons) => wit::Decision::RequireApproval(issues(reasons)),
        Decision::Reject(reasons) => wit::Decision::Reject(issues(reasons)),
    }
}
