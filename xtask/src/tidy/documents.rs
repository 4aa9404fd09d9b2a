//! Documents that must keep step with something else: the two READMEs, and the errata with the programs.

use super::{Finding, Tree};

const ERRATA: &str = "docs/guide-errata.md";
const PROGRAMS: &str = "examples/src/guide/";
/// Rust blocks in the guide.
const BLOCKS: usize = 23;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(english), Some(chinese)) = (tree.text("README.md"), tree.text("README.zh-CN.md")) {
        findings.extend(same_skeleton(english, chinese));
    }
    if let Some(errata) = tree.text(ERRATA) {
        findings.extend(errata_cover_programs(tree, errata));
    }
    findings
}

/// Both READMEs have as many headings of each level, in the same order, and the same code blocks.
fn same_skeleton(english: &str, chinese: &str) -> Vec<Finding> {
    let (english, chinese) = (Skeleton::of(english), Skeleton::of(chinese));
    let mut findings = Vec::new();
    if english.headings != chinese.headings {
        findings.push(Finding::of("README.zh-CN.md", "its headings do not follow those of README.md"));
    }
    if english.blocks != chinese.blocks {
        findings.push(Finding::of("README.zh-CN.md", "its code blocks are not those of README.md"));
    }
    findings
}

/// What two translations of one text have in common.
#[derive(Default)]
struct Skeleton {
    headings: Vec<usize>,
    blocks: Vec<String>,
}

impl Skeleton {
    fn of(text: &str) -> Self {
        let mut skeleton = Self::default();
        let mut block: Option<String> = None;
        for line in text.lines() {
            match (line.trim_start().starts_with("```"), &mut block) {
                (true, None) => block = Some(format!("{}\n", line.trim())),
                (true, Some(_)) => skeleton.blocks.extend(block.take()),
                (false, Some(inside)) => inside.extend([line, "\n"]),
                (false, None) if line.starts_with('#') => {
                    skeleton.headings.push(line.len() - line.trim_start_matches('#').len());
                }
                (false, None) => {}
            }
        }
        skeleton
    }
}

/// Every program has a row `| N | ... | `program` | edit | why |`, and every row has a program.
fn errata_cover_programs(tree: &Tree, errata: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let programs: Vec<&str> = tree
        .rust_files()
        .filter_map(|file| file.path.strip_prefix(PROGRAMS)?.strip_suffix(".rs"))
        .filter(|name| *name != "mod")
        .collect();
    let rows: Vec<Vec<&str>> = errata
        .lines()
        .filter(|line| {
            line.starts_with("| ") && line[2..].starts_with(|letter: char| letter.is_ascii_digit())
        })
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    if programs.len() != BLOCKS {
        findings.push(Finding::of(
            PROGRAMS,
            &format!("{} programs for the guide's {BLOCKS} blocks", programs.len()),
        ));
    }
    for program in &programs {
        let named = rows.iter().filter(|row| row.get(2) == Some(&format!("`{program}`").as_str())).count();
        if named != 1 {
            findings.push(Finding::of(ERRATA, &format!("{named} rows for the program `{program}`, not one")));
        }
    }
    for row in &rows {
        if row.len() != 5 || row.iter().any(|cell| cell.is_empty()) {
            findings.push(Finding::of(ERRATA, &format!("row {} needs block, program, edit and why", row[0])));
        }
    }
    if rows.len() != BLOCKS {
        findings.push(Finding::of(ERRATA, &format!("{} rows for the guide's {BLOCKS} blocks", rows.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{check, same_skeleton};
    use crate::tidy::Tree;

    #[test]
    fn translations_in_step_pass() {
        let english = "# Stele\ntext\n## Start\n```sh\n# not a heading\nstele serve\n```\n";
        let chinese = "# 石碑\n文字\n## 开始\n```sh\n# not a heading\nstele serve\n```\n";
        assert_eq!(same_skeleton(english, chinese), []);
    }

    #[test]
    fn translations_out_of_step_are_found() {
        let english = "# Stele\n## Start\n```sh\nstele serve\n```\n";
        assert_eq!(
            same_skeleton(english, "# 石碑\n```sh\nstele serve\n```\n").len(),
            1,
            "a heading is missing"
        );
        assert_eq!(
            same_skeleton(english, "# 石碑\n## 开始\n```sh\nstele\n```\n").len(),
            1,
            "another command"
        );
        assert_eq!(same_skeleton(english, "# 石碑\n### 开始\n").len(), 2);
    }

    #[test]
    fn errata_must_cover_each_program_once() {
        let names: Vec<String> =
            (1..=23).map(|number| format!("examples/src/guide/n{number:02}_x.rs")).collect();
        let row = |number: usize| format!("| {number} | block | `n{number:02}_x` | edit | why |\n");
        let errata = |rows: std::ops::RangeInclusive<usize>| rows.map(row).collect::<String>();
        let tree = |errata: &str| {
            let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
            files.push(("docs/guide-errata.md", errata));
            check(&Tree::of(&files)).len()
        };
        assert_eq!(tree(&errata(1..=23)), 0);
        assert_eq!(tree(&errata(1..=22)), 2, "a program without a row, and a count");
        assert_eq!(tree(&errata(1..=23).replace("| edit | why |", "| edit |")), 23);
    }
}
