//! `chancery plugin dev`: whenever a file of a plugin changes it is built and tested anew, and what is different from
//! before is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chancery_engine::{SelfTest, Verdict};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{build, test};
use crate::arguments::Output;
use crate::failure::Failure;
use crate::output;

/// How often is looked for changes. Looking is cheap, and works on every file system.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is made of the sources, or kept beside them, is none.
const NO_SOURCES: [&str; 4] = ["target", "node_modules", "__pycache__", "results"];

/// Goes on until it is stopped.
pub(super) async fn dev(folder: &Path, cases: Option<&Path>) -> Result<(), Failure> {
    let in_folder = folder.join(test::CASES);
    let mut before = Verdicts::new();
    loop {
        let seen = Sources::of(folder, cases);
        let chosen = cases.or_else(|| in_folder.is_dir().then_some(in_folder.as_path()));
        match round(folder, chosen).await {
            Ok(tests) => {
                let now = verdicts(&tests);
                output::data(&told(&before, &now))?;
                before = now;
            }
            // That nothing can be built with will not mend itself; what the author wrote will be mended.
            Err(failure @ (Failure::Configuration { .. } | Failure::Machine(_))) => return Err(failure),
            Err(failure) => failure.report(Output::Text),
        }
        output::talk("waiting for a change; Ctrl-C stops it");
        seen.change(folder, cases).await;
    }
}

async fn round(folder: &Path, cases: Option<&Path>) -> Result<SelfTest, Failure> {
    let began = Instant::now();
    let component = build::make(folder, None)?;
    let built = began.elapsed();
    let (report, tests) = test::run(&component, cases, false).await?;
    let tested = began.elapsed().saturating_sub(built);
    output::talk(&format!(
        "{}: {} bytes, built in {built:.1?}, tested in {tested:.1?}",
        component.display(),
        report.size
    ));
    Ok(tests)
}

/// What each case showed, by what it is to show.
type Verdicts = BTreeMap<String, Verdict>;

fn verdicts(tests: &SelfTest) -> Verdicts {
    tests.cases.iter().map(|case| (case.claim.clone(), case.verdict.clone())).collect()
}

/// The cases that go otherwise than before, and how many pass.
fn told(before: &Verdicts, now: &Verdicts) -> String {
    let mut text = String::new();
    for (claim, verdict) in now {
        if before.get(claim).unwrap_or(&Verdict::Passed) == verdict {
            continue;
        }
        let claim = output::plain(claim);
        let _ = match verdict {
            Verdict::Passed => writeln!(text, "  passes now   {claim}"),
            verdict => {
                let verdict = serde_json::to_string_pretty(&json!(verdict)).unwrap_or_default();
                writeln!(text, "  FAILS NOW    {claim}\n{verdict}")
            }
        };
    }
    for claim in before.keys().filter(|claim| !now.contains_key(*claim)) {
        let _ = writeln!(text, "  is gone      {}", output::plain(claim));
    }
    let passed = now.values().filter(|verdict| **verdict == Verdict::Passed).count();
    let _ = write!(text, "{passed} of {} pass", now.len());
    text
}

/// The files that a plugin is made of, as they were at one moment.
#[derive(PartialEq)]
struct Sources(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    fn of(folder: &Path, cases: Option<&Path>) -> Self {
        let mut files = BTreeMap::new();
        let mut open: Vec<PathBuf> = std::iter::once(folder).chain(cases).map(Path::to_owned).collect();
        while let Some(folder) = open.pop() {
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(about) = entry.metadata() else { continue };
                if name.starts_with('.') || NO_SOURCES.contains(&name.as_str()) {
                    continue;
                }
                if about.is_dir() {
                    open.push(entry.path());
                } else if !is_made(&name) {
                    files.insert(entry.path(), (about.modified().ok(), about.len()));
                }
            }
        }
        Self(files)
    }

    /// Comes back when they are others, and have been the same for a moment: editors write in several steps.
    async fn change(&self, folder: &Path, cases: Option<&Path>) {
        let mut latest = Self::of(folder, cases);
        loop {
            sleep(LOOK_EVERY).await;
            let now = Self::of(folder, cases);
            if now == latest && now != *self {
                return;
            }
            latest = now;
        }
    }
}

/// What a build writes beside the sources.
fn is_made(name: &str) -> bool {
    name == "Cargo.lock" || [".wasm", ".part", ".pyc", "~"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(passed: &[&str], failed: &[&str]) -> Verdicts {
        let passed = passed.iter().map(|claim| ((*claim).to_owned(), Verdict::Passed));
        let failed = failed.iter().map(|claim| ((*claim).to_owned(), Verdict::NotRun));
        passed.chain(failed).collect()
    }

    #[test]
    fn only_what_goes_otherwise_is_told() {
        let told = told(&shown(&["a", "b", "gone"], &["c"]), &shown(&["a", "c"], &["b"]));
        assert!(told.contains("FAILS NOW    b") && told.contains("passes now   c"), "{told}");
        assert!(told.contains("is gone      gone") && told.ends_with("2 of 3 pass"), "{told}");
        assert!(!told.contains("   a"), "{told}");
    }

    #[tokio::test]
    async fn a_saved_file_is_a_change_and_what_a_build_leaves_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file("app.py", "one");
        let seen = Sources::of(folder.path(), None);
        std::fs::create_dir(folder.path().join("target")).unwrap();
        file("target/app.wasm", "made");
        file("card.wasm", "made");
        file("Cargo.lock", "made");
        assert!(seen == Sources::of(folder.path(), None), "it is what a build leaves");
        file("app.py", "another");
        tokio::time::timeout(Duration::from_secs(10), seen.change(folder.path(), None)).await.unwrap();
    }
}
