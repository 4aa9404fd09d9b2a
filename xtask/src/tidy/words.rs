//! Words and names that do not belong in the repository.

use super::{Finding, Tree};

/// Promises instead of code. Written in pieces, so that this file does not contain them.
const PROMISES: &[(&str, &str)] = &[
    (concat!("to", "do!("), "a promise: do it or name it as missing in the documents"),
    (concat!("unimplem", "ented!("), "a promise: do it or name it as missing in the documents"),
    (concat!("FIX", "ME"), "a promise: mend it or name it in the documents"),
    (concat!("#[ign", "ore"), "a test that nobody runs: mend it, or give it a verb of its own"),
];

/// Folders of one machine. They mean nothing to a reader elsewhere.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let rust = file.path.ends_with(".rs");
        for (index, line) in file.text.lines().enumerate() {
            if rust {
                for (word, why) in PROMISES.iter().filter(|(word, _)| line.contains(word)) {
                    findings.push(Finding::at(&file.path, index + 1, &format!("`{word}` is {why}")));
                }
            }
            for word in MACHINE_PATHS.iter().filter(|word| line.contains(*word)) {
                findings.push(Finding::at(
                    &file.path,
                    index + 1,
                    &format!("`{word}` is a folder of one machine"),
                ));
            }
        }
        let named = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
        if rust && file.path.split('/').any(named) {
            findings
                .push(Finding::of(&file.path, "a name that says nothing: name the noun that owns the code"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::Tree;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn plain_files_pass() {
        assert_eq!(count("crates/log/src/frame.rs", "fn read() {} // ignore what follows\n"), 0);
        assert_eq!(count("docs/networks.md", "at work/home\n"), 0);
    }

    #[test]
    fn promises_machine_paths_and_empty_names_are_found() {
        assert_eq!(count("a.rs", concat!("fn a() { to", "do!() }\n")), 1);
        assert_eq!(count("a.rs", concat!("fn a() { unimplem", "ented!() }\n")), 1);
        assert_eq!(count("a.rs", concat!("// FIX", "ME later\n")), 1);
        assert_eq!(count("a.rs", concat!("#[ign", "ore = \"slow\"]\n")), 1);
        assert_eq!(count("notes.md", concat!("see /wo", "rk/there\n")), 1);
        assert_eq!(count("crates/log/src/utils.rs", ""), 1);
        assert_eq!(count("crates/log/src/common/mod.rs", ""), 1);
    }
}
