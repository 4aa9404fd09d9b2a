//! The corpus in the repository: `fuzz/corpus/TARGET/`, seeds of ours and what fuzzing found.

use crate::{seeds, targets};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files with this prefix are ours to write and to remove.
const SEED: &str = "seed-";

/// The repository's `fuzz` folder, where this crate was built.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// A target's inputs, by file name.
///
/// # Errors
/// The folder is missing or cannot be read.
pub fn inputs(target: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let folder = folder().join("corpus").join(target);
    let mut inputs = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
        let entry = entry?;
        inputs.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
    }
    Ok(inputs)
}

/// What the seeds of a target should be, by file name.
pub fn seeds_of(target: &str) -> BTreeMap<String, Vec<u8>> {
    let all = seeds::all().into_iter().filter(|(of, ..)| of == target);
    all.map(|(_, name, bytes)| (format!("{SEED}{name}"), bytes)).collect()
}

/// Writes all seeds, removes those that are none any more, and writes the fuzzer's manifest.
///
/// # Errors
/// A file cannot be written.
pub fn write() -> anyhow::Result<usize> {
    let mut count = 0;
    for (target, _) in targets() {
        let folder = folder().join("corpus").join(target);
        std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        let seeds = seeds_of(target);
        for name in inputs(target)?.keys().filter(|name| name.starts_with(SEED) && !seeds.contains_key(*name))
        {
            std::fs::remove_file(folder.join(name))?;
        }
        for (name, bytes) in &seeds {
            std::fs::write(folder.join(name), bytes)?;
            count += 1;
        }
    }
    std::fs::write(folder().join("Cargo.toml"), manifest())?;
    Ok(count)
}

/// The manifest of the fuzzer's workspace: one program for each target.
pub fn manifest() -> String {
    let mut text = String::from(HEAD);
    for (target, _) in targets() {
        text.push_str(&format!(
            "\n[[bin]]\nname = \"{target}\"\npath = \"fuzz_targets/any.rs\"\ntest = false\ndoc = false\nbench = false\n"
        ));
    }
    text
}

const HEAD: &str = r#"# Written by `cargo xtask fuzz-corpus`: a program for each target of crates/fuzz. All are one source file that runs the
# target of its own name. Outside of the workspace, because the fuzzer's build instruments everything.
[package]
name = "stele-libfuzzer"
version = "0.0.0"
edition = "2024"
publish = false

[package.metadata]
cargo-fuzz = true

[workspace]

[profile.release]
debug = "line-tables-only"
debug-assertions = true
overflow-checks = true

[dependencies]
libfuzzer-sys = "0.4"
stele-fuzz = { path = "../crates/fuzz" }
"#;
