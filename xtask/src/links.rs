//! Documents that name a file name one that exists: links, and paths in code quotes.
//!
//! An architecture page that lists a file which moved is worse than none.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Folders whose Markdown is ours.
const FOLDERS: [&str; 8] = ["docs", "host", "migrations", "plugin-sdk", "plugins", "tests", "wit", "xtask"];

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let root = workspace.root();
    let mut documents = vec![root.join("README.md")];
    for folder in FOLDERS {
        collect(&root.join(folder), &mut documents)?;
    }
    let mut dead = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document)?;
        for (number, line) in text.lines().enumerate() {
            for named in named(line, document, root) {
                if !named.exists() {
                    dead.push(format!(
                        "{}:{}: {}",
                        workspace.near(document),
                        number + 1,
                        workspace.near(&named)
                    ));
                }
            }
        }
    }
    if dead.is_empty() {
        println!("{} documents name only files that exist", documents.len());
        return Ok(());
    }
    bail!("documents name files that do not exist:\n{}", dead.join("\n"))
}

fn collect(folder: &Path, documents: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, documents)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    Ok(())
}

/// The files that a line names: link targets from the document, quoted paths from the root.
fn named(line: &str, document: &Path, root: &Path) -> Vec<PathBuf> {
    let beside = document.parent().unwrap_or(root);
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links
        .filter(|target| {
            !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:")
        })
        .filter_map(|target| target.split('#').next())
        .map(|target| beside.join(target));
    let quoted =
        line.split('`').skip(1).step_by(2).filter(|quoted| is_path(quoted)).map(|path| root.join(path));
    links.chain(quoted).collect()
}

/// A path from the root, and not a pattern, a command or a module.
fn is_path(quoted: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let first = quoted.split('/').next().unwrap_or_default();
    quoted.contains('/')
        && FOLDERS.contains(&first)
        && quoted.chars().all(plain)
        && !quoted.contains("/target/")
        && !quoted.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named_in(line: &str) -> Vec<PathBuf> {
        named(line, Path::new("/root/docs/page.md"), Path::new("/root"))
    }

    #[test]
    fn a_link_is_followed_from_its_document() {
        assert_eq!(
            named_in("see [it](decisions/one.md#why) there"),
            [Path::new("/root/docs/decisions/one.md")]
        );
        assert!(named_in("see [it](https://example.com/a) and [below](#below)").is_empty());
    }

    #[test]
    fn a_quoted_path_is_followed_from_the_root() {
        assert_eq!(named_in("open `host/cli/src/main.rs`."), [Path::new("/root/host/cli/src/main.rs")]);
        assert!(named_in("`wit/<version>` `cargo xtask/test` `plugins/target/x` `a/b`").is_empty());
    }
}
