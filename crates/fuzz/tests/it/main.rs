//! The corpus is whole and does no harm, and a few mutations of it neither.

use stele_fuzz::mutate::{Mutator, survives};
use stele_fuzz::{corpus, targets};

/// Mutations of each target in an ordinary test run; `cargo xtask fuzz` runs for as long as one likes.
const MUTATIONS: usize = 100;

#[test]
fn each_target_has_its_seeds_and_its_program() {
    for (name, _) in targets() {
        let kept = corpus::inputs(name).expect("run `cargo xtask fuzz-corpus`");
        assert!(!kept.is_empty(), "{name} has no input to start from");
        let seeds: Vec<String> = corpus::seeds_of(name).into_keys().collect();
        let kept: Vec<String> = kept.into_keys().filter(|file| file.starts_with("seed-")).collect();
        assert_eq!(kept, seeds, "{name}: run `cargo xtask fuzz-corpus`");
    }
    let manifest = std::fs::read_to_string(corpus::folder().join("Cargo.toml")).expect("it is there");
    assert_eq!(manifest, corpus::manifest(), "run `cargo xtask fuzz-corpus`");
}

#[test]
fn the_corpus_does_no_harm() {
    for (name, run) in targets() {
        for (file, input) in corpus::inputs(name).expect("it is there") {
            assert!(survives(*run, &input), "{name}: {file}");
        }
    }
}

#[test]
fn a_few_mutations_do_no_harm() {
    for (name, run) in targets() {
        let mut mutator = Mutator::new(corpus::inputs(name).expect("it is there").into_values().collect(), 7);
        for number in 0..MUTATIONS {
            let input = mutator.input();
            assert!(survives(*run, &input), "{name}, {number}: {}", input.escape_ascii());
        }
    }
}
