//! Checkpoints bound the start and the room, and fall back when they are damaged.

use stele_io::SimDisk;
use stele_model::{Conditions, RecordSelector, StreamSpec};

use crate::world::{FILE_BYTES, World, bucket, limited};

#[test]
fn a_start_reads_the_tail_only() {
    let disk = SimDisk::new(1);
    let mut world = World::open(&disk).unwrap();
    world.create(limited("Q", "q.*", 20));
    for number in 0..200_u32 {
        world.publish("Q", "q.1", &number.to_le_bytes()).unwrap();
        world.commit();
    }
    assert!(world.checkpoint());
    world.publish("Q", "q.1", b"after").unwrap();
    world.commit();
    let before = world.contents(&["Q"]);
    let world = World::open(&disk.crash()).unwrap();
    assert_eq!((world.recovery.frames, world.contents(&["Q"])), (1, before));
    assert_eq!(world.store.damaged(), []);
}

/// A stream with a limit under steady load, a bucket that is overwritten, and a few records that stay for ever.
#[test]
fn the_directory_stays_bounded() {
    let disk = SimDisk::new(2);
    let mut world = World::open(&disk).unwrap();
    world.create(limited("Q", "q.*", 30));
    world.create(bucket("K", "k.*"));
    let payload = [7; 900];
    let (mut most, mut written) = (0, 0);
    for number in 0..4000_u32 {
        if number % 1000 == 500 {
            // It pins the file that it stands in.
            world.publish("K", &format!("k.kept{number}"), b"for ever").unwrap();
        }
        world.publish("K", &format!("k.{}", number % 10), &payload).unwrap();
        world.publish("Q", "q.1", &payload).unwrap();
        world.commit();
        written += 2 * payload.len() as u64;
        if world.checkpoints.log_bytes() > 4 * FILE_BYTES {
            assert!(world.checkpoint());
            world.clean();
            most = most.max(world.disk_bytes());
        }
    }
    // Two checkpoints' worth of log, the live records, the files that pinned ones stand in, and spares.
    assert!(most < 22 * FILE_BYTES && most * 15 < written, "{most} of {written}");
    let before = world.contents(&["Q", "K"]);
    let world = World::open(&disk.crash()).unwrap();
    assert_eq!(world.contents(&["Q", "K"]), before);
    for number in [500, 1500, 2500, 3500] {
        let subject = stele_model::Filter::new(format!("k.kept{number}").as_bytes()).unwrap();
        let record = world.get("K", RecordSelector::Last(subject)).unwrap();
        assert_eq!(record.value.as_deref(), Some(&b"for ever"[..]));
    }
}

#[test]
fn removed_records_and_streams_give_their_room_back() {
    use stele_model::{StreamCommand, StreamName};
    let disk = SimDisk::new(3);
    let mut world = World::open(&disk).unwrap();
    for name in ["purged", "deleted"] {
        world.create(crate::world::spec(name, &format!("{name}.*")));
        for _ in 0..150 {
            world.publish(name, &format!("{name}.1"), &[1; 900]).unwrap();
            world.commit();
        }
    }
    let full = world.disk_bytes();
    let stream = StreamName::new("purged");
    let purge = StreamCommand::Purge {
        stream,
        partition: None,
        filter: None,
        below: None,
        keep: None,
        by_client: true,
    };
    world.command(purge).unwrap();
    world.command(StreamCommand::Delete(StreamName::new("deleted"))).unwrap();
    world.create(limited("Q", "q.*", 3));
    for _ in 0..3 {
        for _ in 0..3 {
            world.publish("Q", "q.1", b"small").unwrap();
            world.commit();
        }
        assert!(world.checkpoint());
        world.clean();
    }
    let left = world.disk_bytes();
    assert!(full > 15 * FILE_BYTES && left < 6 * FILE_BYTES, "{left} of {full}");
}

