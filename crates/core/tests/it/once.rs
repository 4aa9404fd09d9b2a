//! A publish that counts once is stored once, wherever the power goes between its frames and whatever the disk refuses.

use std::collections::BTreeMap;

use bytes::Bytes;
use stele_core::Lsn;
use stele_core::store::{Attempt, Capture, Keeper};
use stele_io::{Random, SimDisk, SimFaults};
use stele_log::Lane;
use stele_model::{
    Claim, ConnectionId, Error, Headers, Message, Outcome, Quality, Request, SessionCommand, SessionReply,
    StreamName, StreamSpec, Wire,
};

use crate::world::{World, caller, spec};

const SEEDS: u64 = 200;
const CLIENT: &[u8] = b"c";
/// In different shards, and in the one of the session.
const STREAMS: [&str; 3] = ["A", "B", "C"];

/// A client that keeps its side of the protocol's state.
#[derive(Default)]
struct Client {
    next: u16,
    /// Without PUBREC.
    sent: Vec<u16>,
    /// With PUBREC, without PUBCOMP.
    received: Vec<u16>,
    taken: u64,
}

#[test]
fn every_message_is_stored_once_over_crashes_and_refusals() {
    let mut taken = 0;
    for seed in 0..SEEDS {
        taken += run(seed);
    }
    assert!(taken > 10 * SEEDS, "{taken}");
}

fn run(seed: u64) -> u64 {
    let mut script = Random::new(seed ^ 0x0ce);
    let mut disk = SimDisk::new(seed);
    let mut client = Client { next: 1, ..Client::default() };
    for life in 0..6 {
        disk.set_faults(SimFaults::default());
        let mut world = World::open(&disk).unwrap();
        if life == 0 {
            let topic = |name| StreamSpec { made_by: Wire::Kafka, ..spec(name, "a") };
            STREAMS.iter().for_each(|name| world.create(topic(name)));
            assert!(world.commit());
        }
        let calls = disk.calls() + 10 + script.below(60);
        let bytes_max = script.chance(500).then(|| used(&disk) + script.below(20 << 10));
        disk.set_faults(SimFaults { power_lost_at_call: Some(calls), bytes_max, ..SimFaults::default() });
        live(&mut world, &mut script, &mut client);
        drop(world);
        disk = disk.crash();
    }
    disk.set_faults(SimFaults::default());
    let mut world = World::open(&disk).unwrap();
    open(&mut world);
    for packet in std::mem::take(&mut client.sent) {
        assert!(publish(&mut world, packet).is_ok(), "seed {seed}");
    }
    assert!(world.commit());
    for name in STREAMS {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for (_, _, value) in world.contents(&[name]) {
            *found.entry(String::from_utf8(value.unwrap()[..5].to_vec()).unwrap()).or_default() += 1;
        }
        let expected: BTreeMap<String, u64> = (1..client.next).map(|packet| (text(packet), 1)).collect();
        assert_eq!(found, expected, "seed {seed}, {name}");
    }
    client.taken
}

fn used(disk: &SimDisk) -> u64 {
    disk.contents().iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

fn text(packet: u16) -> String {
    format!("{packet:05}")
}

/// Works until the power goes, or for a while; the connection is cut now and then with answers on their way.
fn live(world: &mut World, script: &mut Random, client: &mut Client) {
    if !open(world) {
        return;
    }
    client.received.iter().for_each(|packet| drop(release(world, *packet)));
    let mut waiting: Vec<(u16, Lsn)> = Vec::new();
    for packet in client.sent.clone() {
        // What is refused again is told again: the connection goes on all the same.
        waiting.extend(publish(world, packet).ok().map(|lsn| (packet, lsn)));
    }
    for _ in 0..60 {
        match script.below(8) {
            0..4 if client.sent.len() < 8 => {
                let packet = client.next;
                client.next += 1;
                client.sent.push(packet);
                waiting.extend(publish(world, packet).ok().map(|lsn| (packet, lsn)));
            }
            4..7 => {
                if !world.commit() {
                    return;
                }
                let durable = world.lane.durable().0;
                for (packet, _) in waiting.extract_if(.., |(_, lsn)| lsn.0 <= durable) {
                    client.sent.retain(|other| *other != packet);
                    client.received.push(packet);
                    client.taken += 1;
                }
            }
            _ => {
                if let Some(packet) = client.received.pop() {
                    drop(release(world, packet));
                }
                let _ = world.lane.maintain();
            }
        }
    }
}

fn open(world: &mut World) -> bool {
    let client = Bytes::from_static(CLIENT);
    let open = SessionCommand::Open { client, clean: false, expiry_s: 1000, will: None };
    let answer = world.store.request(world.now, &caller(), Request::Session(open));
    let stele_core::store::Answer::Ready { outcome: Outcome::Session(_), .. } = answer else { return false };
    world.commit()
}

fn release(world: &mut World, packet: u16) -> Result<(), Error> {
    let release = SessionCommand::Release { client: Bytes::from_static(CLIENT), packet };
    match world.store.request(world.now, &caller(), Request::Session(release)) {
        stele_core::store::Answer::Ready {
            outcome: Outcome::Session(SessionReply::Released { .. }), ..
        } => Ok(()),
        _ => Err(Error::Storage),
    }
}

/// What the answer waits for; where it is refused, the connection is cut before the client hears of that.
fn publish(world: &mut World, packet: u16) -> Result<Lsn, Error> {
    let claim = Claim { client: CLIENT, packet };
    let payload = format!("{}{}", text(packet), "x".repeat(usize::from(packet) * 37 % 900));
    let (store, now) = (&world.store, world.now);
    let once = store.once(now, &caller(), &claim, 100, &mut |before| {
        let mut attempt = Attempt::default();
        for name in STREAMS {
            let keeper = Keeper { message: 0, stream: Some(StreamName::new(name)) };
            if before.contains(&keeper) {
                continue;
            }
            let message = Message {
                subject: b"a",
                reply: &[],
                headers: Headers::none(),
                payload: Some(payload.as_bytes()),
                quality: Quality::ExactlyOnce,
                retain: false,
                from: ConnectionId(1),
            };
            let mut results = Vec::new();
            let capture = Capture { message, conditions: None };
            let lsn = store.capture(now, &StreamName::new(name), &[capture], &mut results);
            attempt.lsn = attempt.lsn.max(lsn);
            // The commit thread comes between: what is held is not its yet.
            world.lane.step(world.instant);
            match results.remove(0) {
                Ok(_) => attempt.kept.push(keeper),
                Err(error) => attempt.refused = attempt.refused.or(Some(error)),
            }
        }
        attempt
    });
    once.refused.map_or(Ok(once.lsn), Err)
}
