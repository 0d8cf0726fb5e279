//! The promise of `wit/README.md`: a plugin that was built against a released version loads under every later
//! one that is compatible by its number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use wit_component::semver_check;
use wit_parser::{PackageId, Resolve, WorldId};

fn wit() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// The folders of releases, the oldest first.
fn releases() -> Vec<((u64, u64, u64), PathBuf)> {
    let mut releases: Vec<_> = fs::read_dir(wit())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| (version(path.file_name().unwrap().to_str().unwrap()), path))
        .collect();
    releases.sort();
    releases
}

fn version(text: &str) -> (u64, u64, u64) {
    let parts: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
    let [major, minor, patch] = parts[..] else { panic!("{text} is no version") };
    (major, minor, patch)
}

/// Whether semver promises that what was built against one loads under the other.
fn compatible(one: (u64, u64, u64), other: (u64, u64, u64)) -> bool {
    if one.0 == 0 { (one.0, one.1) == (other.0, other.1) } else { one.0 == other.0 }
}

/// Every package of a release, those that others use first.
fn read(resolve: &mut Resolve, release: &Path) -> BTreeMap<String, PackageId> {
    let mut packages: Vec<PathBuf> =
        fs::read_dir(release).unwrap().map(|entry| entry.unwrap().path()).collect();
    packages.sort_by_key(|path| (!path.ends_with("types"), !path.ends_with("log"), path.clone()));
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    packages.iter().map(|path| (name(path), resolve.push_dir(path).unwrap().0)).collect()
}

/// The world of a package that has one.
fn world(resolve: &Resolve, package: PackageId) -> Option<WorldId> {
    resolve.packages[package].worlds.values().next().copied()
}

/// What is wrong with taking `next` for `previous`, hook by hook.
fn breaks(previous: &Path, next: &Path) -> Vec<String> {
    let mut resolve = Resolve::default();
    let (before, after) = (read(&mut resolve, previous), read(&mut resolve, next));
    let mut found = Vec::new();
    for (name, before) in before {
        let Some(before) = world(&resolve, before) else { continue };
        let Some(after) = after.get(&name).and_then(|after| world(&resolve, *after)) else {
            found.push(format!("{name} is gone"));
            continue;
        };
        if let Err(error) = semver_check(resolve.clone(), before, after) {
            found.push(format!("{name}: {error:#}"));
        }
    }
    found
}

#[test]
fn every_release_is_compatible_with_the_one_before_it() {
    let releases = releases();
    assert!(!releases.is_empty());
    for pair in releases.windows(2) {
        let [(before, previous), (after, next)] = pair else { unreachable!("windows of two") };
        if compatible(*before, *after) {
            assert_eq!(breaks(previous, next), [""; 0], "{} → {}", previous.display(), next.display());
        }
    }
}

/// What was released, and what it was then: lines of `sha256sum`.
fn released() -> BTreeMap<String, String> {
    let lines = fs::read_to_string(wit().join("released.sha256")).unwrap();
    let line = |line: &str| line.split_once("  ").map(|(digest, path)| (path.to_owned(), digest.to_owned()));
    lines.lines().map(|text| line(text).unwrap()).collect()
}

#[test]
fn what_was_released_stays_as_it_is() {
    let released = released();
    for (path, then) in &released {
        let now = digest(&SHA256, &fs::read(wit().join(path)).unwrap_or_default());
        assert_eq!(hex::encode(now), *then, "{path} was released; what is to change in it is a new version");
    }
    for (_, release) in releases() {
        let version = release.file_name().unwrap().to_str().unwrap();
        let files: BTreeSet<String> = walk(&release);
        let known: BTreeSet<String> =
            released.keys().filter(|path| path.starts_with(&format!("{version}/"))).cloned().collect();
        assert!(
            known.is_empty() || known == files,
            "{version} was released with {known:?} and has {files:?}"
        );
    }
}

/// Every file of a release, as `released.sha256` names it.
fn walk(release: &Path) -> BTreeSet<String> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let files = inside(release).into_iter().flat_map(|package| inside(&package));
    files.map(|file| file.strip_prefix(wit()).unwrap().to_str().unwrap().to_owned()).collect()
}

/// A copy of the latest release under the next number, with one text replaced by another.
fn planted(file: &str, text: &str, replacement: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (_, latest) = releases().pop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next");
    for package in fs::read_dir(&latest).unwrap().map(|entry| entry.unwrap().path()) {
        let copy = next.join(package.file_name().unwrap());
        fs::create_dir_all(&copy).unwrap();
        for path in fs::read_dir(package).unwrap().map(|entry| entry.unwrap().path()) {
            let mut wit = fs::read_to_string(&path).unwrap();
            if path.file_name().unwrap() == file {
                assert!(wit.contains(text), "{file} does not say `{text}`");
                wit = wit.replace(text, replacement);
            }
            let number = latest.file_name().unwrap().to_str().unwrap();
            fs::write(copy.join(path.file_name().unwrap()), wit.replace(number, "9.9.9")).unwrap();
        }
    }
    (folder, latest, next)
}

#[test]
fn what_breaks_compiled_plugins_is_found() {
    for (file, text, replacement) in [
        // One more field, and one less.
        ("types.wit", "    retryable: bool,", "    retryable: bool,\n    severity: u8,"),
        ("license.wit", "    licensee: option<string>,", ""),
        // One more case.
        ("onboarding-policy.wit", "    approve,", "    approve,\n    shrug,"),
        ("credential-template.wit", "    renew,", "    renew,\n    replace,"),
        // Another parameter, another function to export, one less to import.
        (
            "credential-template.wit",
            "describe: func(configuration: json)",
            "describe: func(configuration: json, locale: string)",
        ),
        ("license.wit", "  describe: func", "  revoke: func();\n  describe: func"),
        ("log.wit", "  write: func(level: level, message: string);", ""),
    ] {
        let (_folder, previous, next) = planted(file, text, replacement);
        assert!(!breaks(&previous, &next).is_empty(), "{file}: `{text}` → `{replacement}`");
    }
}

#[test]
fn what_breaks_nothing_is_not_found() {
    for (file, text, replacement) in [
        ("types.wit", "/// The label.", "/// The words."),
        // The host offers more.
        ("log.wit", "  write: func", "  flush: func();\n  write: func"),
    ] {
        let (_folder, previous, next) = planted(file, text, replacement);
        assert_eq!(breaks(&previous, &next), [""; 0], "{file}: `{text}` → `{replacement}`");
    }
}
