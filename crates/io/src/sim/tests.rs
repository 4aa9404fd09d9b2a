use std::io::IoSlice;

use super::{SimDisk, SimFaults};
use crate::{Disk, DiskErrorKind, Random};

fn read_all(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    disk.contents().into_iter().find(|(found, _)| found == name).map(|(_, bytes)| bytes)
}

#[test]
fn synced_bytes_survive_and_others_may_not() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").expect("creates");
        disk.sync_dir().expect("syncs");
        file.write_at(0, &[IoSlice::new(&[1; 2000])]).expect("writes");
        file.sync_data().expect("syncs");
        file.write_at(1000, &[IoSlice::new(&[2; 2000])]).expect("writes");
        let disk = disk.crash();
        let bytes = read_all(&disk, "a").expect("the name was synced");
        assert_eq!(bytes[..1000], [1; 1000]);
        assert!(bytes[1024..1536].iter().all(|byte| *byte == bytes[1024]), "torn inside a sector");
        lost += usize::from(bytes.len() < 3000 || bytes[1000..].contains(&1));
        assert_eq!(file.sync_data().expect_err("an old handle").kind, DiskErrorKind::PowerLost);
    }
    assert!((20..100).contains(&lost), "{lost}");
}

#[test]
fn unsynced_names_may_be_lost() {
    let mut kept = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        disk.create("a").expect("creates").sync_data().expect("syncs");
        kept += disk.crash().list().expect("lists").len();
    }
    assert!((10..90).contains(&kept), "{kept}");
}

#[test]
fn a_failed_sync_forgets_and_the_next_one_lies() {
    let mut lies = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").expect("creates");
        disk.sync_dir().expect("syncs");
        file.write_at(0, &[IoSlice::new(&[1; 512])]).expect("writes");
        disk.set_faults(SimFaults { sync_fails_per_mille: 1000, ..SimFaults::default() });
        file.sync_data().expect_err("told to fail");
        disk.set_faults(SimFaults::default());
        file.sync_data().expect("and it lies");
        lies += usize::from(read_all(&disk.crash(), "a") != Some(vec![1; 512]));
    }
    assert!(lies > 10, "{lies}");
}

#[test]
fn each_handle_hears_of_a_failed_sync_once() {
    let disk = SimDisk::new(3);
    let first = disk.create("a").expect("creates");
    let second = disk.open("a").expect("opens");
    disk.set_faults(SimFaults { sync_fails_per_mille: 1000, ..SimFaults::default() });
    first.sync_data().expect_err("told to fail");
    disk.set_faults(SimFaults::default());
    disk.open("a").expect("opens").sync_data().expect("it came later");
    second.sync_data().expect_err("what it wrote may be gone as well");
    for handle in [first, second] {
        handle.sync_data().expect("it was told");
    }
}

#[test]
fn the_power_goes_at_the_scripted_call() {
    let disk = SimDisk::new(7);
    disk.set_faults(SimFaults { power_lost_at_call: Some(2), ..SimFaults::default() });
    disk.create("a").expect("the first call");
    assert_eq!(disk.sync_dir().expect_err("the second call").kind, DiskErrorKind::PowerLost);
    assert!(!disk.has_power());
    disk.crash().list().expect("power is back");
}

#[test]
fn a_full_disk_takes_no_growth_but_overwrites() {
    let disk = SimDisk::new(1);
    let file = disk.create("a").expect("creates");
    file.preallocate(1000).expect("fits");
    disk.set_faults(SimFaults { bytes_max: Some(1000), ..SimFaults::default() });
    assert_eq!(file.preallocate(1001).expect_err("full").kind, DiskErrorKind::Full);
    file.write_at(10, &[IoSlice::new(b"still fits")]).expect("overwrites");
}

#[test]
fn equal_seeds_and_calls_give_equal_disks() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        disk.set_faults(SimFaults { sync_fails_per_mille: 200, ..SimFaults::default() });
        let mut script = Random::new(99);
        for round in 0..50 {
            let name = format!("f{}", script.below(4));
            let file = disk.create(&name).or_else(|_| disk.open(&name)).expect("one of the two");
            let bytes = vec![round as u8; script.below(3000) as usize];
            file.write_at(script.below(2000), &[IoSlice::new(&bytes)]).expect("writes");
            let _ = file.sync_data();
            let _ = disk.sync_dir();
        }
        let after = disk.crash();
        (
            format!("{:x}", crc_fast::crc64_nvme(format!("{:?}", after.contents()).as_bytes())),
            after.call_digest(),
        )
    };
    assert_eq!(run(5), run(5));
    let seeds: std::collections::BTreeSet<_> = (0..10).map(run).collect();
    assert!(seeds.len() > 5, "{seeds:?}");
}
