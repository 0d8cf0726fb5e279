//! The invariants of the house that can be read off its files

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_tests::answer::text;
use serde_json::Value;

/// Each crate, and the crates of the house that it may name. Nothing else points anywhere.
const ARROWS: [(&str, &[&str]); 13] = [
    ("chancery-protocol", &[]),
    ("chancery-domain", &["chancery-protocol"]),
    ("chancery-credential", &["chancery-domain", "chancery-protocol"]),
    ("chancery-store", &["chancery-domain", "chancery-protocol"]),
    ("chancery-engine", &["chancery-domain", "chancery-protocol"]),
    (
        "chancery-server",
        &["chancery-store", "chancery-engine", "chancery-credential", "chancery-domain", "chancery-protocol"],
    ),
    // Of the three in the middle it needs two: for its wallet, and for plugins on this machine.
    (
        "chancery",
        &[
            "chancery-server",
            "chancery-engine",
            "chancery-credential",
            "chancery-domain",
            "chancery-protocol",
        ],
    ),
    ("chancery-plugin-sdk", &[]),
    ("xtask", &[]),
    // Customers: they go in by the door.
    ("chancery-tests", &["chancery-domain", "chancery-guests"]),
    // Measures the parts too.
    (
        "chancery-bench",
        &[
            "chancery",
            "chancery-store",
            "chancery-engine",
            "chancery-credential",
            "chancery-domain",
            "chancery-protocol",
            "chancery-guests",
        ],
    ),
    // Files: they know no host.
    ("chancery-guests", &[]),
    ("employee-badge", &["chancery-plugin-sdk"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The packages of a workspace, and what each depends on; tests and their tools aside.
fn dependencies(manifest: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root().join(manifest))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let shipped = |dependency: &&Value| dependency["kind"] != "dev";
            let named = package["dependencies"].as_array().unwrap().iter().filter(shipped);
            (text(&package["name"]), named.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

/// The Rust files below a directory, with what they say.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{directory} has no source");
    files
}

/// Lines of code, without remarks: `file:line: text`.
fn lines_with<'a>(
    files: &'a [(String, String)],
    words: &'a [&'a str],
) -> impl Iterator<Item = (&'a str, String)> {
    files.iter().flat_map(move |(name, source)| {
        source
            .lines()
            .enumerate()
            .filter(move |(_, line)| {
                let code = line.split("//").next().unwrap_or_default();
                words.iter().any(|word| code.contains(word))
            })
            .map(move |(number, line)| (name.as_str(), format!("{name}:{}: {}", number + 1, line.trim())))
    })
}

/// Fails with the lines that hold one of the words outside of the places that may.
#[track_caller]
fn only_in(places: &[&str], directory: &str, words: &[&str]) {
    let files = sources(directory);
    let elsewhere: Vec<String> = lines_with(&files, words)
        .filter(|(name, _)| !places.iter().any(|place| name.starts_with(place)))
        .filter(|(name, _)| !name.contains("/tests/") && !name.ends_with("tests.rs"))
        .map(|(_, line)| line)
        .collect();
    assert!(elsewhere.is_empty(), "{words:?} has no place in\n{}", elsewhere.join("\n"));
}

#[test]
fn the_arrows_point_one_way() {
    let mut packages = dependencies("Cargo.toml");
    packages.extend(dependencies("plugins/Cargo.toml"));
    let house: BTreeSet<String> = packages.keys().cloned().collect();
    for (package, named) in &packages {
        let of_the_house: BTreeSet<&str> =
            named.iter().filter(|name| house.contains(*name)).map(String::as_str).collect();
        let allowed = match ARROWS.iter().find(|(name, _)| name == package) {
            Some((_, allowed)) => *allowed,
            // Every other package is a plugin.
            None => &["chancery-plugin-sdk"],
        };
        let forbidden: Vec<_> = of_the_house.iter().filter(|name| !allowed.contains(name)).collect();
        assert!(forbidden.is_empty(), "{package} → {forbidden:?}");
    }
}

#[test]
fn words_and_meaning_do_no_input_or_output() {
    let packages = dependencies("Cargo.toml");
    for package in ["chancery-protocol", "chancery-domain"] {
        for heavy in ["tokio", "axum", "sqlx", "reqwest", "wasmtime", "hyper", "rustix", "aws-lc-rs"] {
            assert!(!packages[package].contains(heavy), "{package} → {heavy}");
        }
    }
    let words = ["std::fs", "std::net", "std::env", "std::process", "std::thread", "File::", "println!"];
    only_in(&[], "host/protocol/src", &words);
    only_in(&[], "host/domain/src", &words);
}

#[test]
fn each_heavy_dependency_has_one_owner() {
    let packages = dependencies("Cargo.toml");
    for (dependency, owners) in [
        ("sqlx", &["chancery-store", "chancery-bench"][..]),
        ("wasmtime", &["chancery-engine"]),
        ("aws-lc-rs", &["chancery-credential", "chancery-engine", "chancery-tests", "chancery-bench"]),
        ("axum", &["chancery-server"]),
        ("clap", &["chancery", "xtask", "chancery-bench"]),
        // A server opens connections in one module only, see below.
        ("reqwest", &["chancery", "chancery-server", "chancery-tests", "chancery-bench"]),
    ] {
        for (package, named) in &packages {
            let may = owners.contains(&package.as_str());
            assert!(may || !named.contains(dependency), "{package} → {dependency}");
        }
    }
}

#[test]
fn only_the_store_speaks_sql() {
    only_in(&["host/store/"], "host", &["sqlx::", "query!(", "query_as!(", "query_scalar!(", "raw_sql("]);
    // Text that a database would execute, whoever sends it.
    let files = sources("host");
    for (name, source) in files.iter().filter(|(name, _)| !name.starts_with("host/store/")) {
        for line in source.lines().map(|line| line.split("//").next().unwrap_or_default()) {
            let statement =
                ["\"select ", "\"insert into ", "\"update ", "\"delete from ", "\"begin", "\"set local"];
            let lowered = line.to_lowercase();
            assert!(!statement.iter().any(|words| lowered.contains(words)), "{name}: {line}");
        }
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let words = ["env::var", "env::vars", "env!(\"CHANCERY"];
    only_in(&["host/server/src/config/"], "host", &words);
}

#[test]
fn a_server_opens_no_connection() {
    let words = ["TcpStream::connect", "UdpSocket", "reqwest", "hyper_util::client", "lookup_host"];
    for directory in ["host/server", "host/engine", "host/credential"] {
        only_in(&["host/server/src/egress"], directory, &words);
    }
}

#[test]
fn only_the_caller_turns_a_header_into_an_identity() {
    // Of the other places one allows the header to browsers, one writes it where we are the client.
    let credentials = "host/server/src/egress/credentials.rs";
    let places = ["host/server/src/caller/", "host/server/src/middleware.rs", credentials];
    only_in(&places, "host/server/src", &["AUTHORIZATION", "\"authorization\"", "\"dpop\""]);
}

#[test]
fn only_the_store_permits_a_signature() {
    only_in(&["host/store/", "host/domain/"], "host", &["from_committed_intent"]);
    // Samples are signed with a key that is made on the spot.
    let preview = "host/server/src/operations/preview_credential.rs";
    only_in(&[preview, "host/domain/"], "host", &["of_a_sample"]);
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    for (name, source) in sources("host") {
        let lines = source.lines().count();
        assert!(lines <= 500, "{name} has {lines} lines");
    }
}

#[test]
fn a_module_begins_with_its_purpose() {
    for directory in ["host", "tests", "xtask", "plugin-sdk"] {
        for (name, source) in sources(directory) {
            assert!(source.starts_with("//! "), "{name} does not say what it is for");
        }
    }
}

#[test]
fn tests_mirror_what_they_test() {
    for part in ["wallet", "manage"] {
        for entry in fs::read_dir(root().join("tests/it").join(part)).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let stem = name.trim_end_matches(".rs");
            let module = root().join("host/server/src").join(part);
            let exists = module.join(format!("{stem}.rs")).is_file() || module.join(stem).is_dir();
            assert!(exists || stem == "mod", "tests/it/{part}/{name} mirrors nothing in the server");
        }
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let here = root().display().to_string();
    for directory in ["host", "tests", "xtask", "plugin-sdk", "plugins"] {
        for (name, source) in sources(directory) {
            assert!(!source.contains(&here), "{name} names {here}");
        }
    }
}
