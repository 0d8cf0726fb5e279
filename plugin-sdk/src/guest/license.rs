//! A licence plugin, between the two.

use super::{
    Exported,
    bindings::license::exports::chancery::license::license::{self as wit, Guest},
    bindings::template::chancery::types::types,
    description, fault, issues, parse, say_why_it_panics,
};
use crate::{
    license::{Context, Entitlements, License, Limits, Permission, State, Usage},
    outcome::Fault,
};

impl<T: License> Guest for Exported<T> {
    fn describe(configuration: String) -> Result<types::Description, types::Fault> {
        say_why_it_panics();
        parse(&configuration).and_then(T::describe).map(description).map_err(fault)
    }

    fn read(document: Option<String>, context: wit::Context) -> Result<wit::Entitlements, types::Fault> {
        say_why_it_panics();
        let read = || T::read(document.as_deref(), context_from(context)?);
        read().map(entitlements).map_err(fault)
    }

    fn check(
        operation: String,
        usage: wit::Usage,
        entitlements: wit::Entitlements,
        context: wit::Context,
    ) -> Result<wit::Permission, types::Fault> {
        say_why_it_panics();
        let (usage, entitlements) = (usage_from(usage), entitlements_from(entitlements));
        let check = || T::check(&operation, &usage, &entitlements, context_from(context)?);
        check().map(permission).map_err(fault)
    }
}

fn context_from(context: wit::Context) -> Result<Context, Fault> {
    Ok(Context {
        configuration: parse(&context.configuration)?,
        now: context.now,
        latest: context.latest,
        installation: context.installation,
        locale: context.locale,
    })
}

fn usage_from(usage: wit::Usage) -> Usage {
    Usage {
        root_tenants: usage.root_tenants,
        total_tenants: usage.total_tenants,
        hierarchy_depth: usage.hierarchy_depth,
        counters: usage.counters.into_iter().map(|counter| (counter.name, counter.value)).collect(),
    }
}

fn entitlements(said: Entitlements) -> wit::Entitlements {
    wit::Entitlements {
        state: match said.state {
            State::Missing => wit::State::Missing,
            State::Active => wit::State::Active,
            State::Grace => wit::State::Grace,
            State::Expired => wit::State::Expired,
            State::Invalid => wit::State::Invalid,
        },
        reason: said.reason,
        id: said.id,
        licensee: said.licensee,
        not_before: said.not_before,
        expires: said.expires,
        grace_until: said.grace_until,
        limits: wit::Limits {
            max_root_tenants: said.limits.max_root_tenants,
            max_total_tenants: said.limits.max_total_tenants,
            max_hierarchy_depth: said.limits.max_hierarchy_depth,
            subtenants_allowed: said.limits.subtenants_allowed,
        },
        features: said.features,
        quotas: said.quotas.into_iter().map(|(name, maximum)| wit::Quota { name, maximum }).collect(),
        ext: Vec::new(),
    }
}

fn entitlements_from(said: wit::Entitlements) -> Entitlements {
    Entitlements {
        state: match said.state {
            wit::State::Missing => State::Missing,
            wit::State::Active => State::Active,
            wit::State::Grace => State::Grace,
            wit::State::Expired => State::Expired,
            wit::State::Invalid => State::Invalid,
        },
        reason: said.reason,
        id: said.id,
        licensee: said.licensee,
        not_before: said.not_before,
        expires: said.expires,
        grace_until: said.grace_until,
        limits: Limits {
            max_root_tenants: said.limits.max_root_tenants,
            max_total_tenants: said.limits.max_total_tenants,
            max_hierarchy_depth: said.limits.max_hierarchy_depth,
            subtenants_allowed: said.limits.subtenants_allowed,
        },
        features: said.features,
        quotas: said.quotas.into_iter().map(|quota| (quota.name, quota.maximum)).collect(),
    }
}

fn permission(permission: Permission) -> wit::Permission {
    match permission {
        Permission::Allow => wit::Permission::Allow,
        Permission::Deny(reasons) => wit::Permission::Deny(issues(reasons)),
    }
}
