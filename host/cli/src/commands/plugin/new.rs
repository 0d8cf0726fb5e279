//! `chancery plugin new`: a folder to begin with, from the templates that this program carries; no network is asked.

mod templates;

use std::path::Path;

use self::templates::File;
use crate::arguments::{Lang, NewPlugin};
use crate::failure::Failure;
use crate::output;

/// Where the SDK is found if nobody says.
const SDK: &str = "git = \"https://github.com/chancery-issuer/chancery\"";

/// Makes the plugin in a new folder of its name.
pub(super) fn new(asked: &NewPlugin) -> Result<(), Failure> {
    let name = asked.name.as_str();
    if !is_name(name) {
        return Err(Failure::Usage {
            found: format!("{name:?} is no name for a plugin"),
            fix: "use small letters, digits and hyphens, a letter first, at most 64 of them".into(),
        });
    }
    let folder = asked.folder.clone().unwrap_or_else(|| name.into());
    if folder.exists() {
        return Err(Failure::Usage {
            found: format!("{} exists", folder.display()),
            fix: "choose another name, or another place with --folder".into(),
        });
    }
    let files: &[File] = templates::of(asked.lang, asked.kind).ok_or_else(|| Failure::Usage {
        found: "there is no template of a licence plugin in that language".into(),
        fix: "choose --lang rust: what a signature takes is there".into(),
    })?;
    let sdk = asked.sdk.as_deref().map_or_else(|| SDK.to_owned(), path_of);
    for (file, text) in files {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, filled(text, name, &sdk))?;
    }
    output::talk(match asked.lang {
        Lang::Rust => "next: cargo test, then chancery plugin build, check and push",
        Lang::Python => {
            "next: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt, then chancery plugin build, \
             check and push"
        }
        Lang::Javascript => "next: npm install, then chancery plugin build, check and push",
    });
    output::data(&folder.display().to_string())?;
    Ok(())
}

fn path_of(sdk: &Path) -> String {
    let sdk = std::path::absolute(sdk).unwrap_or_else(|_| sdk.to_owned());
    format!("path = {:?}", sdk.display().to_string())
}

fn filled(text: &str, name: &str, sdk: &str) -> String {
    text.replace("{{project-name | upper_camel_case}}", &camel_case(name))
        .replace("{{project-name}}", name)
        .replace("{{sdk}}", sdk)
}

/// `membership-card` as a type is called: `MembershipCard`.
fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Kind;

    #[test]
    fn nothing_of_a_template_is_left_unfilled() {
        for (file, text) in templates::all() {
            let filled = filled(text, "membership-card", SDK);
            assert!(!filled.contains("{{"), "{file}: {filled}");
        }
        assert_eq!(camel_case("membership-card-2"), "MembershipCard2");
    }

    #[test]
    fn a_name_that_is_none_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "Card", "../card", "2-cards", "card_x"] {
            let asked = NewPlugin {
                name: name.to_owned(),
                kind: Kind::Template,
                lang: Lang::Rust,
                folder: Some(folder.path().join("made")),
                sdk: None,
            };
            assert!(new(&asked).is_err(), "{name:?}");
        }
        assert!(!folder.path().join("made").exists());
    }
}
