//! The templates that this program carries, each a list of files.

use crate::arguments::{Kind, Lang};

/// A file of a template, below the plugin's folder.
pub(super) type File = (&'static str, &'static str);

macro_rules! template {
    ($folder:literal, $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../../../plugin-sdk/template/", $folder, "/", $file)))),+]
    };
}

const CREDENTIAL_TEMPLATE: &[File] = template!(
    "credential-template",
    "Cargo.toml",
    "README.md",
    ".gitignore",
    "src/lib.rs",
    "vectors/a-member.json",
    "vectors/not-yet-a-member.json",
    "cases/a-member-for-long.json",
);

const ONBOARDING_POLICY: &[File] = template!(
    "onboarding-policy",
    "Cargo.toml",
    "README.md",
    ".gitignore",
    "src/lib.rs",
    "vectors/there-is-none.json",
    "vectors/there-is-room.json",
    "cases/a-tenant-too-many.json",
);

const LICENSE: &[File] = template!(
    "license",
    "Cargo.toml",
    "README.md",
    ".gitignore",
    "src/lib.rs",
    "vectors/no-document.json",
    "vectors/it-holds.json",
    "vectors/it-has-expired.json",
    "vectors/no-place-left.json",
    "cases/half-of-it-is-missing.json",
);

const PYTHON_CREDENTIAL_TEMPLATE: &[File] = template!(
    "python/credential-template",
    "app.py",
    "plugin.json",
    "requirements.txt",
    "README.md",
    ".gitignore",
    "vectors/a-member.json",
    "vectors/not-yet-a-member.json",
    "cases/a-member-for-long.json",
);

const PYTHON_ONBOARDING_POLICY: &[File] = template!(
    "python/onboarding-policy",
    "app.py",
    "plugin.json",
    "requirements.txt",
    "README.md",
    ".gitignore",
    "vectors/there-is-none.json",
    "vectors/there-is-room.json",
    "cases/a-tenant-too-many.json",
);

const JAVASCRIPT_CREDENTIAL_TEMPLATE: &[File] = template!(
    "javascript/credential-template",
    "plugin.js",
    "plugin.json",
    "package.json",
    "README.md",
    ".gitignore",
    "vectors/a-member.json",
    "vectors/not-yet-a-member.json",
    "cases/a-member-for-long.json",
);

const JAVASCRIPT_ONBOARDING_POLICY: &[File] = template!(
    "javascript/onboarding-policy",
    "plugin.js",
    "plugin.json",
    "package.json",
    "README.md",
    ".gitignore",
    "vectors/there-is-none.json",
    "vectors/there-is-room.json",
    "cases/a-tenant-too-many.json",
);

/// The files of a template, if there is one. A licence is read under a signature, and what verifies one is in Rust.
pub(super) fn of(lang: Lang, kind: Kind) -> Option<&'static [File]> {
    match (lang, kind) {
        (Lang::Rust, Kind::Template) => Some(CREDENTIAL_TEMPLATE),
        (Lang::Rust, Kind::Policy) => Some(ONBOARDING_POLICY),
        (Lang::Rust, Kind::License) => Some(LICENSE),
        (Lang::Python, Kind::Template) => Some(PYTHON_CREDENTIAL_TEMPLATE),
        (Lang::Python, Kind::Policy) => Some(PYTHON_ONBOARDING_POLICY),
        (Lang::Javascript, Kind::Template) => Some(JAVASCRIPT_CREDENTIAL_TEMPLATE),
        (Lang::Javascript, Kind::Policy) => Some(JAVASCRIPT_ONBOARDING_POLICY),
        (Lang::Python | Lang::Javascript, Kind::License) => None,
    }
}

/// Every file of every template.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static File> {
    let kinds = [Kind::Template, Kind::Policy, Kind::License];
    let every = [Lang::Rust, Lang::Python, Lang::Javascript]
        .into_iter()
        .flat_map(move |lang| kinds.into_iter().filter_map(move |kind| of(lang, kind)));
    every.flatten()
}
