//! A mutation loop: no coverage, but every target runs on every machine, and the same seed gives the same inputs.

use crate::Target;
use stele_io::Random;

/// Inputs do not grow beyond this.
const BYTES_MAX: usize = 8 << 10;

/// Words that decoders trip over: lengths that lie, borders of integers, line ends, marks of scripts.
const WORDS: [&[u8]; 16] = [
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 1],
    &[0, 0, 0, 0],
    &[0],
    &[1],
    &[0xff],
    b"\r\n",
    b" ",
    b"18446744073709551615",
    b"-1",
    &[0xf5, 0xc0, 0, 1],
    &[0xf5, 0xc0, 3, 0],
];

/// The inputs of one target, one after the other.
#[derive(Debug, Clone)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    random: Random,
}

impl Mutator {
    /// Mutations of these seeds, fixed by `seed`.
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { seeds, random: Random::new(seed) }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.some_seed();
        for _ in 0..=self.random.below(6) {
            self.change(&mut input);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn some_seed(&mut self) -> Vec<u8> {
        let index = self.random.below(self.seeds.len() as u64) as usize;
        self.seeds.get(index).cloned().unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() as u64 + 1) as usize;
        let length = self.random.below(16).min((input.len() - at) as u64) as usize;
        match self.random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            1 if at < input.len() => input[at] = self.random.bits() as u8,
            2 if at < input.len() => {
                input[at] = input[at].wrapping_add_signed(self.random.below(9) as i8 - 4)
            }
            3 => drop(input.drain(at..at + length)),
            4 => {
                let again = input[at..at + length].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let word = WORDS[self.random.below(WORDS.len() as u64) as usize];
                input.splice(at..at, word.iter().copied());
            }
            6 => {
                let word = WORDS[self.random.below(WORDS.len() as u64) as usize];
                let end = (at + word.len()).min(input.len());
                input.splice(at..end, word.iter().copied());
            }
            7 => {
                // The front of one seed and the end of another.
                let other = self.some_seed();
                let from = self.random.below(other.len() as u64 + 1) as usize;
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.truncate(at),
        }
    }
}

/// What an input did.
pub fn survives(run: Target, input: &[u8]) -> bool {
    std::panic::catch_unwind(|| run(input)).is_ok()
}

/// The input with as much taken away as still does harm.
pub fn shrink(run: Target, input: &[u8]) -> Vec<u8> {
    let mut smallest = input.to_vec();
    let mut width = smallest.len() / 2;
    while width > 0 {
        let mut at = 0;
        while at + width <= smallest.len() {
            let mut shorter = smallest.clone();
            shorter.drain(at..at + width);
            if survives(run, &shorter) {
                at += width;
            } else {
                smallest = shorter;
            }
        }
        width /= 2;
    }
    smallest
}
