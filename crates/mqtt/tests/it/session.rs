//! Whole conversations: packets in, packets out, over the real core.

use crate::world::{World, connect, list};
use stele_model::Close;
use stele_mqtt::codec::{
    Ack, Disconnect, Packet, PacketId, Properties, Property, Publish, RetainHandling, Subscription,
    SubscriptionOptions, Will, encode_subscribe, encode_unsubscribe,
};
use stele_mqtt::topic::TopicName;
use stele_mqtt::{MqttSettings, Qos, ReasonCode, Version};

pub(crate) const PERSISTENT: &[Property<'static>] = &[Property::SessionExpiryInterval(100)];

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not 0")
}

fn qos(number: u8) -> Qos {
    Qos::from_bits(number).expect("0 to 2")
}

fn topic(text: &str) -> TopicName<'_> {
    TopicName::parse(text).expect("a topic")
}

pub(crate) fn publish<'a>(name: &'a str, payload: &'a str, quality: u8, number: u16) -> Publish<'a> {
    Publish {
        duplicate: false,
        qos: qos(quality),
        retain: false,
        topic: Some(topic(name)),
        packet_id: (quality > 0).then(|| id(number)),
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    }
}

pub(crate) fn subscribe(world: &mut World, client: usize, version: Version, filters: &[(&str, u8)]) {
    let options = |number| SubscriptionOptions { qos: qos(number), ..SubscriptionOptions::default() };
    let filters: Vec<_> = filters.iter().map(|(name, number)| (*name, options(*number))).collect();
    subscribe_with(world, client, version, &filters, &[]);
}

fn subscribe_with(
    world: &mut World,
    client: usize,
    version: Version,
    filters: &[(&str, SubscriptionOptions)],
    properties: &[Property<'_>],
) {
    let mut bytes = Vec::new();
    let lines = filters.iter().map(|(topic, options)| Subscription { topic, options: *options });
    encode_subscribe(version, id(9), list(properties).as_properties(), lines, &mut bytes).expect("it fits");
    world.say_bytes(client, &bytes);
}

fn unsubscribe(world: &mut World, client: usize, version: Version, names: &[&str]) {
    let mut bytes = Vec::new();
    encode_unsubscribe(version, id(8), Properties::EMPTY, names.iter().copied(), &mut bytes)
        .expect("it fits");
    world.say_bytes(client, &bytes);
}

#[test]
fn a_message_reaches_subscribers_of_every_version_and_quality() {
    for sender in Version::ALL {
        for receiver in Version::ALL {
            for sent in 0..3 {
                for granted in 0..3 {
                    let mut world = World::new();
                    let to = world.connect("to", receiver, true, &[]);
                    let from = world.connect("from", sender, true, &[]);
                    subscribe(&mut world, to, receiver, &[("a/+", granted)]);
                    world.heard(to);
                    world.heard(from);
                    world.say(from, &Packet::Publish(publish("a/b", "x", sent, 3)));
                    let at = sent.min(granted);
                    let number = if at > 0 { " #32768" } else { "" };
                    assert_eq!(world.heard(to), format!("PUBLISH a/b q{at}{number} \"x\"\n"));
                    let answer = ["", "PubAck #3 00\n", "PubRec #3 00\n"][usize::from(sent)];
                    assert_eq!(world.heard(from), answer);
                }
            }
        }
    }
}

#[test]
fn nobody_listens() {
    let mut world = World::new();
    for (version, expected) in [(Version::V311, "PubAck #1 00\n"), (Version::V5, "PubAck #1 10\n")] {
        let from = world.connect("from", version, true, &[]);
        world.heard(from);
        world.say(from, &Packet::Publish(publish("x", "", 1, 1)));
        assert_eq!(world.heard(from), expected);
    }
}

#[test]
fn connack_says_what_differs() {
    let settings = MqttSettings { keep_alive_max_s: 60, session_expiry_max_s: 50, ..MqttSettings::default() };
    let mut world = World::with(settings);
    let client = world.connect("", Version::V5, false, PERSISTENT);
    assert_eq!(
        world.heard(client),
        "CONNACK 00 present=false SessionExpiryInterval(50) ReceiveMaximum(1000) MaximumPacketSize(2000000) \
         AssignedClientIdentifier(\"auto-00000000000000070000000000000007\") TopicAliasMaximum(16) \
         ServerKeepAlive(60)\n"
    );
    let old = world.connect("old", Version::V311, true, &[]);
    assert_eq!(world.heard(old), "CONNACK 00 present=false\n");
    world.pass(91);
    assert_eq!((world.closed(old), world.closed(client)), (Some(&Close::Idle), Some(&Close::Idle)));
    assert_eq!(world.heard(client), "DISCONNECT 8d\n");
}

#[test]
fn a_second_connection_takes_over() {
    let mut world = World::new();
    let first = world.connect("c", Version::V5, true, &[]);
    world.heard(first);
    let second = world.connect("c", Version::V311, true, &[]);
    assert_eq!(world.heard(first), "DISCONNECT 8e\n");
    assert_eq!(world.closed(first), Some(&Close::TakenOver));
    assert_eq!(world.heard(second), "CONNACK 00 present=false\n");
    assert_eq!(world.closed(second), None);
}

#[test]
fn packets_behind_connect_wait_for_connack() {
    let mut world = World::new();
    let client = world.join(Version::V5);
    let mut bytes = Vec::new();
    let properties = list(PERSISTENT);
    let hello = connect("c", Version::V5, true, properties.as_properties());
    Packet::Connect(hello).encode(Version::V5, &mut bytes).expect("it fits");
    Packet::PingReq.encode(Version::V5, &mut bytes).expect("it fits");
    world.say_bytes(client, &bytes);
    let heard = world.heard(client);
    assert!(heard.starts_with("CONNACK 00") && heard.ends_with("PingResp\n"), "{heard}");
}

#[test]
fn wills_follow_the_loss_of_a_connection() {
    for (goodbye, expected) in [
        (None, "PUBLISH w q1 #32768 \"gone\"\n"),
        (Some(ReasonCode::SUCCESS), ""),
        (Some(ReasonCode::DISCONNECT_WITH_WILL), "PUBLISH w q1 #32768 \"gone\"\n"),
    ] {
        let mut world = World::new();
        let to = world.connect("to", Version::V5, true, &[]);
        subscribe(&mut world, to, Version::V5, &[("w", 1)]);
        world.heard(to);
        let client = world.join(Version::V5);
        let will = will("w", Properties::EMPTY);
        let hello = connect("c", Version::V5, true, Properties::EMPTY);
        world.say(client, &Packet::Connect(stele_mqtt::codec::Connect { will: Some(will), ..hello }));
        match goodbye {
            Some(reason) => {
                world.say(client, &Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY }));
            }
            None => world.end(client, Close::Lost),
        }
        assert_eq!(world.heard(to), expected, "{goodbye:?}");
    }
}

