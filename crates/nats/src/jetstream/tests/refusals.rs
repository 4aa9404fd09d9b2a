//! What is refused, with the code and the words of nats-server.

use super::{World, cursor, cursor_info, info};
use stele_model::{Error, Outcome};

/// The err_code and description of a refusal.
fn refusal(published: &[String]) -> String {
    let reply = published.first().expect("an answer").strip_prefix("R   ").expect("to the reply subject");
    let reply: serde_json::Value = serde_json::from_str(reply).expect("JSON");
    let error = reply.get("error").unwrap_or_else(|| panic!("no error in {reply}"));
    format!("{} {}", error["err_code"], error["description"].as_str().expect("text"))
}

#[test]
fn streams() {
    for (config, expected) in [
        (r#""num_replicas":3"#, "10074 replicas > 1 not supported in non-clustered mode"),
        (r#""num_replicas":9"#, "10052 maximum replicas is 5"),
        (r#""max_age":5"#, "10052 max age needs to be >= 100ms"),
        (r#""max_age":-5"#, "10052 max age can not be negative"),
        (r#""subjects":["bad..x"]"#, "10052 invalid subject"),
        (r#""subjects":["x","x"]"#, "10052 subject \"x\" overlaps with \"x\""),
        (r#""subjects":["x.>","x.a"]"#, "10052 subject \"x.>\" overlaps with \"x.a\""),
        (r#""subjects":[">"]"#, "10052 capturing all subjects requires no-ack to be true"),
        (
            r#""subjects":["$JS.API.>"]"#,
            "10052 subjects that overlap with jetstream api require no-ack to be true",
        ),
        (
            r#""subjects":["$SYS.foo"]"#,
            "10052 subjects that overlap with system api require no-ack to be true",
        ),
        (
            r#""discard_new_per_subject":true"#,
            "10052 discard new per subject requires discard new policy to be set",
        ),
        (
            r#""discard":"new","discard_new_per_subject":true"#,
            "10052 discard new per subject requires max msgs per subject > 0",
        ),
        (r#""duplicate_window":5"#, "10052 duplicates window needs to be >= 100ms"),
        (r#""duplicate_window":-5"#, "10052 duplicates window can not be negative"),
        (
            r#""max_age":1000000000,"duplicate_window":5000000000"#,
            "10052 duplicates window can not be larger then max age",
        ),
        (r#""deny_purge":true,"allow_rollup_hdrs":true"#, "10052 roll-ups require the purge permission"),
        (r#""sealed":true"#, "10052 stream configuration for create can not be sealed"),
        (r#""subject_delete_marker_ttl":10"#, "10052 subject delete marker TTL must be at least 1 second"),
        (r#""mirror_direct":true"#, "10052 stream has no mirror but does have mirror direct"),
        (r#""mirror":{"name":"Z"}"#, "10052 stream mirrors are not supported by this server"),
        (r#""sources":[{"name":"Z"}]"#, "10052 stream sources are not supported by this server"),
        (r#""compression":"s2""#, "10052 compression s2 is not supported by this server"),
        (r#""allow_atomic":true"#, "10052 atomic batch publish is not supported by this server"),
        (r#""placement":{"cluster":"c"}"#, "10010 JetStream clustering support required"),
    ] {
        let reply = World::default().api("STREAM.CREATE.X", &format!(r#"{{"name":"X",{config}}}"#));
        assert_eq!(refusal(&reply), expected, "{config}");
    }
    let mut world = World::default();
    for body in ["", r#"{"name":"T"}"#, r#"{"name":""}"#] {
        let reply = world.api("STREAM.CREATE.X", body);
        assert_eq!(refusal(&reply), "10056 stream name in subject does not match request");
    }
    for body in ["{bad", r#"{"name":"X","storage":"foo"}"#, r#"{"name":"X","max_age":"5s"}"#] {
        assert!(refusal(&world.api("STREAM.CREATE.X", body)).starts_with("10025 invalid JSON: "), "{body}");
    }
    assert!(
        world
            .api("STREAM.CREATE.X", r#"{"name":"X","placement":{"cluster":""},"compression":"none"}"#)
            .is_empty()
    );
    let reply = world.answer(Outcome::Failed(Error::SubjectsOverlap(stele_model::StreamName::new("Y"))));
    assert_eq!(refusal(&reply), "10065 subjects overlap with an existing stream");
    for body in ["x", "null", "{\"a\":1}", "{"] {
        assert_eq!(refusal(&world.api("STREAM.DELETE.S", body)), "10038 expected an empty request payload");
    }
    assert_eq!(refusal(&world.api("STREAM.PURGE.S", r#"{"seq":3,"keep":2}"#)), "10003 bad request");
    assert_eq!(
        refusal(&world.api("STREAM.LEADER.STEPDOWN.S", "")),
        "10010 JetStream clustering support required"
    );
    assert!(world.api("STREAM.TEMPLATE.NAMES", "").is_empty(), "nobody answers");
}

#[test]
fn stream_updates() {
    for (old, new, expected) in [
        ("", r#","storage":"memory""#, "10052 stream configuration update can not change storage type"),
        (
            "",
            r#","retention":"workqueue""#,
            "10052 stream configuration update can not change retention policy to/from workqueue",
        ),
        (
            r#","deny_delete":true"#,
            "",
            "10052 stream configuration update can not cancel deny message deletes",
        ),
        (r#","allow_msg_ttl":true"#, "", "10052 message TTL status can not be disabled"),
    ] {
        let mut world = World::default();
        assert!(world.api("STREAM.UPDATE.S", &format!(r#"{{"name":"S"{new}}}"#)).is_empty());
        let reply = world.answer(info(&format!(r#"{{"name":"S"{old}}}"#)));
        assert_eq!(refusal(&reply), expected);
    }
}

#[test]
fn consumers() {
    for (config, expected) in [
        (
            r#""filter_subject":"a","filter_subjects":["b"]"#,
            "10136 consumer cannot have both FilterSubject and FilterSubjects specified",
        ),
        (r#""filter_subjects":["s.>","s.a"]"#, "10138 consumer subject filters cannot overlap"),
        (r#""filter_subjects":["s.a",""]"#, "10139 consumer filter in FilterSubjects cannot be empty"),
        (
            r#""deliver_policy":"by_start_sequence""#,
            "10094 consumer delivery policy is deliver by start sequence, but optional start sequence is not set",
        ),
        (
            r#""deliver_policy":"by_start_time""#,
            "10094 consumer delivery policy is deliver by start time, but optional start time is not set",
        ),
        (
            r#""opt_start_seq":4"#,
            "10094 consumer delivery policy is deliver all, but optional start sequence is also set",
        ),
        (
            r#""deliver_policy":"last_per_subject""#,
            "10094 consumer delivery policy is deliver last per subject, but optional filter subject is not set",
        ),
        (r#""ack_wait":-5"#, "10183 consumer ack wait needs to be positive"),
        (
            r#""backoff":[1,2],"max_deliver":1"#,
            "10116 max deliver is required to be > length of backoff values",
        ),
        (r#""rate_limit_bps":5"#, "10086 consumer in pull mode can not have rate limit set"),
        (r#""idle_heartbeat":1000000000"#, "10088 consumer idle heartbeat requires a push based consumer"),
        (r#""flow_control":true"#, "10089 consumer flow control requires a push based consumer"),
        (
            r#""deliver_subject":"d","flow_control":true"#,
            "10108 consumer with flow control also needs heartbeats",
        ),
        (r#""deliver_subject":"d","idle_heartbeat":5"#, "10083 consumer idle heartbeat needs to be >= 100ms"),
        (r#""deliver_subject":"d","max_waiting":5"#, "10080 consumer in push mode can not set max waiting"),
        (r#""deliver_subject":"d.*""#, "10079 consumer deliver subject has wildcards"),
        (r#""max_expires":5"#, "10115 consumer max request expires needs to be >= 1ms"),
        (r#""num_replicas":3"#, "10074 replicas > 1 not supported in non-clustered mode"),
        (r#""priority_groups":["a"]"#, "10196 consumer can not have priority groups when policy is none"),
        (r#""sample_freq":"30%""#, "10012 acknowledgement sampling is not supported by this server"),
    ] {
        let body = format!(r#"{{"stream_name":"S","config":{{"name":"C",{config}}}}}"#);
        assert_eq!(refusal(&World::default().api("CONSUMER.CREATE.S.C", &body)), expected, "{config}");
    }
    for (call, config, expected) in [
        (
            "CREATE.S",
            r#""durable_name":"D""#,
            "10020 consumer expected to be ephemeral but a durable name was set in request",
        ),
        (
            "DURABLE.CREATE.S.D",
            r#""durable_name":"E""#,
            "10017 consumer name in subject does not match durable name in request",
        ),
        ("DURABLE.CREATE.S.D", "", "10018 consumer expected to be durable but a durable name was not set"),
        (
            "CREATE.S.C.s.a",
            r#""filter_subject":"s.b""#,
            "10131 Consumer create request did not match filtered subject from create subject",
        ),
        (
            "CREATE.S.C.s.a",
            r#""filter_subjects":["s.a"]"#,
            "10137 consumer with multiple subject filters cannot use subject based API",
        ),
        ("CREATE.T.C", "", "10056 stream name in subject does not match request"),
    ] {
        let body = format!(r#"{{"stream_name":"S","config":{{{config}}}}}"#);
        assert_eq!(refusal(&World::default().api(&format!("CONSUMER.{call}"), &body)), expected, "{call}");
    }
}

#[test]
fn consumers_against_their_stream() {
    let limits = r#"{"name":"S","subjects":["w.>"],"retention":"workqueue","consumer_limits":{"inactive_threshold":1000000000,"max_ack_pending":5}}"#;
    for (config, expected) in [
        (
            r#""ack_policy":"none""#,
            "10084 consumer in pull mode requires explicit ack policy on workqueue stream",
        ),
        (
            r#""ack_policy":"explicit","deliver_policy":"new""#,
            "10101 consumer must be deliver all on workqueue stream",
        ),
        (
            r#""ack_policy":"explicit","max_ack_pending":6"#,
            "10121 consumer max ack pending exceeds system limit of 5",
        ),
        (
            r#""ack_policy":"explicit","inactive_threshold":3000000000"#,
            "10153 consumer inactive threshold exceeds system limit of 1s",
        ),
        (
            r#""ack_policy":"explicit","deliver_subject":"w.a""#,
            "10081 consumer deliver subject forms a cycle",
        ),
    ] {
        let mut world = World::default();
        let body = format!(r#"{{"stream_name":"S","config":{{"name":"C",{config}}}}}"#);
        assert!(world.api("CONSUMER.CREATE.S.C", &body).is_empty());
        assert_eq!(refusal(&world.answer(info(limits))), expected, "{config}");
    }
}

#[test]
fn consumer_updates() {
    let old = || {
        let config = r#"{"name":"C","replay_policy":"original","ack_policy":"all"}"#;
        let request = serde_json::from_str(config).expect("a configuration");
        cursor(cursor_info(super::super::consumer_spec::to_spec(request, "C", true).expect("good")))
    };
    for (action, config, expected) in [
        ("create", "", "10148 consumer already exists"),
        ("update", r#","ack_policy":"explicit""#, "10012 ack policy can not be updated"),
        ("update", r#","ack_policy":"all""#, "10012 replay policy can not be updated"),
        ("", r#","ack_policy":"all","deliver_policy":"new""#, "10012 deliver policy can not be updated"),
    ] {
        let mut world = World::default();
        let body = format!(r#"{{"stream_name":"S","action":"{action}","config":{{"name":"C"{config}}}}}"#);
        assert!(world.api("CONSUMER.CREATE.S.C", &body).is_empty());
        assert!(world.answer(info(r#"{"name":"S","subjects":["s.>"]}"#)).is_empty());
        assert_eq!(refusal(&world.answer(old())), expected);
    }
}
