//! Flipped bytes take the partition that they belong to offline, and nothing else.

use stele_core::store::Damaged;
use stele_io::SimDisk;
use stele_model::batch::Batches;
use stele_model::{Error, RecordSelector, StreamCommand, StreamName};

use crate::world::{World, limited, spec};

const MARK: &[u8] = b"the record that will be damaged";

/// Two streams, one of them with a record that can be found on the disk.
fn world(disk: &SimDisk) -> World {
    let mut world = World::open(disk).unwrap();
    world.create(spec("bad", "bad"));
    world.create(spec("good", "good"));
    for number in 0..10_u32 {
        world.publish("good", "good", &number.to_le_bytes()).unwrap();
        world.publish("bad", "bad", if number == 5 { MARK } else { b"other" }).unwrap();
        world.commit();
    }
    world
}

/// The same with a checkpoint, and the log so much further on that a start does not read these records.
fn world_behind_a_checkpoint(disk: &SimDisk) -> SimDisk {
    let mut world = world(disk);
    world.create(limited("filler", "filler", 1));
    for _ in 0..40 {
        world.publish("filler", "filler", &[1; 900]).unwrap();
        world.commit();
    }
    assert!(world.checkpoint());
    disk.crash()
}

fn flip(disk: &SimDisk) {
    let find = |bytes: &[u8]| bytes.windows(MARK.len()).position(|window| window == MARK);
    let found = disk.contents().into_iter().find_map(|(name, bytes)| Some((name, find(&bytes)?)));
    let (name, position) = found.unwrap();
    assert!(disk.flip_bit(&name, position as u64 + 3, 2));
}

fn check(mut world: World) {
    let faults = world.store.damaged();
    let bad = Damaged::Partition { stream: StreamName::new("bad"), partition: 0 };
    assert_eq!(faults.iter().map(|fault| &fault.what).collect::<Vec<_>>(), [&bad]);
    assert_eq!(bad.to_string(), "partition 0 of `bad`");
    for offset in [0, 5] {
        assert_eq!(world.get("bad", RecordSelector::At(offset)).err(), Some(Error::Quarantined));
    }
    assert_eq!(world.publish("bad", "bad", b"more"), Err(Error::Quarantined));
    assert_eq!(world.read("good").error, None);
    assert_eq!(world.contents(&["good"]).len(), 10);
    world.publish("good", "good", b"more").unwrap();
    world.commit();
    assert_eq!(world.contents(&["good"]).len(), 11);
    // Whoever has it elsewhere can make it anew.
    world.command(StreamCommand::Delete(StreamName::new("bad"))).unwrap();
    assert_eq!(world.store.damaged(), []);
    world.create(spec("bad", "bad"));
    world.publish("bad", "bad", b"anew").unwrap();
    world.commit();
    assert_eq!(world.contents(&["bad"]).len(), 1);
}

#[test]
fn damage_found_at_the_start() {
    let disk = SimDisk::new(1);
    drop(world(&disk));
    let disk = disk.crash();
    flip(&disk);
    let mut world = World::open(&disk).unwrap();
    assert_eq!(world.recovery.damage.len(), 1);
    assert!(!world.checkpoint(), "with damage everything stays as it is");
    check(world);
}

#[test]
fn damage_found_by_a_read_of_a_record() {
    let disk = SimDisk::new(2);
    let disk = world_behind_a_checkpoint(&disk);
    flip(&disk);
    let world = World::open(&disk).unwrap();
    assert_eq!((world.recovery.frames, world.store.damaged()), (0, vec![]));
    assert_eq!(world.get("bad", RecordSelector::At(5)).err(), Some(Error::Quarantined));
    check(world);
}

#[test]
fn damage_found_by_a_read_of_batches() {
    let disk = SimDisk::new(3);
    let disk = world_behind_a_checkpoint(&disk);
    flip(&disk);
    let world = World::open(&disk).unwrap();
    let first = world.read("bad");
    let before = first.batches.iter().flat_map(|piece| Batches::new(piece)).map(Result::unwrap);
    assert_eq!((before.count(), first.error), (5, None));
    assert_eq!(world.read("bad").error, Some(Error::Quarantined));
    check(world);
}

#[test]
fn damage_of_what_is_gone_hurts_nobody() {
    let disk = SimDisk::new(4);
    let mut world = world(&disk);
    world.command(StreamCommand::Delete(StreamName::new("bad"))).unwrap();
    assert!(world.checkpoint());
    let disk = disk.crash();
    flip(&disk);
    let world = World::open(&disk).unwrap();
    assert_eq!((world.recovery.damage.len(), world.store.damaged()), (1, vec![]));
    assert_eq!(world.contents(&["good"]).len(), 10);
}

/// Whatever single bit of the log flips: at most one stream is offline, and what is not is whole.
#[test]
fn any_flipped_bit_hurts_one_stream_at_most() {
    for round in 0..120_u64 {
        let disk = SimDisk::new(round);
        drop(world(&disk));
        let disk = disk.crash();
        let files = disk.contents();
        let (name, bytes) = files.iter().find(|(name, _)| name.ends_with("1.log")).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        assert!(disk.flip_bit(name, (round * 7919) % used, (round % 8) as u8));
        let Some(world) = World::open(&disk) else { panic!("round {round}: a damaged log still opens") };
        let damaged = world.store.damaged();
        let is_damaged = |stream: &str| {
            let whole = Damaged::Partition { stream: StreamName::new(stream), partition: 0 };
            damaged.iter().any(|fault| fault.what == whole || matches!(fault.what, Damaged::Stream { .. }))
        };
        let hurt = ["good", "bad"].iter().filter(|stream| is_damaged(stream)).count();
        assert!(
            hurt <= 1 || damaged.iter().any(|fault| matches!(fault.what, Damaged::Stream { .. })),
            "{damaged:?}"
        );
        for stream in ["good", "bad"].into_iter().filter(|stream| !is_damaged(stream)) {
            assert_eq!(world.contents(&[stream]).len(), 10, "round {round}: {stream} {damaged:?}");
        }
    }
}
