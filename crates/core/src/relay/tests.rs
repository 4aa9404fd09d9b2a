//! Producers, the relay session and receivers on a store whose journal is synced by hand.
#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test, as it should")]

mod world;

use super::*;
use crate::store::Answer;
use bytes::Bytes;
use stele_model::batch::BatchBuilder;
use stele_model::*;
use world::World;

#[test]
fn live_receivers_get_every_record_once_in_order_and_only_when_it_is_durable() {
    let mut world = World::new();
    world.topic("t", &["t"], 2);
    let receiver = world.receiver("t");
    world.produce("t", 0, &[(Some("k"), Some("a")), (None, Some("b"))]);
    world.produce("t", 1, &[(None, Some("x"))]);
    world.produce("t", 0, &[(None, None), (None, Some(""))]);
    world.relay.attend(world.now, &mut world.scratch).unwrap();
    assert_eq!(receiver.heard(), "");
    world.settle();
    assert_eq!(receiver.heard(), "t 1 Stele-Key:k = a\nt 1 = b\nt 1 = null\nt 1 = \nt 1 = x\n");
    world.settle();
    assert_eq!(receiver.heard(), "");
    // Nothing is kept for those who come later.
    let late = world.receiver(">");
    world.produce("t", 1, &[(None, Some("y"))]);
    world.settle();
    assert_eq!((receiver.heard().as_str(), late.heard().as_str()), ("t 1 = y\n", "t 1 = y\n"));
}

#[test]
fn a_key_is_the_subject_where_the_stream_captures_it() {
    let mut world = World::new();
    world.topic("telemetry", &["home.>"], 1);
    let receiver = world.receiver(">");
    let keys = ["home.a", "home.*", "work.a", "home..a", "home. a", "$SYS.a"];
    let records: Vec<_> = keys.iter().map(|key| (Some(*key), Some("v"))).collect();
    world.produce("telemetry", 0, &records);
    world.settle();
    let mut expected = String::from("home.a 1 = v\n");
    keys[1..].iter().for_each(|key| expected += &format!("telemetry 1 Stele-Key:{key} = v\n"));
    assert_eq!(receiver.heard(), expected);
}

#[test]
fn a_published_message_is_live_once() {
    let mut world = World::new();
    world.topic("telemetry", &["home.>"], 1);
    let mut receiver = world.receiver("home.>");
    world.publish(&mut receiver, "home.a=1");
    world.produce("telemetry", 0, &[(Some("home.a"), Some("2"))]);
    world.publish(&mut receiver, "home.a=3");
    world.settle();
    // A connection's own messages come back with the answer to its bytes; the produced one is from another connection.
    assert_eq!(receiver.heard(), "home.a 1 = 2\n");
    let stored = world.ask(Request::Stream(StreamCommand::Info(StreamName::new("telemetry"))));
    let Answer::Ready { outcome: Outcome::Stream(reply), .. } = stored else { panic!("no answer") };
    assert_eq!(reply.into_info().unwrap().partitions[0].records, 3, "nothing was captured twice");
}

