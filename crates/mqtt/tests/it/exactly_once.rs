//! QoS 2 from and to clients: once, whatever is cut, refused or killed.

use crate::session::{PERSISTENT, id, publish, subscribe};
use crate::world::World;
use stele_model::{Close, Discard, Filter, Limits, StreamName, StreamSpec, Wire};
use stele_mqtt::Version;
use stele_mqtt::codec::{Ack, Packet, Publish};

#[test]
fn quality_two_both_ways_delivers_once() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, &[]);
    let from = world.connect("from", Version::V5, true, &[]);
    subscribe(&mut world, to, Version::V5, &[("a", 2)]);
    world.heard(to);
    world.heard(from);
    world.say(from, &Packet::Publish(publish("a", "x", 2, 5)));
    let again = Publish { duplicate: true, ..publish("a", "x", 2, 5) };
    world.say(from, &Packet::Publish(again));
    world.say(from, &Packet::PubRel(Ack::success(id(5))));
    world.say(from, &Packet::PubRel(Ack::success(id(5))));
    assert_eq!(world.heard(from), "PubRec #5 00\nPubRec #5 00\nPubComp #5 00\nPubComp #5 92\n");
    assert_eq!(world.heard(to), "PUBLISH a q2 #32768 \"x\"\n");
    world.say(to, &Packet::PubRec(Ack::success(id(32768))));
    world.say(to, &Packet::PubComp(Ack::success(id(32768))));
    world.say(to, &Packet::PubRec(Ack::success(id(7))));
    assert_eq!(world.heard(to), "PubRel #32768 00\nPubRel #7 92\n");
}

#[test]
fn quality_two_ids_survive_a_crash() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, PERSISTENT);
    subscribe(&mut world, to, Version::V5, &[("a", 2)]);
    let from = world.connect("from", Version::V5, true, PERSISTENT);
    world.say(from, &Packet::Publish(publish("a", "x", 2, 5)));
    let mut world = world.crash();
    let from = world.connect("from", Version::V5, false, PERSISTENT);
    world.heard(from);
    world.say(from, &Packet::Publish(Publish { duplicate: true, ..publish("a", "x", 2, 5) }));
    world.say(from, &Packet::PubRel(Ack::success(id(5))));
    assert_eq!(world.heard(from), "PubRec #5 00\nPubComp #5 00\n");
    let to = world.connect("to", Version::V5, false, PERSISTENT);
    assert_eq!(world.heard(to).matches("PUBLISH").count(), 1);
}

/// Captures `a`; the second takes one message and refuses the next.
fn streams(world: &mut World) {
    let spec = |name| StreamSpec::new(StreamName::new(name), Wire::Kafka, vec![Filter::new(b"a").unwrap()]);
    world.create(spec("ALL"));
    let limits = Limits { records_max: Some(1), discard: Discard::New, ..Limits::none() };
    world.create(StreamSpec { limits, ..spec("FEW") });
}

fn ends(world: &mut World) -> [u64; 2] {
    ["ALL", "FEW"].map(|name| world.end_of(name))
}

fn again<'a>(payload: &'a str, number: u16) -> Packet<'a> {
    Packet::Publish(Publish { duplicate: true, ..publish("a", payload, 2, number) })
}

#[test]
fn a_kill_before_the_commit_leaves_neither_message_nor_claim() {
    for commits in [false, true] {
        let mut world = World::new();
        streams(&mut world);
        let from = world.connect("from", Version::V311, false, &[]);
        world.heard(from);
        world.say_uncommitted(from, &Packet::Publish(publish("a", "x", 2, 5)));
        assert_eq!(world.heard(from), "", "PUBREC waits for the commit");
        if commits {
            world.journal.sync();
        }
        let mut world = world.crash();
        let from = world.connect("from", Version::V311, false, &[]);
        world.say(from, &again("x", 5));
        world.say(from, &again("x", 5));
        world.say(from, &Packet::PubRel(Ack::success(id(5))));
        let heard = world.heard(from);
        assert_eq!(heard, "CONNACK 00 present=true\nPubRec #5 00\nPubRec #5 00\nPubComp #5 00\n");
        assert_eq!(ends(&mut world), [1, 1]);
    }
}