fn will<'a>(name: &'a str, properties: Properties<'a>) -> Will<'a> {
    Will { topic: topic(name), payload: b"gone", qos: Qos::AtLeastOnce, retain: false, properties }
}

#[test]
fn a_will_waits_and_survives_a_crash() {
    let delay = list(&[Property::WillDelayInterval(20)]);
    let connect_with_will = |world: &mut World| {
        let client = world.join(Version::V5);
        let properties = list(PERSISTENT);
        let hello = connect("c", Version::V5, false, properties.as_properties());
        let will = Some(will("w", delay.as_properties()));
        world.say(client, &Packet::Connect(stele_mqtt::codec::Connect { will, ..hello }));
        client
    };
    let watch = |world: &mut World| {
        let to = world.connect("to", Version::V311, true, &[]);
        subscribe(world, to, Version::V311, &[("w", 0)]);
        world.heard(to);
        to
    };
    let mut world = World::new();
    let to = watch(&mut world);
    let client = connect_with_will(&mut world);
    world.end(client, Close::Lost);
    world.pass(19);
    assert_eq!(world.heard(to), "");
    // Resumed in time: nothing is published.
    let client = connect_with_will(&mut world);
    world.pass(30);
    assert_eq!(world.heard(to), "");
    world.end(client, Close::Lost);
    world.pass(21);
    assert_eq!(world.heard(to), "PUBLISH w q0 \"gone\"\n");
    connect_with_will(&mut world);
    let mut world = world.crash();
    let to = watch(&mut world);
    world.pass(21);
    assert_eq!(world.heard(to), "PUBLISH w q0 \"gone\"\n");
    world.pass(200);
    assert_eq!(world.heard(to), "");
}

