//! Running other programs: in the open, or with their words kept back unless they fail.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::announce::Step;

/// The last lines of a failed program's output that are worth showing.
const TAIL: usize = 60;

/// Runs a program to its end and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = name(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("failed to start {name}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}):\n{}", output.status, tail(&format!("{stdout}{stderr}")));
    }
    Ok(stdout)
}

/// Runs a program whose output people want to see.
pub(crate) fn openly(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("failed to start {name}"))?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status})") }
}

/// Runs a program under a step: the step tells its latest line, a failure tells all.
pub(crate) fn within(step: &Step, log: &Path, command: &mut Command) -> Result<()> {
    let name = name(command);
    let file = File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {name}"))?;
    let mut lines = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            step.tell(line.trim());
            lines.push(line);
        }
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let stdout = std::fs::read_to_string(log).unwrap_or_default();
    bail!("{name} failed ({status}):\n{}", tail(&format!("{stdout}{}", lines.join("\n"))))
}

/// Whether a program starts and says that it is well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program and its first words, as one would type it.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let words = command.get_args().take(3).map(|word| word.to_string_lossy().into_owned());
    format!("`{}`", std::iter::once(program).chain(words).collect::<Vec<_>>().join(" "))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}