#[test]
fn a_refusal_that_was_not_told_is_no_duplicate() {
    let mut world = World::new();
    streams(&mut world);
    let from = world.connect("from", Version::V5, true, PERSISTENT);
    world.say(from, &Packet::Publish(publish("a", "x", 2, 1)));
    world.say(from, &Packet::PubRel(Ack::success(id(1))));
    world.heard(from);
    // One stream takes it, the other is full, and the connection is cut before the client hears of it.
    world.say_uncommitted(from, &Packet::Publish(publish("a", "y", 2, 2)));
    world.end(from, Close::Lost);
    assert_eq!((world.heard(from).as_str(), ends(&mut world)), ("", [2, 1]));
    let from = world.connect("from", Version::V5, false, PERSISTENT);
    world.heard(from);
    world.purge("FEW");
    world.say(from, &again("y", 2));
    assert_eq!((world.heard(from).as_str(), ends(&mut world)), ("PubRec #2 00\n", [2, 2]));
}

#[test]
fn a_refusal_that_was_told_frees_the_packet_id() {
    let mut world = World::new();
    streams(&mut world);
    let from = world.connect("from", Version::V5, true, PERSISTENT);
    world.say(from, &Packet::Publish(publish("a", "x", 2, 1)));
    world.heard(from);
    // Two refusals and one message of another topic in one read: PUBRECs in the order of the messages.
    let packets = [publish("a", "y", 2, 2), publish("b", "z", 2, 3), publish("a", "w", 2, 4)];
    packets.iter().for_each(|packet| world.say_uncommitted(from, &Packet::Publish(*packet)));
    world.settle();
    assert_eq!(world.heard(from), "PubRec #2 97\nPubRec #3 10\nPubRec #4 97\n");
    // A kill after that: what comes under the id is another message.
    let mut world = world.crash();
    world.purge("FEW");
    let from = world.connect("from", Version::V5, false, PERSISTENT);
    world.heard(from);
    world.say(from, &Packet::Publish(publish("a", "v", 2, 2)));
    assert_eq!((world.heard(from).as_str(), ends(&mut world)), ("PubRec #2 00\n", [4, 2]));
}

#[test]
fn a_retained_message_comes_into_the_bucket_with_its_claim() {
    let mut world = World::new();
    let from = world.connect("from", Version::V311, false, &[]);
    let retained = Publish { retain: true, ..publish("r", "x", 2, 1) };
    world.say(from, &Packet::Publish(retained));
    assert_eq!(world.heard(from), "CONNACK 00 present=false\nPubRec #1 00\n");
    assert_eq!(world.end_of("KV_retained"), 1);
    let mut world = world.crash();
    let from = world.connect("from", Version::V311, false, &[]);
    world.say(from, &Packet::Publish(Publish { duplicate: true, ..retained }));
    assert_eq!(world.heard(from), "CONNACK 00 present=true\nPubRec #1 00\n");
    assert_eq!(world.end_of("KV_retained"), 1);
}

#[test]
fn a_message_that_came_again_is_shown_once_to_who_listens() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, &[]);
    subscribe(&mut world, to, Version::V5, &[("a", 2)]);
    let from = world.connect("from", Version::V311, false, &[]);
    world.say_uncommitted(from, &Packet::Publish(publish("a", "x", 2, 1)));
    world.end(from, Close::Lost);
    let from = world.connect("from", Version::V311, false, &[]);
    world.say(from, &again("x", 1));
    assert_eq!(world.heard(from), "CONNACK 00 present=true\nPubRec #1 00\n");
    assert_eq!(world.heard(to).matches("PUBLISH").count(), 1);
}
