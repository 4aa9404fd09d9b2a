//! What a run does: the seed, and what follows from it.

use crate::Mutation;
use stele_io::Random;

/// Seeds that once found a bug, with what they found. They run with every test.
pub const FIXED_SEEDS: &[(u64, &str)] = &[
    (0, "a lane whose disk had room again refused publishes until something else was committed"),
    (1, "a record that was not durable yet had left memory, and the answers that waited for it failed"),
    (34, "a retained message was acknowledged whose bucket could not be made"),
    (40, "a fetch said that a topic is unknown where the log had failed"),
    (50, "a lane that found no room for its next file never asked again"),
    (188, "a QoS 2 message that a full disk refused was taken for a duplicate when it came again"),
    (
        330,
        "a QoS 2 message was claimed that a full disk refused, its connection was cut before that was told: it was lost to a session",
    ),
    (659, "a QoS 2 message was acknowledged and was not in its stream"),
    (837, "as 330, without a crash"),
    (852, "a sync had failed before the faults ended and was told after it: nobody started the broker again"),
    (
        1795,
        "what a full disk refused before a power loss stood behind what was taken after it; its sender had not been told",
    ),
    (2910, "a reader did not wait as long as a commit takes on a disk that is asked seldom"),
    (1551, "the auditor ended before a message that was acknowledged without an offset"),
    (1772, "a checkpoint forgot message ids by the wall clock, which had jumped by years"),
    (2521, "a checkpoint gave back a file that was sealed just where the log was needed from"),
    (171, "years that the clock jumped forward ended the window of message ids at the next start"),
];

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Fixes everything.
    pub seed: u64,
    /// What is broken on purpose.
    pub mutation: Mutation,
}

impl Plan {
    /// The unbroken broker.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, mutation: Mutation::None }
    }
}

/// The shape of a run, drawn from its seed: each run leaves out some clients and some faults, so that others come
/// through more often.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Steps under faults.
    pub(crate) steps: u64,
    /// Messages that each publisher sends.
    pub(crate) messages: u64,
    /// Which wires take part.
    pub(crate) nats: bool,
    pub(crate) kafka: bool,
    pub(crate) mqtt: bool,
    /// Of 10,000 steps, how many end in a crash between two calls.
    pub(crate) crash_per_10000: u64,
    /// The power goes at an arbitrary call of the disk, at most this many after a start; 0: never.
    pub(crate) power_calls_max: u64,
    /// Of 1,000 syncs, how many fail.
    pub(crate) sync_fails_per_mille: u32,
    /// Of 10,000 steps, how many cut a connection.
    pub(crate) cut_per_10000: u64,
    /// The disk fills up now and then.
    pub(crate) fills: bool,
    /// The wall clock jumps now and then.
    pub(crate) clock_jumps: bool,
    /// How readily a commit happens, against other steps.
    pub(crate) commit_weight: u64,
    /// Bytes of recent batches in memory: few make readers use the disk.
    pub(crate) tail_bytes: usize,
    /// Bytes of the log's files, at first.
    pub(crate) file_bytes: u64,
    /// How readily a checkpoint is taken, against other steps; 0: never.
    pub(crate) checkpoint_weight: u64,
}

impl Shape {
    pub(crate) fn draw(random: &mut Random) -> Self {
        // From numbers of its own: the seeds that found bugs without checkpoints stay what they were.
        let mut apart = Random::new(random.clone().bits());
        let pick =
            |random: &mut Random, choices: &[u64]| choices[random.below(choices.len() as u64) as usize];
        let checkpoint_weight = pick(&mut apart, &[0, 1, 1, 4]);
        let file_bytes =
            if checkpoint_weight == 0 { 32 << 10 } else { pick(&mut apart, &[16 << 10, 32 << 10]) };
        // All three in every second run; else one alone or a pair.
        let wires = if random.chance(500) { 7 } else { 1 + random.below(7) };
        Self {
            steps: 800 + random.below(2400),
            messages: 10 + random.below(70),
            nats: wires & 1 != 0,
            kafka: wires & 2 != 0,
            mqtt: wires & 4 != 0,
            crash_per_10000: pick(random, &[0, 5, 20, 60]),
            power_calls_max: pick(random, &[0, 40, 150, 600]),
            sync_fails_per_mille: pick(random, &[0, 0, 0, 30]) as u32,
            cut_per_10000: pick(random, &[0, 10, 60, 200]),
            fills: random.chance(200),
            clock_jumps: random.chance(200),
            commit_weight: pick(random, &[1, 4, 16, 40]),
            tail_bytes: pick(random, &[1 << 10, 16 << 10, 1 << 20]) as usize,
            file_bytes,
            checkpoint_weight,
        }
    }
}