#[test]
fn retained_messages_are_kept_replaced_and_cleared() {
    let mut world = World::new();
    let from = world.connect("from", Version::V5, true, &[]);
    let retained = |payload, quality| Publish { retain: true, ..publish("r/x y", payload, quality, 1) };
    world.say(from, &Packet::Publish(retained("1", 1)));
    world.say(from, &Packet::Publish(retained("2", 2)));
    world.say(from, &Packet::PubRel(Ack::success(id(1))));
    let to = world.connect("to", Version::V5, true, &[]);
    world.heard(to);
    subscribe(&mut world, to, Version::V5, &[("r/#", 1)]);
    assert_eq!(world.heard(to), "SUBACK #9 [01]\nPUBLISH r/x y q1 #32768 retain \"2\"\n");
    let ignore =
        SubscriptionOptions { retain_handling: RetainHandling::Ignore, ..SubscriptionOptions::default() };
    let if_new = SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..ignore };
    subscribe_with(&mut world, to, Version::V5, &[("#", ignore), ("r/#", if_new), ("+/+", if_new)], &[]);
    assert_eq!(world.heard(to), "SUBACK #9 [00, 00, 00]\nPUBLISH r/x y q0 retain \"2\"\n");
    world.say(from, &Packet::Publish(retained("", 0)));
    assert_eq!(world.heard(to), "PUBLISH r/x y q0 \"\"\n");
    let mut world = world.crash();
    let to = world.connect("to", Version::V311, true, &[]);
    world.heard(to);
    subscribe(&mut world, to, Version::V311, &[("r/#", 1)]);
    assert_eq!(world.heard(to), "SUBACK #9 [01]\n");
}

#[test]
fn overlapping_subscriptions_give_one_copy_with_all_identifiers() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, &[]);
    let option = |number| SubscriptionOptions { qos: qos(number), ..SubscriptionOptions::default() };
    subscribe_with(
        &mut world,
        to,
        Version::V5,
        &[("a/#", option(1))],
        &[Property::SubscriptionIdentifier(5)],
    );
    subscribe_with(
        &mut world,
        to,
        Version::V5,
        &[("a/b", option(0))],
        &[Property::SubscriptionIdentifier(6)],
    );
    world.heard(to);
    let from = world.connect("from", Version::V311, true, &[]);
    world.say(from, &Packet::Publish(publish("a/b", "x", 2, 1)));
    assert_eq!(
        world.heard(to),
        "PUBLISH a/b q1 #32768 \"x\" SubscriptionIdentifier(5) SubscriptionIdentifier(6)\n"
    );
    unsubscribe(&mut world, to, Version::V5, &["a/b", "a/b", "a/#"]);
    assert_eq!(world.heard(to), "UNSUBACK #8 [00, 11, 00]\n");
    world.say(from, &Packet::Publish(publish("a/b", "x", 0, 1)));
    assert_eq!(world.heard(to), "");
}

#[test]
fn a_stored_session_gets_what_it_missed() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, PERSISTENT);
    subscribe(&mut world, to, Version::V5, &[("a", 2), ("b", 1)]);
    world.end(to, Close::Lost);
    let from = world.connect("from", Version::V5, true, &[]);
    world.heard(from);
    for (number, (name, quality)) in [("a", 0), ("a", 1), ("b", 2), ("a", 2)].into_iter().enumerate() {
        let text = number.to_string();
        world.say(from, &Packet::Publish(publish(name, &text, quality, number as u16 + 1)));
    }
    assert_eq!(world.heard(from), "PubAck #2 00\nPubRec #3 00\nPubRec #4 00\n");
    let mut world = world.crash();
    let to = world.connect("to", Version::V5, false, PERSISTENT);
    let heard = world.heard(to);
    let (connack, rest) = heard.split_once('\n').expect("a line");
    assert!(connack.starts_with("CONNACK 00 present=true"), "{connack}");
    assert_eq!(rest, "PUBLISH a q1 #1 \"1\"\nPUBLISH b q1 #2 \"2\"\nPUBLISH a q2 #3 \"3\"\n");
    world.say(to, &Packet::PubAck(Ack::success(id(2))));
    world.say(to, &Packet::PubRec(Ack::success(id(3))));
    assert_eq!(world.heard(to), "PubRel #3 00\n");
    // What is owed comes again: PUBREL, then the unacknowledged message, with DUP.
    world.end(to, Close::Lost);
    let to = world.connect("to", Version::V311, false, &[]);
    assert_eq!(world.heard(to), "CONNACK 00 present=true\nPubRel #3 00\nPUBLISH a q1 #1 dup \"1\"\n");
    world.say(to, &Packet::PubAck(Ack::success(id(1))));
    world.say(to, &Packet::PubComp(Ack::success(id(3))));
    let mut world = world.crash();
    let to = world.connect("to", Version::V311, false, &[]);
    assert_eq!(world.heard(to), "CONNACK 00 present=true\n");
    let clean = world.connect("to", Version::V311, true, &[]);
    assert_eq!(world.heard(clean), "CONNACK 00 present=false\n");
}

