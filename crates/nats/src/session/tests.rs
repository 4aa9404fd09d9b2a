use super::*;
use crate::fake::World;
use proptest::prelude::*;
use stele_model::{Filter, StreamName};

/// Case, input, output, closed.
fn golden() -> impl Iterator<Item = (&'static str, Vec<u8>, Vec<u8>, bool)> {
    include_str!("golden.tsv").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let [name, input, output, end] = fields[..] else { panic!("four fields: {line}") };
        (name, unescape(input), unescape(output), end == "closed")
    })
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\') {
            (_, false) => byte,
            _ => match rest.next().expect("an escape") {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                    let digits = std::str::from_utf8(&digits).expect("ASCII");
                    u8::from_str_radix(digits, 16).expect("hexadecimal")
                }
                other => other,
            },
        });
    }
    bytes
}

/// What one client hears that says these pieces, and whether it was closed.
fn converse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let mut world = World::new(1);
    for piece in pieces {
        if world.say(0, piece).is_err() {
            return (world.heard(0), true);
        }
    }
    (world.heard(0), false)
}

#[test]
fn answers_as_nats_server() {
    let mut failures = Vec::new();
    for (name, input, output, closed) in golden() {
        let (heard, ended) = converse([&input[..]]);
        if (&heard, ended) != (&output, closed) {
            failures.push(format!(
                "{name}: {}\n  expected {} closed={closed}\n  heard    {} closed={ended}",
                input.escape_ascii(),
                output.escape_ascii(),
                heard.escape_ascii()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn any_cut_of_the_input_gives_the_same() {
    for (name, input, ..) in golden() {
        let whole = converse([&input[..]]);
        for cut in 0..=input.len() {
            assert_eq!(converse([&input[..cut], &input[cut..]]), whole, "{name} cut at {cut}");
        }
        assert_eq!(converse(input.chunks(1)), whole, "{name} byte by byte");
    }
}

/// Good verbs and bad ones.
const WORDS: &[&[u8]] = &[
    b"PUB a 3\r\nabc\r\n",
    b"SUB a 1\r\n",
    b"PING\r\n",
    b"pub \ta r 0\r\n\r\n",
    b"UNSUB 1 2\r\n",
    b"HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
    b"SUB > g x\r\n",
    b"CONNECT {\"headers\":true,\"no_responders\":true}\r\n",
    b"\r",
    b"PUB a x\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_cut_anywhere_give_the_same(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12),
        cuts in proptest::collection::vec(1_usize..20, 1..20),
    ) {
        let input = words.concat();
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*cuts.next().expect("a cycle")).min(rest.len()));
            pieces.push(head);
            rest = tail;
        }
        prop_assert_eq!(converse(pieces), converse([&input[..]]));
    }
}

#[test]
fn info_says_who_and_what() {
    let settings = NatsSettings::default();
    let peer = "::ffff:10.0.0.9".parse().expect("an address");
    let opened = info::json(&settings, stele_model::ConnectionId(5), peer, info::Occasion::Opened);
    assert_eq!(
        String::from_utf8(opened).expect("text"),
        r#"{"server_id":"STELE","server_name":"stele","version":"2.10.29","proto":1,"go":"","host":"127.0.0.1","port":4222,"headers":true,"max_payload":1048576,"jetstream":true,"client_id":5,"client_ip":"10.0.0.9"}"#
    );
    let leaving = info::json(&settings, stele_model::ConnectionId(5), peer, info::Occasion::LameDuck);
    assert!(String::from_utf8(leaving).expect("text").ends_with(r#","ldm":true}"#));
}

#[test]
fn the_first_pong_brings_connect_info() {
    let mut world = World::new(1);
    world.say(0, b"CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\nPING\r\n").expect("live");
    let heard = String::from_utf8(world.heard(0)).expect("text");
    assert!(heard.starts_with("PONG\r\nINFO {"), "{heard}");
    assert!(heard.ends_with("\"connect_info\":true,\"remote_account\":\"$G\"} \r\nPONG\r\n"), "{heard}");
    world.drive(0, |session, _, turn| session.announce_lame_duck(turn));
    assert!(String::from_utf8(world.heard(0)).expect("text").contains("\"ldm\":true"));
}

#[test]
fn a_requester_and_a_responder() {
    let mut world = World::new(2);
    for connection in 0..2 {
        let connect =
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";
        world.say(connection, connect).expect("live");
    }
    world.say(0, b"SUB _INBOX.x.* 1\r\nPUB help _INBOX.x.1 2\r\nhi\r\n").expect("live");
    assert_eq!(world.heard(0), b"HMSG _INBOX.x.1 1 36 36\r\nNATS/1.0 503\r\nNats-Subject: help\r\n\r\n\r\n");
    world.say(1, b"SUB help workers seven\r\n").expect("live");
    world.say(0, b"PUB help _INBOX.x.2 2\r\nhi\r\n").expect("live");
    assert_eq!(world.heard(1), b"MSG help seven _INBOX.x.2 2\r\nhi\r\n");
    world.say(1, b"PUB _INBOX.x.2 2\r\nyo\r\n").expect("live");
    assert_eq!(world.heard(0), b"MSG _INBOX.x.2 1 2\r\nyo\r\n");
    world.say(1, b"UNSUB seven\r\n").expect("live");
    world.say(0, b"PUB help _INBOX.x.3 2\r\nhi\r\n").expect("live");
    assert!(world.heard(0).starts_with(b"HMSG _INBOX.x.3"));
}

#[test]
fn stored_publishes_are_acknowledged_on_their_reply_subjects() {
    let mut world = World::new(1);
    let filter = Filter::new(b"orders.>").expect("a filter");
    world.shared.capture = Some((filter.clone(), Some(StreamName::new("ORDERS"))));
    let input = b"CONNECT {\"verbose\":false,\"echo\":false,\"headers\":true,\"no_responders\":true}\r\nSUB r.* 1\r\n\
        PUB orders.a r.1 1\r\nx\r\nPUB orders.b 1\r\nx\r\nPUB orders.c r.2 1\r\nx\r\n";
    world.say(0, input).expect("live");
    assert_eq!(world.heard(0), b"");
    world.complete();
    let heard = String::from_utf8(world.heard(0)).expect("text");
    let acks: Vec<_> = heard.split_inclusive("}\r\n").collect();
    assert_eq!(acks.len(), 2, "{heard}");
    assert!(acks[0].starts_with("MSG r.1 1 ") && acks[1].starts_with("MSG r.2 1 "), "{heard}");
    // Stored, but by nobody who acknowledges: silence.
    world.shared.capture = Some((filter, None));
    world.say(0, b"PUB orders.d r.3 1\r\nx\r\n").expect("live");
    world.complete();
    assert_eq!(world.heard(0), b"");
}

#[test]
fn a_session_waits_when_too_much_is_unacknowledged() {
    let mut world = World::with(1, NatsSettings { acks_pending_max: 2, ..NatsSettings::default() });
    world.shared.capture = Some((Filter::new(b"s").expect("a filter"), Some(StreamName::new("S"))));
    world.say(0, b"CONNECT {\"verbose\":false}\r\n").expect("live");
    for ready in [true, false] {
        world.say(0, b"PUB s r 0\r\n\r\n").expect("live");
        assert_eq!(world.drive(0, |session, _, _| session.ready()), ready);
    }
    world.complete();
    assert!(world.drive(0, |session, _, _| session.ready()));
}

#[test]
fn a_silent_client_is_pinged_and_then_stale() {
    let mut world = World::new(1);
    world.say(0, b"CONNECT {\"verbose\":false}\r\n").expect("live");
    let mut pings = 0;
    let end = loop {
        let deadline = world.drive(0, |session, _, _| session.deadline()).expect("a deadline");
        assert!(deadline > world.now.monotonic_ns, "time moves on");
        world.now.monotonic_ns = deadline;
        if let Err(close) = world.drive(0, |session, now, turn| session.wake(now, turn)) {
            break close;
        }
        assert_eq!(world.heard(0), b"PING\r\n");
        pings += 1;
    };
    assert_eq!((pings, end), (2, Close::Idle));
    assert_eq!(world.heard(0), b"-ERR 'Stale Connection'\r\n");
}

#[test]
fn a_client_that_answers_or_talks_stays() {
    let mut world = World::new(1);
    world.say(0, b"CONNECT {\"verbose\":false}\r\n").expect("live");
    for round in 0..10 {
        let deadline = world.drive(0, |session, _, _| session.deadline()).expect("a deadline");
        world.now.monotonic_ns = deadline - 1;
        world.say(0, if round % 2 == 0 { b"PONG\r\n" } else { b"PUB a 0\r\n\r\n" }).expect("live");
        world.now.monotonic_ns = deadline;
        world.drive(0, |session, now, turn| session.wake(now, turn)).expect("alive");
    }
}

#[test]
fn subscriptions_are_bounded() {
    let mut world = World::with(1, NatsSettings { subscriptions_max: 1, ..NatsSettings::default() });
    world
        .say(0, b"CONNECT {\"verbose\":false}\r\nSUB a 1\r\nSUB b 2\r\nPUB b 0\r\n\r\nPUB a 0\r\n\r\n")
        .expect("live");
    assert_eq!(world.heard(0), b"-ERR 'maximum subscriptions exceeded'\r\nMSG a 1 0\r\n\r\n");
}

#[test]
fn names_of_ended_subscriptions_do_not_pile_up() {
    let mut world = World::new(1);
    world.say(0, b"CONNECT {\"verbose\":false}\r\nSUB keep name\r\n").expect("live");
    for number in 0..1000 {
        let input = format!("SUB once x{number}\r\nUNSUB x{number} 1\r\nPUB once 0\r\n\r\n");
        world.say(0, input.as_bytes()).expect("live");
    }
    world.heard(0);
    let text = world.drive(0, |session, _, _| format!("{:?}", session.rare));
    assert!(text.len() < 40_000, "names are kept for ever");
    world.say(0, b"UNSUB name\r\nPUB keep 0\r\n\r\n").expect("live");
    assert_eq!(world.heard(0), b"");
}

#[test]
fn deletions_and_nulls_become_null() {
    let mut world = World::new(2);
    for connection in 0..2 {
        world.say(connection, b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB > 1\r\n").expect("live");
    }
    world.heard(0);
    // Either way the receiver sees the publisher's own bytes.
    for (subject, block) in [
        ("$KV.b.k", "NATS/1.0\r\nKV-Operation: DEL\r\n\r\n"),
        ("$KV.b.k", "NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n"),
        ("k", "NATS/1.0\r\nStele-Null: 1\r\n\r\n"),
    ] {
        let length = block.len();
        world.say(0, format!("HPUB {subject} {length} {length}\r\n{block}\r\n").as_bytes()).expect("live");
        let expected = format!("HMSG {subject} 1 {length} {length}\r\n{block}\r\n");
        assert_eq!(String::from_utf8(world.heard(1)).expect("text"), expected);
    }
}

#[test]
fn control_lines_are_bounded_by_their_arguments() {
    for (bytes, closed) in [(4096, false), (4097, true)] {
        let mut input = b"CONNECT {\"verbose\":false}\r\nSUB ".to_vec();
        input.resize(input.len() + bytes - 2, b'a');
        input.extend_from_slice(b" 1\r\nPING\r\n");
        let expected: &[u8] = if closed { b"-ERR 'maximum control line exceeded'\r\n" } else { b"PONG\r\n" };
        assert_eq!(converse([&input[..]]), (expected.to_vec(), closed));
        let cut = input.len() - 8;
        for cut in [100, cut - 1, cut, cut + 1] {
            assert_eq!(converse([&input[..cut], &input[cut..]]), (expected.to_vec(), closed));
        }
    }
}

#[test]
fn a_large_payload_is_waited_for_in_one_piece() {
    let mut world = World::new(1);
    world.say(0, b"CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPUB a 1048576\r\n").expect("live");
    assert_eq!(world.drive(0, |session, _, _| session.wants()), 15 + (1 << 20) + 2);
    let mut payload = vec![b'x'; 1 << 20];
    payload.extend_from_slice(b"\r\n");
    for piece in payload.chunks(65_536) {
        world.say(0, piece).expect("live");
    }
    assert_eq!(world.heard(0).len(), "MSG a 1 1048576\r\n".len() + payload.len());
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<NatsSession>() <= 120, "{}", size_of::<NatsSession>());
}
