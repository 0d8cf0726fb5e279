//! `chancery plugin test`: the examples in a component, and the cases beside it.

use std::path::{Path, PathBuf};

use chancery_engine::{Component, Report, SelfTest, TestCase, Verdict};
use serde_json::{Value, json};

use super::here::{examine, told, told_of};
use super::{junit, read_json};
use crate::arguments::Output;
use crate::failure::Failure;
use crate::output;

/// Where cases are if nobody says.
pub(super) const CASES: &str = "cases";

/// What somebody asks for.
pub(super) struct Asked<'a> {
    pub(super) cases: Option<&'a Path>,
    pub(super) update: bool,
    pub(super) junit: Option<&'a Path>,
}

pub(super) async fn test(file: &Path, asked: &Asked<'_>, form: Output) -> Result<(), Failure> {
    let (report, tests) = run(file, asked.cases, asked.update).await?;
    if let Some(path) = asked.junit {
        std::fs::write(path, junit::results(&report, &tests))?;
    }
    match form {
        Output::Json => output::data(&json!(tests).to_string())?,
        Output::Text => {
            let cases: String = tests.cases.iter().map(told_of).collect();
            output::data(&cases)?;
        }
    }
    if tests.cases.is_empty() {
        output::talk("the component carries no examples, and there are no cases");
    }
    match tests.cases.iter().filter(|case| case.verdict != Verdict::Passed).count() {
        0 => Ok(()),
        failed => Err(Failure::Plugin { found: format!("{failed} of {} failed", tests.cases.len()) }),
    }
}

/// Runs everything there is.
pub(super) async fn run(
    file: &Path,
    folder: Option<&Path>,
    update: bool,
) -> Result<(Report, SelfTest), Failure> {
    let (mut report, component) = examine(file).await?;
    let (Some(mut tests), Some(component)) = (report.self_test.take(), component) else {
        output::data(&told(&report))?;
        return Err(Failure::Plugin { found: "the plugin cannot be run".into() });
    };
    for path in files(folder)? {
        tests.cases.push(try_one(&component, &path, update).await?);
    }
    Ok((report, tests))
}

/// The cases of a folder, in the order of their names. That nobody made one is no mistake, that the one that was
/// named is missing is.
fn files(folder: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let named = folder.unwrap_or(Path::new(CASES));
    let entries = match named.read_dir() {
        Ok(entries) => entries,
        Err(_) if folder.is_none() => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::Usage {
                found: format!("{} cannot be read: {error}", named.display()),
                fix: "give the folder with the cases, a JSON file each".into(),
            });
        }
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    Ok(files)
}

async fn try_one(component: &Component, path: &Path, update: bool) -> Result<TestCase, Failure> {
    let document: Value = read_json(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let tried = component.try_case(&name, &document).await.map_err(|why| Failure::Usage {
        found: format!("{} is no case: {why}", path.display()),
        fix: "write it like the examples in vectors/".into(),
    })?;
    let mut case = tried.case;
    // What does not go the same way twice is nothing to expect.
    let may_be = !matches!(case.verdict, Verdict::Passed | Verdict::NotDeterministic(_));
    if let (true, true, Some(updated)) = (update, may_be, &tried.updated) {
        let text = serde_json::to_string_pretty(updated).unwrap_or_default();
        std::fs::write(path, format!("{text}\n"))?;
        output::talk(&format!("{} expects now what the component answers", path.display()));
        case.verdict = Verdict::Passed;
    }
    Ok(case)
}