#[test]
fn a_session_expires() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, PERSISTENT);
    world.end(to, Close::Lost);
    world.pass(101);
    let to = world.connect("to", Version::V5, false, PERSISTENT);
    assert!(world.heard(to).starts_with("CONNACK 00 present=false"));
}

#[test]
fn rules_end_the_connection() {
    let alias = list(&[Property::TopicAlias(17)]);
    let unknown = list(&[Property::TopicAlias(3)]);
    for (packet, expected) in [
        (Publish { properties: alias.as_properties(), ..publish("a", "", 0, 0) }, "DISCONNECT 94\n"),
        (
            Publish { topic: None, properties: unknown.as_properties(), ..publish("a", "", 0, 0) },
            "DISCONNECT 82\n",
        ),
    ] {
        let mut world = World::new();
        let client = world.connect("c", Version::V5, true, &[]);
        world.heard(client);
        world.say(client, &Packet::Publish(packet));
        assert_eq!(world.heard(client), expected);
        assert!(world.closed(client).is_some());
    }
    let mut world = World::with(MqttSettings { receive_max: 2, ..MqttSettings::default() });
    let client = world.connect("c", Version::V5, true, &[]);
    world.heard(client);
    for number in 1..4 {
        world.say(client, &Packet::Publish(publish("a", "", 2, number)));
    }
    assert_eq!(world.heard(client), "PubRec #1 10\nPubRec #2 10\nDISCONNECT 93\n");
}

#[test]
fn aliases_both_ways() {
    let mut world = World::new();
    let to = world.connect("to", Version::V5, true, &[Property::TopicAliasMaximum(1)]);
    subscribe(&mut world, to, Version::V5, &[("a", 1)]);
    world.heard(to);
    let from = world.connect("from", Version::V5, true, &[]);
    let alias = list(&[Property::TopicAlias(2)]);
    let first = Publish { properties: alias.as_properties(), ..publish("a", "1", 1, 1) };
    world.say(from, &Packet::Publish(first));
    world.say(from, &Packet::Publish(Publish { topic: None, payload: b"2", ..first }));
    assert_eq!(
        world.heard(to),
        "PUBLISH a q1 #32768 \"1\" TopicAlias(1)\nPUBLISH - q1 #32769 \"2\" TopicAlias(1)\n"
    );
}

#[test]
fn the_window_and_the_queue() {
    let mut world = World::with(MqttSettings { queued_max: 1, ..MqttSettings::default() });
    let to = world.connect("to", Version::V5, true, &[Property::ReceiveMaximum(1)]);
    subscribe(&mut world, to, Version::V5, &[("a", 1)]);
    world.heard(to);
    let from = world.connect("from", Version::V5, true, &[]);
    for text in ["1", "2", "3"] {
        world.say(from, &Packet::Publish(publish("a", text, 1, 1)));
    }
    assert_eq!(world.heard(to), "PUBLISH a q1 #32768 \"1\"\n");
    world.say(to, &Packet::PubAck(Ack::success(id(32768))));
    world.say(to, &Packet::PubAck(Ack::success(id(32769))));
    assert_eq!(world.heard(to), "PUBLISH a q1 #32769 \"2\"\n");
}

#[test]
fn shared_subscriptions_have_one_receiver_each() {
    let mut world = World::new();
    let members: Vec<usize> =
        ["m1", "m2"].iter().map(|name| world.connect(name, Version::V5, true, &[])).collect();
    for member in &members {
        subscribe(
            &mut world,
            *member,
            Version::V5,
            &[("$share/g/a/#", 1), ("$share/g/a/b", 1), ("$share/g", 0)],
        );
        assert!(world.heard(*member).ends_with("SUBACK #9 [01, 01, 8f]\n"));
    }
    let from = world.connect("from", Version::V5, true, &[]);
    for number in 1..9 {
        world.say(from, &Packet::Publish(publish("a/b", "", 1, number)));
    }
    let total: usize = members.iter().map(|member| world.heard(*member).matches("PUBLISH").count()).sum();
    assert_eq!(total, 16, "one for each of two shared subscriptions");
}

#[test]
fn messages_of_other_topics_are_refused_or_dropped() {
    let mut world = World::new();
    for (version, expected) in [(Version::V5, "PubAck #1 87\n"), (Version::V311, "PubAck #1 00\n")] {
        let client = world.connect("c", version, true, &[]);
        world.heard(client);
        world.say(client, &Packet::Publish(publish("$SYS/x", "", 1, 1)));
        assert_eq!(world.heard(client), expected);
    }
}
