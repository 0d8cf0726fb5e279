//! The contract in `wit/`, as Rust; generated, so that there is no second copy to drift.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::pedantic,
    clippy::large_enum_variant,
    reason = "generated from the WIT, where every line is documented"
)]

pub(crate) mod template_world {
    wasmtime::component::bindgen!({
        path: ["../../wit/0.1.0/types", "../../wit/0.1.0/log", "../../wit/0.1.0/credential-template"],
        world: "chancery:credential-template/credential-template",
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

pub(crate) mod policy_world {
    wasmtime::component::bindgen!({
        path: ["../../wit/0.1.0/types", "../../wit/0.1.0/log", "../../wit/0.1.0/onboarding-policy"],
        world: "chancery:onboarding-policy/onboarding-policy",
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "chancery:types/types": crate::bindings::template_world::chancery::types::types,
            "chancery:log/log": crate::bindings::template_world::chancery::log::log,
        },
    });
}

pub(crate) mod license_world {
    wasmtime::component::bindgen!({
        path: ["../../wit/0.1.0/types", "../../wit/0.1.0/log", "../../wit/0.1.0/license"],
        world: "chancery:license/license-plugin",
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "chancery:types/types": crate::bindings::template_world::chancery::types::types,
            "chancery:log/log": crate::bindings::template_world::chancery::log::log,
        },
    });
}

pub(crate) use license_world::{LicensePluginPre, exports::chancery::license::license};
pub(crate) use policy_world::{OnboardingPolicyPre, exports::chancery::onboarding_policy::policy};
pub(crate) use template_world::{
    CredentialTemplate, CredentialTemplatePre,
    chancery::{log::log as log_import, types::types},
    exports::chancery::credential_template::template,
};
