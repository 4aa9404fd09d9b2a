use std::sync::Arc;

use bytes::Bytes;
use stele_io::{Disk, Random, SimDisk, SimFaults};

use super::{Snapshot, SnapshotStore};
use crate::Lsn;

fn open(disk: &SimDisk) -> SnapshotStore {
    let (store, damage) = SnapshotStore::open(Arc::new(disk.clone()), "snap-0000").expect("opens");
    assert_eq!(damage, []);
    store
}

fn snapshot(machine: &'static str, lsn: u64, since: u64, state: &'static str) -> Snapshot {
    let state = Some(Bytes::from_static(state.as_bytes()));
    Snapshot { machine: Bytes::from_static(machine.as_bytes()), lsn: Lsn(lsn), since: Lsn(since), state }
}

fn state(store: &SnapshotStore, machine: &str) -> Option<(u64, Option<Bytes>, bool)> {
    store.read(machine.as_bytes()).expect("reads").map(|found| (found.lsn.0, found.state, found.fell_back))
}

#[test]
fn the_newest_state_wins_and_two_are_kept() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    assert_eq!((store.needed_from(), state(&store, "a")), (None, None));
    for round in 1..=5 {
        store.write(&[snapshot("a", round * 10, round * 10 - 9, "A")]).expect("writes");
    }
    store.write(&[snapshot("b", 60, 7, "B")]).expect("writes");
    for store in [store, open(&disk)] {
        assert_eq!(state(&store, "a"), Some((50, Some(Bytes::from_static(b"A")), false)));
        assert_eq!(store.needed_from(), Some(Lsn(7)));
        assert_eq!(store.machines().collect::<Vec<_>>(), [b"a", b"b"]);
    }
    assert_eq!(disk.list().expect("lists").len(), 3);
}

#[test]
fn a_damaged_state_falls_back() {
    for position in 0..100 {
        let disk = SimDisk::new(1);
        let mut store = open(&disk);
        store.write(&[snapshot("a", 10, 1, "older")]).expect("writes");
        store.write(&[snapshot("a", 20, 11, "newer")]).expect("writes");
        if !disk.flip_bit("snap-0000-00000000000000000002.snap", position, 1) {
            assert_eq!(position, 16 + 32 + 1 + 5);
            return;
        }
        let (store, damage) = SnapshotStore::open(Arc::new(disk.clone()), "snap-0000").expect("opens");
        let found = state(&store, "a");
        let older = Some(Bytes::from_static(b"older"));
        assert!(found == Some((10, older.clone(), true)) || found == Some((10, older, false)), "{found:?}");
        assert!(!damage.is_empty() || found.is_some_and(|found| found.2), "silent at {position}");
        assert_eq!(disk.list().expect("lists").len(), 2, "nothing is deleted");
    }
    unreachable!("the file ends before");
}

#[test]
fn resting_machines_let_the_log_go() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    store.write(&[snapshot("a", 10, 1, "A"), snapshot("b", 10, 2, "B")]).expect("writes");
    assert_eq!(store.settle(Lsn(2), 9).expect("settles"), 1);
    assert_eq!(store.needed_from(), Some(Lsn(2)));
    assert_eq!(store.settle(Lsn(100), 9).expect("settles"), 1);
    assert_eq!(store.needed_from(), None);
    let store = open(&disk);
    assert_eq!(state(&store, "a"), Some((10, Some(Bytes::from_static(b"A")), false)));
    assert_eq!(store.needed_from(), None);
}

#[test]
fn what_is_gone_stays_gone() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    store.write(&[snapshot("a", 10, 1, "A")]).expect("writes");
    store.write(&[Snapshot { state: None, ..snapshot("a", 20, 11, "") }]).expect("writes");
    for store in [store, open(&disk)] {
        assert_eq!(state(&store, "a"), Some((20, None, false)));
    }
}

#[test]
fn what_is_forgotten_gives_its_file_back() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    store.write(&[snapshot("a", 10, 1, "A")]).expect("writes");
    store.write(&[snapshot("a", 20, 11, "A"), snapshot("b", 20, 2, "B")]).expect("writes");
    store.forget(&[b"a".to_vec()]).expect("forgets");
    assert_eq!((state(&store, "a"), store.needed_from()), (None, Some(Lsn(2))));
    assert_eq!(disk.list().expect("lists").len(), 1);
}

#[test]
fn crashes_keep_what_was_stored() {
    for seed in 0..300 {
        let mut script = Random::new(seed);
        let mut disk = SimDisk::new(seed);
        let mut stored = [0_u64; 3];
        for _ in 0..4 {
            let mut store = open(&disk);
            for (machine, stored) in stored.iter_mut().enumerate() {
                let found = store.read(&[machine as u8]).expect("reads").map_or(0, |found| found.lsn.0);
                assert!(found >= *stored, "seed {seed}");
                *stored = found;
            }
            let power = disk.calls() + script.below(40);
            disk.set_faults(SimFaults { power_lost_at_call: Some(power), ..SimFaults::default() });
            let mut lsn = *stored.iter().max().expect("three");
            loop {
                lsn += 1;
                let machine = script.below(3);
                let snapshot = Snapshot {
                    machine: vec![machine as u8].into(),
                    lsn: Lsn(lsn),
                    since: Lsn(lsn),
                    state: Some(vec![lsn as u8; script.below(2000) as usize].into()),
                };
                if store.write(&[snapshot]).is_err() {
                    break;
                }
                stored[machine as usize] = lsn;
            }
            disk = disk.crash();
        }
    }
}
