//! `fuzz` and `fuzz-corpus`: the targets of crates/fuzz, by libfuzzer or by mutations alone.
//!
//! libfuzzer needs no tool but the compiler: what cargo-fuzz passes to it is passed here, and the switch that lets a stable
//! compiler take unstable flags. `--plain` mutates without coverage in an ordinary build, for machines without the
//! sanitizer's runtime.

use std::process::Command;

use anyhow::{Context, bail};

use crate::root;
use crate::test::{cargo, target_folder};

/// Instrumentation as cargo-fuzz asks for it: coverage counters, compared values, and the address sanitizer.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address -Ccodegen-units=1";

/// Seconds for one target unless said otherwise.
const SECONDS: u64 = 20;

struct Asked<'a> {
    /// None: all.
    target: Option<&'a str>,
    seconds: u64,
    plain: bool,
}

/// Writes the seeds and the list of programs.
pub(crate) fn corpus() -> anyhow::Result<bool> {
    Ok(cargo().args(["run", "--quiet", "--package", "stele-fuzz", "--", "corpus"]).status()?.success())
}

/// `fuzz TARGET|all [--seconds N] [--plain]`.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    let asked = read(words)?;
    let targets = targets()?;
    let chosen: Vec<&String> =
        targets.iter().filter(|name| asked.target.is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no such target; these are:\n  {}", targets.join("\n  "));
    }
    let mut sound = true;
    for target in chosen {
        sound &=
            if asked.plain { plain(target, asked.seconds)? } else { instrumented(target, asked.seconds)? };
    }
    Ok(sound)
}

fn read<'a>(words: &[&'a str]) -> anyhow::Result<Asked<'a>> {
    let mut asked = Asked { target: None, seconds: SECONDS, plain: false };
    let [target, options @ ..] = words else { bail!("name a target, or say `all`") };
    asked.target = (*target != "all").then_some(*target);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--plain" => asked.plain = true,
            "--seconds" => {
                let number = options.next().context("--seconds needs a number")?;
                asked.seconds = number.parse().with_context(|| format!("--seconds {number}"))?;
            }
            other => bail!("`{other}` is not an option of fuzz"),
        }
    }
    Ok(asked)
}

fn targets() -> anyhow::Result<Vec<String>> {
    let output = cargo().args(["run", "--quiet", "--package", "stele-fuzz", "--", "list"]).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(String::from).collect())
}

fn plain(target: &str, seconds: u64) -> anyhow::Result<bool> {
    let mut run = cargo();
    run.args(["run", "--quiet", "--package", "stele-fuzz", "--", "mutate", target, &seconds.to_string()]);
    Ok(run.status()?.success())
}

fn instrumented(target: &str, seconds: u64) -> anyhow::Result<bool> {
    let host = host()?;
    let folder = target_folder().join("fuzz");
    let mut build = cargo();
    build.current_dir(root().join("fuzz")).args(["build", "--release", "--bin", target, "--target", &host]);
    build.arg("--target-dir").arg(&folder).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", INSTRUMENTED);
    if !build.status()?.success() {
        bail!(
            "{target} cannot be built with the sanitizer; `cargo xtask fuzz {target} --plain` does without"
        );
    }
    // What libfuzzer finds stays out of the repository: what is worth keeping is copied by hand, under a name that tells.
    let found = folder.join("corpus").join(target);
    let artifacts = root().join("fuzz/artifacts").join(target);
    std::fs::create_dir_all(&found)?;
    std::fs::create_dir_all(&artifacts)?;
    let status = Command::new(folder.join(host).join("release").join(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=1"])
        .arg(&found)
        .arg(root().join("fuzz/corpus").join(target))
        .status()?;
    Ok(status.success())
}

/// The machine's target triple.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host =
        text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names the host")?;
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn options_are_read() {
        let asked = read(&["whole_mqtt", "--seconds", "5", "--plain"]).expect("good words");
        assert_eq!((asked.target, asked.seconds, asked.plain), (Some("whole_mqtt"), 5, true));
        assert_eq!(read(&["all"]).expect("good words").target, None);
        for wrong in [&[][..], &["a", "--seconds"], &["a", "--seconds", "x"], &["a", "b"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
