//! The simulation beyond the tests' budget: many seeds, in release, each failure with the command that replays it.

use crate::test::cargo;

/// `cargo xtask sim --seeds N | --minutes N | --seed N`: the words go to the simulation as they are.
pub(crate) fn verb(words: &[&str]) -> anyhow::Result<bool> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "-p", "stele-sim", "--"]).args(words);
    Ok(command.status()?.success())
}
