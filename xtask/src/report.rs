//! Runs steps and counts what they proved.
//!
//! A step is a command or a check. A step that runs tests counts as many as its output says; every other step counts
//! as one. Tests that found nothing to test against say so in the file that
//! `STELE_SKIP_LOG` names, one line each; they are counted as skipped, not as passed.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a run proved so far.
#[derive(Default)]
pub(crate) struct Report {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    failures: Vec<String>,
    steps: Vec<(String, u64)>,
}

impl Report {
    /// Runs one command as one step.
    pub(crate) fn step(&mut self, name: &str, command: &mut Command) -> bool {
        let began = Self::announce(name);
        let passed = command.status().is_ok_and(|status| status.success());
        self.close(name, began, passed)
    }

    /// Runs one check in this process as one step.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> anyhow::Result<bool>) -> bool {
        let began = Self::announce(name);
        let passed = check().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            false
        });
        self.close(name, began, passed)
    }

    /// Runs a command that runs tests, and counts them.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        let began = Self::announce(name);
        let skip_log = skip_log_path();
        std::fs::write(&skip_log, "")?;
        command.env("STELE_SKIP_LOG", &skip_log).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().expect("stdout is piped");
        let mut tally = Tally::default();
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            tally.read(&line);
        }
        let succeeded = child.wait()?.success();
        let mut skips: Vec<String> = std::fs::read_to_string(&skip_log)?.lines().map(String::from).collect();
        std::fs::remove_file(&skip_log)?;
        skips.sort();
        self.passed += tally.passed.saturating_sub(skips.len() as u64);
        // A build that failed ran no test, and is still one failure.
        self.failed += if succeeded { tally.failed } else { tally.failed.max(1) };
        if !succeeded {
            self.failures.push(name.to_owned());
        }
        for _ in 0..tally.ignored {
            skips.push(format!("{name}: a test marked as ignored"));
        }
        self.skipped.extend(skips);
        self.steps.push((name.to_owned(), began.elapsed().as_secs()));
        Ok(())
    }

    /// Counts something that this machine cannot test, with the reason.
    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        self.skipped.push(format!("{what}: {why}"));
    }

    /// Prints the summary; its last line is `N passed, N failed, N skipped`. Returns whether all is well.
    pub(crate) fn finish(self) -> bool {
        println!("\nsteps:");
        for (name, seconds) in &self.steps {
            println!("  {seconds:>5} s  {name}");
        }
        if !self.skipped.is_empty() {
            println!("skipped:");
            for line in &self.skipped {
                println!("  {line}");
            }
        }
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len());
        let _ = std::io::stdout().flush();
        self.failed == 0
    }

    fn announce(name: &str) -> Instant {
        println!("\n== {name}");
        Instant::now()
    }

    fn close(&mut self, name: &str, began: Instant, passed: bool) -> bool {
        self.steps.push((name.to_owned(), began.elapsed().as_secs()));
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
        passed
    }
}

/// The counts of libtest's closing lines, and of the `ok NAME` and `not ok NAME: why` of the foreign clients.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    fn read(&mut self, line: &str) {
        self.passed += u64::from(line.starts_with("ok "));
        self.failed += u64::from(line.starts_with("not ok "));
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(kind)) =
                (words.next().and_then(|word| word.parse::<u64>().ok()), words.next())
            else {
                continue;
            };
            match kind {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

fn skip_log_path() -> PathBuf {
    std::env::temp_dir().join(format!("stele-skips-{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn reads_what_libtest_prints() {
        let mut tally = Tally::default();
        tally.read("running 9 tests");
        tally.read(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.52s",
        );
        tally.read(
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        );
        assert_eq!((tally.passed, tally.failed, tally.ignored), (14, 4, 1));
    }

    #[test]
    fn reads_what_foreign_clients_print() {
        let mut tally = Tally::default();
        tally.read("ok go nats.go request/reply");
        tally.read("not ok go nats.go key/value: timeout");
        tally.read("test report::tests::one ... ok");
        assert_eq!((tally.passed, tally.failed), (1, 1));
    }
}