#[test]
fn headers_pass_in_order_and_the_timestamp_with_them() {
    let mut out = Vec::new();
    let mut builder = BatchBuilder::new(&mut out, 0);
    let headers: [Header<'_>; 3] = [(b"b", Some(b"1")), (b"a", None), (b"b", Some(b""))];
    builder.push(1234, Some(b"k"), Some(b"v"), headers).unwrap();
    builder.finish().unwrap();
    let mut world = World::new();
    world.topic("t", &["t"], 1);
    let receiver = world.receiver("t");
    world.append("t", 0, out.into());
    world.settle();
    assert_eq!(receiver.heard(), "t 1 b:1 a:null b: Stele-Key:k = v\n");
    let record = StoredRecord {
        offset: 0,
        append_time_ns: 0,
        wire_time_ms: -1,
        subject: "s".into(),
        key: Some("s".into()),
        headers_raw: Bytes::from_static(&[0]),
        value: None,
    };
    let raw = headers_of(&record);
    assert_eq!(record_headers(&raw).get(TIMESTAMP), Some(Some(&b"-1"[..])));
    assert_eq!(record_headers(&raw).get(KEY), None);
}

#[test]
fn nothing_is_decoded_where_nobody_listens_and_internal_topics_stay_quiet() {
    let mut world = World::new();
    world.topic("t", &["t"], 1);
    world.topic("__offsets", &["__offsets"], 1);
    world.topic("app-changelog", &["app-changelog"], 1);
    let elsewhere = world.receiver("elsewhere");
    world.produce("t", 0, &[(None, Some("a"))]);
    world.settle();
    for number in 0..world.store().shards() {
        let (kept, decoded) = world.store().enter(number, |shard| {
            let log = shard.streams.values().next().map_or(0, |stream| stream.partitions[0].log);
            (shard.context.unrelayed.len(), shard.context.cache.decoded(log, 0).is_some())
        });
        assert_eq!((kept, decoded), (0, false));
    }
    let all = world.receiver(">");
    for topic in ["__offsets", "app-changelog", "t"] {
        world.produce(topic, 0, &[(None, Some("b"))]);
    }
    world.settle();
    assert_eq!((all.heard().as_str(), elsewhere.heard().as_str()), ("t 1 = b\n", ""));
}

#[test]
fn many_records_of_many_partitions_come_in_the_order_of_each() {
    let mut world = World::new();
    for topic in 0..3 {
        world.topic(&format!("t{topic}"), &[&format!("t{topic}")], 4);
    }
    let receiver = world.receiver(">");
    let mut sent = std::collections::BTreeMap::<String, Vec<String>>::new();
    for number in 0..3000 {
        let (topic, partition) = (format!("t{}", number % 3), number / 3 % 4);
        let value = format!("{topic}/{partition}/{number}");
        world.produce(&topic, partition, &[(None, Some(&value))]);
        sent.entry(format!("{topic}/{partition}")).or_default().push(value);
        if number == 1500 {
            world.settle();
        }
    }
    world.settle();
    let mut heard = std::collections::BTreeMap::<String, Vec<String>>::new();
    for line in receiver.heard().lines() {
        let value = line.split_once(" = ").unwrap().1;
        heard.entry(value.rsplit_once('/').unwrap().0.to_owned()).or_default().push(value.to_owned());
    }
    assert_eq!(heard, sent);
}

#[test]
fn a_stream_in_memory_is_relayed_too() {
    let mut world = World::new();
    world.create(StreamSpec { storage: Storage::Memory, ..world::topic("t", &["t"]) });
    world.session("c", "t");
    let live = world.receiver("t");
    world.produce("t", 0, &[(None, Some("1"))]);
    world.settle();
    assert_eq!((live.heard().as_str(), world.queue("c")), ("t 1 = 1\n", vec!["1".to_owned()]));
    // Its offsets begin anew.
    let mut again = world.reopened();
    again.produce("t", 0, &[(None, Some("2"))]);
    again.settle();
    assert_eq!(again.queue("c"), ["1", "2"]);
}

#[test]
fn a_stored_session_gets_a_record_once_whatever_crashes() {
    let mut world = World::new();
    world.topic("t", &["home.>"], 1);
    world.produce("t", 0, &[(Some("home.a"), Some("before it subscribed"))]);
    world.session("c", "home.>");
    world.produce("t", 0, &[(Some("home.a"), Some("1")), (Some("home.b"), Some("2"))]);
    world.settle();
    assert_eq!(world.queue("c"), ["1", "2"]);
    // Durable, and the relay does not get to it any more.
    world.produce("t", 0, &[(Some("home.a"), Some("3")), (Some("x"), Some("another subject"))]);
    world.journal.sync();
    let mut again = world.reopened();
    let live = again.receiver(">");
    again.settle();
    assert_eq!(again.queue("c"), ["1", "2", "3"]);
    assert_eq!(live.heard(), "", "live receivers begin with what comes from now on");
    // A session that came later does not get what was there, not even by a restart.
    again.session("late", "home.>");
    again.produce("t", 0, &[(Some("home.a"), Some("4"))]);
    again.settle();
    let last = again.reopened();
    assert_eq!(
        (last.queue("c"), last.queue("late")),
        (vec!["1".into(), "2".into(), "3".into(), "4".into()], vec!["4".into()])
    );
    assert_eq!(live.heard().lines().count(), 1);
}
