//! The rules of the house that no compiler checks.
//!
//! Each rule is a function from a [`Tree`] to findings, so that its tests need no files. The whole runs as
//! `cargo xtask tidy` and as a test of this crate, so that `cargo test` alone refuses an untidy change.

mod arrows;
mod documents;
mod lock;
mod shape;
mod shipped;
mod words;

use std::process::Command;

use anyhow::Context;

use crate::root;

/// Where long files and functions are recorded that may not grow.
const RATCHET: &str = "xtask/ratchet.txt";

/// Runs every rule and prints the findings. With `record`, today's long files and functions are written down first.
pub(crate) fn verb(record: bool) -> anyhow::Result<bool> {
    let tree = Tree::load()?;
    if record {
        std::fs::write(root().join(RATCHET), shape::Ratchet::record(&tree).to_string())?;
    }
    let findings = findings(&Tree::load()?)?;
    for finding in &findings {
        eprintln!("{}", finding.text);
    }
    println!("tidy: {} files, {} findings", tree.files.len(), findings.len());
    Ok(findings.is_empty())
}

fn findings(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let ratchet = shape::Ratchet::read(tree.text(RATCHET).unwrap_or_default())?;
    let mut findings = arrows::check(&arrows::packages()?);
    findings.extend(shipped::check()?);
    findings.extend(shape::check(tree, &ratchet));
    findings.extend(words::check(tree));
    findings.extend(lock::check(tree));
    findings.extend(documents::check(tree));
    findings.sort();
    Ok(findings)
}

/// One thing to mend: `path:line: what`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    text: String,
}

impl Finding {
    fn at(path: &str, line: usize, what: &str) -> Self {
        Self { text: format!("{path}:{line}: {what}") }
    }

    fn of(path: &str, what: &str) -> Self {
        Self { text: format!("{path}: {what}") }
    }
}

/// The text files of the repository, sorted by path.
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    path: String,
    text: String,
}

impl Tree {
    /// What git tracks or would track. Binary files are left out.
    fn load() -> anyhow::Result<Self> {
        let output = Command::new("git")
            .current_dir(root())
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("git lists the files")?;
        anyhow::ensure!(output.status.success(), "git ls-files failed");
        let mut files = Vec::new();
        for path in String::from_utf8(output.stdout)?.split('\0').filter(|path| !path.is_empty()) {
            // A file that is deleted but not yet committed is still listed.
            let Ok(bytes) = std::fs::read(root().join(path)) else { continue };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { files })
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Tree, findings};

    #[test]
    fn this_repository_is_tidy() {
        let tree = Tree::load().expect("git lists this repository");
        assert_eq!(findings(&tree).expect("every rule can run"), []);
    }
}
