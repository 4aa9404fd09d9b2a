//! Replies have the keys that nats-server's have, with its values where they are not times or levels.

use super::{NOW, World, cursor, cursor_info, info, stream_info};
use serde_json::Value;
use stele_model::{CursorCommand, Error, Outcome, Request, StreamReply, SubjectCount};

/// Compares with a recorded reply: equal keys at every depth, equal values but for `masked` keys.
fn check(published: &[String], recorded: &str) {
    let reply = published.first().expect("an answer").strip_prefix("R   ").expect("to the reply subject");
    let ours: Value = serde_json::from_str(reply).expect("JSON");
    let theirs: Value = serde_json::from_str(recorded).expect("JSON");
    compare("", &ours, &theirs);
}

fn compare(at: &str, ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            // A 2.10 server writes no metadata of its own and no level.
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = map
                    .keys()
                    .filter(|key| !matches!(key.as_str(), "metadata" | "level" | "cluster"))
                    .cloned()
                    .collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(ours), keys(theirs), "at {at}");
            for (key, value) in ours {
                if let Some(other) = theirs.get(key) {
                    compare(&format!("{at}.{key}"), value, other);
                }
            }
        }
        _ if [".created", ".ts", ".first_ts", ".last_ts"].iter().any(|key| at.ends_with(key)) => {
            assert!(ours.is_string() && theirs.is_string(), "at {at}");
        }
        _ => assert_eq!(ours, theirs, "at {at}"),
    }
}

#[test]
fn account_info() {
    let mut world = World::default();
    assert!(world.api("INFO", "").is_empty());
    let recorded = r#"{"type":"io.nats.jetstream.api.v1.account_info_response","memory":0,"storage":0,"reserved_memory":0,"reserved_storage":0,"streams":0,"consumers":0,"limits":{"max_memory":-1,"max_storage":-1,"max_streams":-1,"max_consumers":-1,"max_ack_pending":-1,"memory_max_stream_bytes":-1,"storage_max_stream_bytes":-1,"max_bytes_required":false},"api":{"level":5,"total":0,"errors":0}}"#;
    check(&world.answer(Outcome::Stream(StreamReply::List(Vec::new()))), recorded);
    let higher = world.send("$JS.API.INFO", "Nats-Required-Api-Level: 99\r\n", "");
    check(
        &higher,
        r#"{"type":"io.nats.jetstream.api.v1.account_info_response","error":{"code":412,"err_code":10185,"description":"JetStream minimum api level required"}}"#,
    );
}

#[test]
fn stream_create() {
    let mut world = World::default();
    let config = r#"{"name":"X","first_seq":10,"metadata":{"a":"b"},"description":"d","max_msgs":10,"allow_direct":true,"unknown":1,"mirror":null,"sources":[]}"#;
    assert!(world.api("STREAM.CREATE.X", config).is_empty());
    let mut made = stream_info(config);
    made.partitions[0] = stele_model::PartitionInfo { first: 9, log_start: 9, end: 9, ..Default::default() };
    let outcome = Outcome::Stream(StreamReply::Info { info: Box::new(made), created: true });
    check(
        &world.answer(outcome),
        r#"{"type":"io.nats.jetstream.api.v1.stream_create_response","config":{"name":"X","description":"d","subjects":["X"],"retention":"limits","max_consumers":-1,"max_msgs":10,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","first_seq":10,"allow_direct":true,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false,"metadata":{"a":"b"}},"created":"2026-11-22T13:27:07.490700937Z","state":{"messages":0,"bytes":0,"first_seq":10,"first_ts":"0001-01-01T00:00:00Z","last_seq":9,"last_ts":"0001-01-01T00:00:00Z","consumer_count":0},"ts":"2026-11-22T13:27:07.491695285Z","did_create":true}"#,
    );
}

