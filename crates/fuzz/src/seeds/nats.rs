//! NATS: connections as clients speak, JetStream's requests.

use super::Seeds;
use crate::whole::MARK;
use stele_nats::codec::{client, encode};

const CONFIG: &str = r#"{"name":"S","subjects":["a.>","b"],"max_msgs":3,"max_age":60000000000,"allow_direct":true,"allow_rollup_hdrs":true}"#;
const CONSUMER: &str = r#"{"stream_name":"S","config":{"durable_name":"D","ack_policy":"explicit","ack_wait":1000000000,"backoff":[1000000000,2000000000],"max_deliver":3,"filter_subjects":["a.b","a.c.*"]}}"#;
const PUSH: &str = r#"{"stream_name":"S","config":{"deliver_subject":"push.here","ack_policy":"none","idle_heartbeat":100000000,"flow_control":true}}"#;
const HEADERS: &[u8] = b"NATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Expected-Last-Sequence: 0\r\nA: b\r\n\r\n";

pub(super) fn add(seeds: &mut Seeds) {
    seeds.add("nats_parse", "client", core());
    seeds.add("nats_parse", "server", answers());
    seeds.add("nats_headers_block", "pairs", HEADERS);
    seeds.add("nats_headers_block", "status", "NATS/1.0 503 No Responders\r\nNats-Subject: a\r\n\r\n");
    seeds.add("nats_headers_block", "raw", "NATS/1.0\r\nStele-Raw: YQ.!\r\nStele-Null: 1\r\n\r\n");
    seeds.add("nats_jetstream_conditions", "expected", HEADERS);
    seeds.add("nats_jetstream_conditions", "ttl", "NATS/1.0\r\nNats-TTL: 1h\r\nNats-Rollup: sub\r\n\r\n");
    for (name, subject) in [
        ("create", "$JS.API.CONSUMER.CREATE.S.C.a.>"),
        ("ack", "$JS.ACK.S.C.1.2.3.4.5"),
        ("long-ack", "$JS.ACK.hub.hash.S.C.1.2.3.4.5.x"),
        ("flow", "$JS.FC.S.C.1"),
        ("domain", "$JS.hub.API.STREAM.INFO.S"),
    ] {
        seeds.add("nats_jetstream_subjects", name, subject);
    }
    seeds.add("nats_jetstream_stream_config", "stream", CONFIG);
    seeds.add("nats_jetstream_consumer_config", "pull", CONSUMER);
    seeds.add("nats_jetstream_consumer_config", "push", PUSH);
    for (name, body) in [
        (
            "pull",
            r#"{"batch":5,"expires":1000000000,"idle_heartbeat":100000000,"no_wait":true,"max_bytes":100}"#,
        ),
        ("get", r#"{"multi_last":["a.>"],"up_to_seq":4,"batch":3}"#),
        ("last", r#"{"last_by_subj":"a.b"}"#),
        ("nak", r#"-NAK {"delay":5}"#),
        ("next", r#"+NXT {"batch":2}"#),
    ] {
        seeds.add("nats_jetstream_bodies", name, body);
    }
    seeds.add("whole_nats", "core", [vec![64], core()].concat());
    seeds.add("whole_nats", "jetstream", jetstream());
}

fn connect(out: &mut Vec<u8>) {
    client::connect(br#"{"verbose":true,"headers":true,"no_responders":true,"echo":true}"#, out);
}

fn core() -> Vec<u8> {
    let mut said = Vec::new();
    connect(&mut said);
    client::subscribe(b"a.*", None, 1, &mut said);
    client::subscribe(b"a.>", Some(b"group"), 2, &mut said);
    client::publish(b"a.b", b"r.1", b"", b"hello", &mut said);
    client::publish(b"a.b", b"", HEADERS, b"hello", &mut said);
    client::unsubscribe(1, Some(3), &mut said);
    said.extend_from_slice(b"PING\r\nPONG\r\n");
    client::unsubscribe(2, None, &mut said);
    client::publish(b"nobody", b"r.2", b"", b"", &mut said);
    said
}

fn answers() -> Vec<u8> {
    let mut said = Vec::new();
    encode::info(br#"{"server_id":"S"}"#, &mut said);
    encode::message(b"a.b", b"1", b"r", b"hello", &mut said);
    encode::message_with_headers(b"a.b", b"1", b"", HEADERS, b"hello", &mut said);
    encode::no_responders(b"nobody", b"2", b"r.2", &mut said);
    encode::error("Stale Connection", &mut said);
    said
}

/// A stream with two consumers; messages, pulls, acknowledgements; time, a restart, and removal.
fn jetstream() -> Vec<u8> {
    let mut said = vec![64];
    let ask = |subject: &str, body: &str, out: &mut Vec<u8>| {
        client::publish(format!("$JS.API.{subject}").as_bytes(), b"in.1", b"", body.as_bytes(), out);
    };
    connect(&mut said);
    client::subscribe(b"in.*", None, 1, &mut said);
    client::subscribe(b"push.here", None, 2, &mut said);
    ask("STREAM.CREATE.S", CONFIG, &mut said);
    ask("CONSUMER.CREATE.S.D", CONSUMER, &mut said);
    ask("CONSUMER.CREATE.S", PUSH, &mut said);
    for subject in ["a.b", "a.c.d", "b", "a.b"] {
        client::publish(subject.as_bytes(), b"in.2", b"", b"value", &mut said);
    }
    client::publish(b"a.b", b"in.3", HEADERS, b"value", &mut said);
    ask("CONSUMER.MSG.NEXT.S.D", r#"{"batch":2,"expires":5000000000}"#, &mut said);
    client::publish(b"$JS.ACK.S.D.1.1.1.1700000001000000000.0", b"in.4", b"", b"+ACK", &mut said);
    client::publish(
        b"$JS.ACK.S.D.1.2.2.1700000001000000000.0",
        b"",
        b"",
        b"-NAK {\"delay\":1000000000}",
        &mut said,
    );
    ask("DIRECT.GET.S", r#"{"seq":2}"#, &mut said);
    ask("STREAM.MSG.GET.S", r#"{"last_by_subj":"a.b"}"#, &mut said);
    said.extend_from_slice(&[MARK[0], MARK[1], 2, 3, MARK[0], MARK[1], 3, 0]);
    connect(&mut said);
    client::subscribe(b"in.*", None, 1, &mut said);
    ask("STREAM.INFO.S", r#"{"deleted_details":true,"subjects_filter":">"}"#, &mut said);
    ask("CONSUMER.INFO.S.D", "", &mut said);
    ask("CONSUMER.LIST.S", "", &mut said);
    ask("STREAM.PURGE.S", r#"{"filter":"a.b","keep":1}"#, &mut said);
    ask("STREAM.MSG.DELETE.S", r#"{"seq":3}"#, &mut said);
    ask("CONSUMER.DELETE.S.D", "", &mut said);
    ask("STREAM.DELETE.S", "", &mut said);
    said
}