/// A file that is sealed between the beginning of a checkpoint and its end, just where the log is needed from.
#[test]
fn a_file_that_is_sealed_meanwhile_stays() {
    for count in 0..40 {
        let disk = SimDisk::new(count);
        let mut world = World::open(&disk).unwrap();
        world.create(crate::world::spec("S", "s"));
        for _ in 0..count {
            world.publish("S", "s", &[1; 300]).unwrap();
            world.commit();
        }
        assert!(world.checkpoint());
        world.publish("S", "s", &[2; 12_000]).unwrap();
        assert!(world.checkpoint());
        world.clean();
        let before = world.contents(&["S"]);
        let world = World::open(&disk.crash()).unwrap();
        assert_eq!((world.contents(&["S"]), world.store.damaged()), (before, vec![]), "{count}");
    }
}

/// Whatever byte of whatever snapshot flips: the state is what it was, and nothing is called damaged.
/// The wall clock of a machine that was told the time late: a checkpoint forgets no message id for it.
#[test]
fn years_that_the_clock_jumped_end_no_window() {
    const YEAR_NS: u64 = 365 * 24 * 3_600_000_000_000;
    for notes_jump in [false, true] {
        let disk = SimDisk::new(7);
        let mut world = World::open(&disk).unwrap();
        world.create(StreamSpec { dedup_window_ns: 1_000_000_000, ..crate::world::spec("S", "s.*") });
        let once = Conditions { message_id: Some(b"once"), ..Conditions::default() };
        let first = world.publish_if("S", "s.1", b"1", Some(&once)).unwrap();
        world.now.wall_ns += YEAR_NS;
        if notes_jump {
            world.publish("S", "s.1", b"2").unwrap();
        }
        assert!(world.checkpoint());
        let mut world = World::open(&disk.crash()).unwrap();
        world.now.wall_ns += if notes_jump { YEAR_NS } else { 0 };
        let again = world.publish_if("S", "s.1", b"1", Some(&once)).unwrap();
        assert_eq!((again.duplicate, again.offset), (true, first.offset), "jump noted: {notes_jump}");
    }
}

#[test]
fn a_damaged_snapshot_costs_a_longer_replay() {
    let mut flipped = 0;
    for round in 0..60_u64 {
        let disk = SimDisk::new(round);
        let mut world = World::open(&disk).unwrap();
        world.create(limited("Q", "q.*", 20));
        world.create(bucket("K", "k.*"));
        let count = 1 + round % 4;
        for checkpoint in 0..count {
            for number in 0..30_u64 {
                world.publish("Q", "q.1", &number.to_le_bytes()).unwrap();
                // From the second checkpoint on the bucket rests.
                if checkpoint == 0 {
                    world.publish("K", &format!("k.{}", number % 7), &number.to_le_bytes()).unwrap();
                }
                world.commit();
            }
            assert!(world.checkpoint());
            world.clean();
        }
        let before = world.contents(&["Q", "K"]);
        let disk = disk.crash();
        let snapshots: Vec<_> =
            disk.contents().into_iter().filter(|(name, _)| name.ends_with(".snap")).collect();
        let (name, bytes) = &snapshots[round as usize % snapshots.len()];
        flipped += usize::from(disk.flip_bit(name, (round * 131) % bytes.len() as u64, (round % 8) as u8));
        let mut world = World::open(&disk).unwrap();
        assert_eq!(
            (world.contents(&["Q", "K"]), world.store.damaged()),
            (before.clone(), vec![]),
            "round {round}"
        );
        // And it goes on from there.
        world.publish("Q", "q.1", b"after").unwrap();
        assert!(world.checkpoint());
        let after = world.contents(&["Q", "K"]);
        let world = World::open(&disk.crash()).unwrap();
        assert_eq!((world.contents(&["Q", "K"]), world.store.damaged()), (after, vec![]), "round {round}");
    }
    assert_eq!(flipped, 60);
}
