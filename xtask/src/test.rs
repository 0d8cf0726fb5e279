//! `cargo xtask test`: every check, in the order in which they are cheap to fail.
//!
//! CI calls exactly this, so what passes here passes there.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::announce::seconds;
use crate::command::{openly, output};
use crate::setup::checks::Tools;
use crate::setup::{self, wasm};
use crate::workspace::Workspace;
use crate::{demo, links as documents, plugins, queries};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the tests whose names contain this, and no other check.
    filter: Option<String>,
    /// Run one check alone.
    #[arg(long, value_name = "CHECK", conflicts_with = "filter", value_parser = names())]
    only: Option<String>,
}

/// Everything a check may need.
struct Bench {
    workspace: Workspace,
    toolchain: wasm::Toolchain,
    tools: Tools,
    filter: Option<String>,
}

struct Check {
    name: &'static str,
    title: &'static str,
    run: fn(&Bench) -> Result<()>,
}

const CHECKS: [Check; 13] = [
    Check { name: "fmt", title: "the code is formatted", run: fmt },
    Check { name: "links", title: "documents name files that exist", run: links },
    Check { name: "components", title: "the plugins become components", run: components },
    Check { name: "clippy", title: "clippy has nothing to say", run: clippy },
    Check { name: "doc", title: "the documentation has no broken link", run: doc },
    Check { name: "deny", title: "licences, banned crates, sources", run: deny },
    Check { name: "plugins", title: "the plugins: format, clippy, tests", run: plugin_workspace },
    Check { name: "queries", title: "the SQL metadata is fresh", run: sql_metadata },
    Check { name: "vectors", title: "the golden vectors, made again by other code", run: vectors },
    Check { name: "build", title: "everything builds", run: build },
    Check { name: "strangers", title: "other people's wallet and reader build", run: strangers },
    Check { name: "tests", title: "the tests", run: tests },
    Check { name: "demo", title: "the demo, once", run: demo_once },
];

fn names() -> impl clap::builder::TypedValueParser {
    clap::builder::PossibleValuesParser::new(CHECKS.map(|check| check.name))
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let tools = setup::testing(workspace)?;
    let (workspace, toolchain) = setup::running(workspace)?;
    let bench = Bench { workspace, toolchain, tools, filter: arguments.filter.clone() };
    let chosen = chosen(arguments);
    let started = Instant::now();
    for (done, check) in chosen.iter().enumerate() {
        println!("\n── {}/{} {}: {}", done + 1, chosen.len(), check.name, check.title);
        let began = Instant::now();
        (check.run)(&bench).with_context(|| {
            format!("the check `{0}` failed (alone: `cargo xtask test --only {0}`)", check.name)
        })?;
        println!("   {} passed in {}", check.name, seconds(began.elapsed()));
    }
    let plural = if chosen.len() == 1 { "" } else { "s" };
    println!("\n{} step{plural} passed in {}", chosen.len(), seconds(started.elapsed()));
    Ok(())
}

/// A check alone still gets what it stands on; a filter asks for tests, and what they run.
fn chosen(arguments: &Arguments) -> Vec<&'static Check> {
    let wanted: &[&str] = match (&arguments.only, &arguments.filter) {
        (Some(only), _) if only == "tests" => &["components", "build", "strangers", "tests"],
        (Some(only), _) if only == "demo" => &["components", "build", "demo"],
        (Some(only), _) => &[only],
        (None, Some(_)) => &["components", "build", "strangers", "tests"],
        (None, None) => return CHECKS.iter().collect(),
    };
    CHECKS.iter().filter(|check| wanted.contains(&check.name)).collect()
}

fn fmt(bench: &Bench) -> Result<()> {
    openly(bench.workspace.cargo("fmt").args(["--all", "--check"]))?;
    openly(bench.workspace.cargo("fmt").args(STRANGERS).arg("--check"))
}

fn links(bench: &Bench) -> Result<()> {
    documents::check(&bench.workspace)
}

fn components(bench: &Bench) -> Result<()> {
    plugins::build(&bench.workspace, &bench.toolchain)?;
    plugins::guests::build(&bench.workspace)
}

