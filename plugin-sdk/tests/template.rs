//! What `plugin new` and cargo-generate make of the templates compiles, and does what its examples say.
#![expect(clippy::unwrap_used, reason = "this is how a test fails, helpers included")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const KINDS: [&str; 3] = ["credential-template", "onboarding-policy", "license"];

fn sdk() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Fills a template in, as cargo-generate does.
fn generate(kind: &str, name: &str, into: &Path) {
    let template = sdk().join("template").join(kind);
    let mut camel = String::new();
    for word in name.split('-') {
        let (first, rest) = word.split_at(1);
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    for file in files(&template) {
        let text = fs::read_to_string(&file)
            .unwrap()
            .replace("{{project-name | upper_camel_case}}", &camel)
            .replace("{{project-name}}", name)
            .replace("{{sdk}}", &format!("path = '{}'", sdk().display()));
        assert!(!text.contains("{{"), "{} has a placeholder that nobody knows", file.display());
        let made = into.join(file.strip_prefix(&template).unwrap());
        fs::create_dir_all(made.parent().unwrap()).unwrap();
        // A file that did not change is not compiled again.
        if fs::read_to_string(&made).ok().as_deref() != Some(&*text) {
            fs::write(made, text).unwrap();
        }
    }
}

#[test]
fn every_template_compiles_and_does_what_its_examples_say() {
    let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
    for kind in KINDS {
        generate(kind, &format!("my-{kind}"), &workspace.join(kind));
    }
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {KINDS:?}\n");
    fs::write(workspace.join("Cargo.toml"), manifest).unwrap();
    // The very versions that the SDK is built with, which are on this machine already.
    fs::copy(sdk().join("../Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tested = Command::new(cargo)
        .args(["test", "--offline", "--quiet", "--workspace", "--lib"])
        .current_dir(&workspace)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    assert!(tested.status.success(), "{said}");
    assert_eq!(said.matches("test result: ok.").count(), KINDS.len(), "{said}");
    assert!(!said.contains("warning"), "{said}");
    assert!(!said.contains("0 passed"), "{said}");
}
