//! Files of at most 400 lines, functions of at most 70. Older giants are recorded in a ratchet: they may shrink.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context;

use super::{File, Finding, Tree};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Recorded lengths of what was too long when the rule came: `path LINES` or `path function LINES`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ratchet {
    lines: BTreeMap<String, usize>,
}

impl Ratchet {
    /// Reads the record; empty lines and lines that begin with `#` say nothing.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let mut lines = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, count) =
                line.rsplit_once(' ').with_context(|| format!("the ratchet's line `{line}`"))?;
            lines.insert(
                key.to_owned(),
                count.parse().with_context(|| format!("the ratchet's line `{line}`"))?,
            );
        }
        Ok(Self { lines })
    }

    /// Today's long files and functions.
    pub(super) fn record(tree: &Tree) -> Self {
        let measured = tree.rust_files().flat_map(measure);
        Self {
            lines: measured.filter(|long| long.lines > long.max).map(|long| (long.key, long.lines)).collect(),
        }
    }
}

impl fmt::Display for Ratchet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "# Files over {FILE_LINES_MAX} lines and functions over {FUNCTION_LINES_MAX}, with their lengths."
        )?;
        writeln!(out, "# A length here may only shrink. `cargo xtask tidy --ratchet` rewrites the list.")?;
        self.lines.iter().try_for_each(|(key, count)| writeln!(out, "{key} {count}"))
    }
}

pub(super) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for long in tree.rust_files().flat_map(measure) {
        let max = ratchet.lines.get(&long.key).copied().unwrap_or(long.max);
        if long.lines > max {
            let what = format!("{} has {} lines, at most {max} are allowed", long.name, long.lines);
            findings.push(Finding::at(&long.path, long.line, &what));
        } else if long.lines <= long.max && ratchet.lines.contains_key(&long.key) {
            findings.push(Finding::of(&long.key, "is short enough now: take it out of the ratchet"));
        }
        seen.push(long.key);
    }
    for key in ratchet.lines.keys().filter(|key| !seen.contains(key)) {
        findings.push(Finding::of(key, "is gone: take it out of the ratchet"));
    }
    findings
}

/// A file or a function with its length.
struct Measured {
    key: String,
    path: String,
    name: String,
    line: usize,
    lines: usize,
    max: usize,
}

fn measure(file: &File) -> Vec<Measured> {
    let whole = Measured {
        key: file.path.clone(),
        path: file.path.clone(),
        name: "this file".to_owned(),
        line: 1,
        lines: file.text.lines().count(),
        max: FILE_LINES_MAX,
    };
    std::iter::once(whole).chain(functions(file)).collect()
}

/// Finds functions in formatted code: a function ends where a line closes the indentation that it began with.
fn functions(file: &File) -> Vec<Measured> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let close = format!("{indentation}}}");
        // A one-line body, or a declaration in a trait, has no closing line of its own.
        if line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        // Nor has a declaration over several lines: its signature ends before any body opens.
        let ends = |line: &&&str| line.ends_with(';') || line.ends_with('{');
        if lines[index..].iter().find(ends).is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let Some(length) = lines[index..].iter().position(|line| *line == close) else { continue };
        found.push(Measured {
            key: format!("{} {name}", file.path),
            path: file.path.clone(),
            name: format!("fn {name}"),
            line: index + 1,
            lines: length + 1,
            max: FUNCTION_LINES_MAX,
        });
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern", "\"C\""];
    let declares = before
        .split_whitespace()
        .all(|word| word.starts_with("pub(") || qualifiers.contains(&word) || word.ends_with(')'));
    let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (declares && end > 0).then(|| &after[..end])
}

#[cfg(test)]
mod tests {
    use super::{Ratchet, check, function_name};
    use crate::tidy::Tree;

    fn file(function_lines: usize, padding: usize) -> String {
        let body = "    step();\n".repeat(function_lines - 3);
        format!("pub(crate) async fn long(\n) {{\n{body}}}\n{}", "// line\n".repeat(padding))
    }

    #[test]
    fn short_ones_pass() {
        let tree = Tree::of(&[("a.rs", &file(70, 330))]);
        assert_eq!(check(&tree, &Ratchet::default()), []);
    }

    #[test]
    fn long_ones_are_found() {
        let tree = Tree::of(&[("a.rs", &file(71, 330)), ("b.txt", &"x\n".repeat(1000))]);
        let findings = check(&tree, &Ratchet::default());
        assert_eq!(findings.len(), 2, "the function and the file: {findings:?}");
        assert_eq!(findings[0].text, "a.rs:1: this file has 401 lines, at most 400 are allowed");
        assert_eq!(findings[1].text, "a.rs:1: fn long has 71 lines, at most 70 are allowed");
    }

    #[test]
    fn the_ratchet_lets_giants_stay_but_not_grow() {
        let ratchet = Ratchet::read("# why\na.rs 500\na.rs long 80\n").expect("well formed");
        assert_eq!(check(&Tree::of(&[("a.rs", &file(80, 420))]), &ratchet), []);
        assert_eq!(check(&Tree::of(&[("a.rs", &file(81, 420))]), &ratchet).len(), 2);
        assert_eq!(
            check(&Tree::of(&[("a.rs", &file(20, 20))]), &ratchet).len(),
            2,
            "shrunk: the record must go"
        );
        assert_eq!(check(&Tree::of(&[]), &ratchet).len(), 2, "gone: the record must go");
        assert!(Ratchet::read("a.rs many").is_err());
    }

    #[test]
    fn recording_makes_the_tree_pass() {
        let tree = Tree::of(&[("a.rs", &file(90, 420))]);
        let ratchet = Ratchet::record(&tree);
        assert_eq!(check(&tree, &ratchet), []);
        assert_eq!(Ratchet::read(&ratchet.to_string()).expect("what is written reads back"), ratchet);
    }

    #[test]
    fn functions_are_told_from_words() {
        assert_eq!(function_name("    pub(in crate::a) const fn name<T>("), Some("name"));
        assert_eq!(function_name("fn main() {"), Some("main"));
        assert_eq!(function_name("// the fn name( is"), None);
        assert_eq!(function_name("    let f: fn(u8) = g;"), None);
    }
}
