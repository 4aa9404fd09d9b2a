//! Power losses at every kind of moment of publishing, checkpoints and giving files back: what was acknowledged stays.

use std::collections::BTreeMap;

use stele_io::{Random, SimDisk, SimFaults};
use stele_log::Lane;
use stele_model::{Error, Filter, RecordSelector, StreamCommand, StreamName};

use crate::world::{World, bucket, limited, spec};

const SEEDS: u64 = 300;

#[test]
fn acknowledged_records_survive_every_crash() {
    let seeds = match std::env::var("STELE_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..SEEDS).collect(),
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            println!(
                "replay with: STELE_SEED={seed} cargo test -p stele-core --test it acknowledged_records"
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// Records that each limited stream keeps.
const KEPT: u64 = 25;

/// What was published and, as far as it is known, acknowledged.
#[derive(Default)]
struct Model {
    /// By offset, of the stream with a limit.
    queue: BTreeMap<u64, Vec<u8>>,
    queue_acked: u64,
    /// Of the bucket: by subject, what was published in order, and how many of it are acknowledged.
    bucket: BTreeMap<u64, (Vec<Vec<u8>>, usize)>,
    /// Of the stream with deletions: by offset.
    free: BTreeMap<u64, Free>,
}

#[derive(Clone, Default)]
struct Free {
    payload: Vec<u8>,
    acked: bool,
    deletion_asked: bool,
    deletion_acked: bool,
}

fn run(seed: u64) {
    let mut script = Random::new(seed ^ 0xc4e7);
    let mut disk = SimDisk::new(seed);
    let mut model = Model::default();
    let mut made = false;
    for _ in 0..5 {
        disk.set_faults(SimFaults::default());
        let mut world = World::open(&disk).unwrap();
        if !made {
            world.create(limited("Q", "q", KEPT));
            world.create(bucket("K", "k.*"));
            world.create(spec("F", "f"));
            assert!(world.commit());
            made = true;
        }
        check(&world, &mut model);
        let calls = disk.calls() + 20 + script.below(400);
        disk.set_faults(SimFaults { power_lost_at_call: Some(calls), ..SimFaults::default() });
        work(&mut world, &mut script, &mut model);
        drop(world);
        disk = disk.crash();
    }
    // A start may lose its power as well.
    let calls = disk.calls() + script.below(30);
    disk.set_faults(SimFaults { power_lost_at_call: Some(calls), ..SimFaults::default() });
    drop(World::open(&disk));
    disk = disk.crash();
    disk.set_faults(SimFaults::default());
    check(&World::open(&disk).unwrap(), &mut model);
}

fn work(world: &mut World, script: &mut Random, model: &mut Model) {
    while world.disk.has_power() {
        match script.below(100) {
            0..30 => {
                let payload = payload(script);
                if let Ok(stored) = world.publish("Q", "q", &payload) {
                    model.queue.insert(stored.offset, payload);
                }
            }
            30..50 => {
                let (key, payload) = (script.below(12), payload(script));
                if world.publish("K", &format!("k.{key}"), &payload).is_ok() {
                    model.bucket.entry(key).or_default().0.push(payload);
                }
            }
            50..60 => {
                let payload = payload(script);
                if let Ok(stored) = world.publish("F", "f", &payload) {
                    model.free.insert(stored.offset, Free { payload, ..Free::default() });
                }
            }
            60..65 => delete(world, script, model),
            65..81 => world.commit_some(script),
            81..93 => {
                if !world.commit() {
                    return;
                }
                acknowledge(model);
            }
            93..97 => drop(world.lane.maintain()),
            _ => {
                if world.checkpoint() {
                    acknowledge(model);
                }
            }
        }
    }
}

fn payload(script: &mut Random) -> Vec<u8> {
    vec![script.below(256) as u8; 1 + script.below(700) as usize]
}

fn delete(world: &mut World, script: &mut Random, model: &mut Model) {
    if model.free.is_empty() {
        return;
    }
    let at = script.below(model.free.len() as u64) as usize;
    let (offset, free) = model.free.iter_mut().nth(at).unwrap();
    let (stream, partition) = (StreamName::new("F"), 0);
    if world.command(StreamCommand::DeleteRecord { stream, partition, offset: *offset }).is_ok() {
        free.deletion_asked = true;
    }
}

/// All that was published is durable.
fn acknowledge(model: &mut Model) {
    model.queue_acked = model.queue.last_key_value().map_or(0, |(offset, _)| offset + 1);
    model.bucket.values_mut().for_each(|(payloads, acked)| *acked = payloads.len());
    for free in model.free.values_mut() {
        free.acked = true;
        free.deletion_acked |= free.deletion_asked;
    }
}

fn check(world: &World, model: &mut Model) {
    assert_eq!(world.store.damaged(), []);
    assert_eq!(world.recovery.damage, []);
    let info = world.info("Q");
    assert!(info.end >= model.queue_acked, "{} of {}", info.end, model.queue_acked);
    model.queue.retain(|offset, _| *offset < info.end);
    assert_eq!(info.first, info.end.saturating_sub(KEPT));
    for offset in info.first..info.end {
        let record = world.get("Q", RecordSelector::At(offset)).unwrap();
        assert_eq!(record.value.as_deref(), model.queue.get(&offset).map(|payload| &payload[..]), "{offset}");
    }
    for (key, (payloads, acked)) in &mut model.bucket {
        let subject = Filter::new(format!("k.{key}").as_bytes()).unwrap();
        let found = world.get("K", RecordSelector::Last(subject));
        let value = found.ok().and_then(|record| record.value.map(|value| value.to_vec()));
        let at = payloads.iter().rposition(|payload| Some(payload) == value.as_ref());
        let count = at.map_or(0, |at| at + 1);
        assert!(count >= *acked && (at.is_some() || payloads.is_empty() || *acked == 0), "k.{key}");
        payloads.truncate(count);
        *acked = count;
    }
    let end = world.info("F").end;
    model.free.retain(|offset, free| {
        assert!(*offset < end || !free.acked, "f {offset}");
        *offset < end
    });
    for (offset, free) in &mut model.free {
        match world.get("F", RecordSelector::At(*offset)) {
            Ok(record) => {
                assert!(!free.deletion_acked, "f {offset} came back");
                assert_eq!(record.value.as_deref(), Some(&free.payload[..]));
                free.deletion_asked = false;
            }
            Err(Error::RecordNotFound) => {
                assert!(free.deletion_asked, "f {offset} is lost");
                free.deletion_acked = true;
            }
            Err(error) => panic!("f {offset}: {error}"),
        }
        free.acked = true;
    }
    model.queue_acked = info.end;
}
