//! All fuzz targets in one list, their seeds, and a mutation loop for machines without a fuzzer.
//!
//! A decoder's target lives beside the decoder (`fuzzing` in each crate); its crate's table of targets is its entry here, so
//! that none is forgotten. What needs several crates lives here: [`whole`] sessions over the real core, and replays.
//!
//! ```text
//!  TARGETS of each crate ─→ targets() ─→ fuzz/ (libfuzzer), mutate (this binary), tests (replay of fuzz/corpus)
//!  seeds() ─→ fuzz/corpus/TARGET/seed-*     `cargo xtask fuzz-corpus` writes them
//! ```

pub mod corpus;
pub mod mutate;
mod seeds;
pub mod whole;

use std::sync::OnceLock;

/// Takes any bytes; panics where they do harm.
pub type Target = fn(&[u8]);

/// All targets with their names, sorted: the crate's name, then the table's.
pub fn targets() -> &'static [(String, Target)] {
    static TARGETS: OnceLock<Vec<(String, Target)>> = OnceLock::new();
    TARGETS.get_or_init(|| {
        let tables: [(&str, &[(&str, Target)]); 7] = [
            ("batch", stele_model::batch::fuzzing::TARGETS),
            ("host", stele_host::fuzzing::TARGETS),
            ("kafka", stele_kafka::fuzzing::TARGETS),
            ("log", stele_log::fuzzing::TARGETS),
            ("mqtt", stele_mqtt::fuzzing::TARGETS),
            ("nats", stele_nats::fuzzing::TARGETS),
            ("whole", whole::TARGETS),
        ];
        let name = |table: &str, target: &str| format!("{table}_{}", target.trim_start_matches("fuzz_"));
        let mut all: Vec<(String, Target)> = tables
            .iter()
            .flat_map(|(table, targets)| targets.iter().map(|(target, run)| (name(table, target), *run)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    })
}

/// The target with this name.
pub fn target(name: &str) -> Option<Target> {
    targets().iter().find(|(known, _)| known == name).map(|(_, run)| *run)
}

/// Runs a target; what the fuzzer's programs call, each with its own name.
///
/// # Panics
/// When there is no such target, and when the input does harm.
pub fn run(name: &str, data: &[u8]) {
    target(name).expect("a program for each target, and none besides")(data);
}