#[test]
fn stream_info_with_subjects() {
    let mut world = World::default();
    world.api("STREAM.INFO.S", r#"{"subjects_filter":">","deleted_details":true}"#);
    assert!(world.answer(info(r#"{"name":"S","subjects":["s.>"]}"#)).is_empty());
    assert!(
        world
            .asked()
            .contains("Subjects { stream: \"S\", filter: Filter(>), after: None, count_max: 100000 }")
    );
    let count = SubjectCount { subject: "s.a".into(), count: 2 };
    check(
        &world.answer(Outcome::Stream(StreamReply::Subjects(vec![count]))),
        r#"{"type":"io.nats.jetstream.api.v1.stream_info_response","total":1,"offset":0,"limit":100000,"config":{"name":"S","subjects":["s.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false},"created":"x","state":{"messages":2,"bytes":70,"first_seq":1,"first_ts":"x","last_seq":2,"last_ts":"x","num_subjects":1,"subjects":{"s.a":2},"consumer_count":0},"cluster":{"leader":"L"},"ts":"x"}"#,
    );
}

#[test]
fn streams_by_subject() {
    let mut world = World::default();
    let streams = || {
        let streams = vec![stream_info(r#"{"name":"A","subjects":["a.*"]}"#), stream_info(r#"{"name":"B"}"#)];
        Outcome::Stream(StreamReply::List(streams))
    };
    world.api("STREAM.NAMES", r#"{"subject":"a.x"}"#);
    check(
        &world.answer(streams()),
        r#"{"type":"io.nats.jetstream.api.v1.stream_names_response","total":1,"offset":0,"limit":1024,"streams":["A"]}"#,
    );
    world.api("STREAM.NAMES", r#"{"subject":"zz"}"#);
    check(
        &world.answer(streams()),
        r#"{"type":"io.nats.jetstream.api.v1.stream_names_response","total":0,"offset":0,"limit":1024,"streams":null}"#,
    );
}

#[test]
fn single_messages() {
    let mut world = World::default();
    world.api("STREAM.MSG.GET.S", r#"{"seq":2,"next_by_subj":"s.*"}"#);
    assert!(world.asked().contains("Next { from: 1, filter: Filter(s.*) }"));
    let record = Box::new(super::record(0, "s.a", "m0"));
    check(
        &world.answer(Outcome::Stream(StreamReply::Record(record))),
        r#"{"type":"io.nats.jetstream.api.v1.stream_msg_get_response","message":{"subject":"s.a","seq":1,"data":"bTA=","time":"2026-11-22T13:29:48.943185102Z"}}"#,
    );
    world.api("STREAM.MSG.DELETE.S", r#"{"seq":2}"#);
    check(
        &world.answer(Outcome::Failed(Error::RecordNotFound)),
        r#"{"type":"io.nats.jetstream.api.v1.stream_msg_delete_response","error":{"code":400,"err_code":10043,"description":"sequence 2 not found"}}"#,
    );
    world.api("STREAM.PURGE.S", r#"{"seq":4}"#);
    assert!(world.asked().contains("below: Some(3), keep: None, by_client: true"));
    check(
        &world.answer(Outcome::Stream(StreamReply::Purged(2))),
        r#"{"type":"io.nats.jetstream.api.v1.stream_purge_response","success":true,"purged":2}"#,
    );
}

/// Makes a consumer all the way and returns the reply.
fn create(world: &mut World, call: &str, body: &str) -> Vec<String> {
    assert_eq!(world.api(call, body), Vec::<String>::new());
    assert!(world.answer(info(r#"{"name":"S","subjects":["s.>"]}"#)).is_empty());
    if world.asked().contains("Info") {
        assert!(world.answer(Outcome::Failed(Error::CursorNotFound)).is_empty());
    }
    let Some((_, Request::Cursor(CursorCommand::Put { spec, .. }))) = world.port.requests.last() else {
        panic!("a put was expected: {}", world.asked());
    };
    let made = cursor_info((**spec).clone());
    world.answer(cursor(made))
}

#[test]
fn consumer_create() {
    let mut world = World::default();
    check(
        &create(
            &mut world,
            "CONSUMER.DURABLE.CREATE.S.D",
            r#"{"stream_name":"S","config":{"durable_name":"D","ack_policy":"explicit"}}"#,
        ),
        r#"{"type":"io.nats.jetstream.api.v1.consumer_create_response","stream_name":"S","name":"D","created":"x","config":{"durable_name":"D","name":"D","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"num_replicas":0},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":0,"ts":"x"}"#,
    );
    let full = r#"{"stream_name":"S","config":{"name":"C2","metadata":{"a":"b"},"description":"dd","headers_only":true,"mem_storage":true,"num_replicas":1,"max_batch":7,"max_expires":10000000000,"max_bytes":100,"inactive_threshold":5000000000,"backoff":[1000000000],"max_deliver":4,"ack_policy":"explicit"}}"#;
    check(
        &create(&mut world, "CONSUMER.CREATE.S.C2", full),
        r#"{"type":"io.nats.jetstream.api.v1.consumer_create_response","stream_name":"S","name":"C2","created":"x","config":{"name":"C2","description":"dd","deliver_policy":"all","ack_policy":"explicit","ack_wait":1000000000,"max_deliver":4,"backoff":[1000000000],"replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"headers_only":true,"max_batch":7,"max_expires":10000000000,"max_bytes":100,"inactive_threshold":5000000000,"num_replicas":1,"mem_storage":true,"metadata":{"a":"b"}},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":0,"ts":"x"}"#,
    );
    world.port.deaf = true;
    let push = r#"{"stream_name":"S","config":{"name":"P","deliver_subject":"_INBOX.p","deliver_group":"g","ack_policy":"explicit","idle_heartbeat":1000000000,"flow_control":true,"filter_subject":"s.a"}}"#;
    check(
        &create(&mut world, "CONSUMER.CREATE.S.P.s.a", push),
        r#"{"type":"io.nats.jetstream.api.v1.consumer_create_response","stream_name":"S","name":"P","created":"x","config":{"name":"P","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"filter_subject":"s.a","replay_policy":"instant","max_ack_pending":1000,"flow_control":true,"deliver_subject":"_INBOX.p","deliver_group":"g","idle_heartbeat":1000000000,"inactive_threshold":5000000000,"num_replicas":0},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":0,"ts":"x"}"#,
    );
}

#[test]
fn unnamed_consumers_get_a_name_that_their_config_does_not_show() {
    let mut world = World::default();
    let reply = create(&mut world, "CONSUMER.CREATE.S", r#"{"stream_name":"S","config":{}}"#);
    let reply: Value = serde_json::from_str(reply[0].strip_prefix("R   ").expect("to R")).expect("JSON");
    assert_eq!(reply["name"].as_str().map(str::len), Some(8));
    assert_eq!(reply["config"].get("name"), None);
}

#[test]
fn pause() {
    let mut world = World::default();
    let until = NOW.wall_ns + 5_000_000_000;
    world
        .api("CONSUMER.PAUSE.S.C", &format!(r#"{{"pause_until":"{}"}}"#, super::super::time::rfc3339(until)));
    let reply = world.answer(cursor(cursor_info(super::plain_cursor("C"))));
    check(
        &reply,
        r#"{"type":"io.nats.jetstream.api.v1.consumer_pause_response","paused":true,"pause_until":"2026-11-22T13:29:53.943185102Z","pause_remaining":5000000000}"#,
    );
}