/// The workshop is looked at apart: the features that it asks of shared crates would otherwise make
/// `test` build what `demo` has built once more.
const HOUSE: [&str; 3] = ["--workspace", "--exclude", "xtask"];
const WORKSHOP: [&str; 2] = ["--package", "xtask"];
/// Other people's wallet and reader.
const STRANGERS: [&str; 2] = ["--manifest-path", "tests/strangers/Cargo.toml"];

fn clippy(bench: &Bench) -> Result<()> {
    for packages in [HOUSE.as_slice(), WORKSHOP.as_slice()] {
        openly(bench.workspace.cargo("clippy").args(packages).args([
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))?;
    }
    Ok(())
}

fn doc(bench: &Bench) -> Result<()> {
    openly(bench.workspace.cargo("doc").args(["--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny(bench: &Bench) -> Result<()> {
    let rules = bench.workspace.root().join("deny.toml");
    // The plugins are allowed every licence that the house is, but do not need them all.
    for (manifest, unused) in [("Cargo.toml", "--warn"), ("plugins/Cargo.toml", "--allow")] {
        openly(
            bench
                .workspace
                .command(&bench.tools.deny)
                .args(["--workspace", "--all-features", "--manifest-path", manifest, "--config"])
                .arg(&rules)
                .args(["check", "--hide-inclusion-graph", unused, "license-not-encountered"])
                .args(["licenses", "bans", "sources"]),
        )?;
    }
    Ok(())
}

/// Natively: the logic of a plugin is ordinary Rust, and is tested as such.
fn plugin_workspace(bench: &Bench) -> Result<()> {
    let cargo = |verb: &str| {
        let mut command = bench.workspace.cargo(verb);
        command.current_dir(bench.workspace.root().join("plugins"));
        command
    };
    // Without `--all`, which would follow the path to the SDK into the other workspace.
    openly(cargo("fmt").arg("--check"))?;
    openly(cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    openly(test_runner(bench, cargo).arg("--workspace"))
}

fn sql_metadata(bench: &Bench) -> Result<()> {
    queries::check(&bench.workspace)
}

fn vectors(bench: &Bench) -> Result<()> {
    let vectors = bench.workspace.root().join("host/credential/vectors");
    let said = output(
        bench.workspace.command(&bench.tools.python).arg("generate.py").arg("--check").current_dir(vectors),
    )?;
    print!("{said}");
    Ok(())
}

fn build(bench: &Bench) -> Result<()> {
    // With the tests, although they follow: one choice of features, so nothing is built twice.
    openly(bench.workspace.cargo("build").args(HOUSE).arg("--all-targets"))?;
    // A program of its own, because of what it brings along; the tests run it.
    let mut strangers = bench.workspace.cargo("build");
    strangers.arg("--locked").args(STRANGERS);
    openly(strangers.arg("--target-dir").arg(bench.workspace.target().join("strangers")))
}

/// A workspace of its own, because of what it brings along. The tests that run it would build it too,
/// and be ended for taking so long.
fn strangers(bench: &Bench) -> Result<()> {
    openly(
        bench
            .workspace
            .cargo("build")
            .args(["--quiet", "--locked", "--manifest-path", "tests/strangers/Cargo.toml", "--target-dir"])
            .arg(bench.workspace.target().join("strangers")),
    )
}

fn tests(bench: &Bench) -> Result<()> {
    let cargo = |verb: &str| bench.workspace.cargo(verb);
    let Some(filter) = &bench.filter else {
        openly(test_runner(bench, cargo).args(WORKSHOP))?;
        return openly(test_runner(bench, cargo).args(HOUSE));
    };
    openly(test_runner(bench, cargo).args(HOUSE).arg(filter))
}

fn test_runner(bench: &Bench, cargo: impl Fn(&str) -> Command) -> Command {
    let mut runner = if bench.tools.nextest {
        let mut nextest = cargo("nextest");
        nextest.args(["run", "--no-tests=warn"]);
        nextest
    } else {
        cargo("test")
    };
    runner.env("CHANCERY_TEST_PYTHON", &bench.tools.python);
    runner
}

fn demo_once(bench: &Bench) -> Result<()> {
    demo::once(&bench.workspace)
}
