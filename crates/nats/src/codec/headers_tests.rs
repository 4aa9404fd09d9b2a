use super::*;
use proptest::prelude::*;

fn pairs(block: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let mut found = Vec::new();
    visit(block, &mut |(name, value)| found.push((text(name), text(value.unwrap_or(b"-")))));
    found
}

#[test]
fn reads_order_duplicates_and_status() {
    let block = b"NATS/1.0 404 No Messages\r\nB: 1\r\nA:2\r\nB:  3 \r\nbroken\r\n\r\n";
    assert_eq!(status(block), Some((&b"404"[..], &b"No Messages"[..])));
    assert_eq!(status(b"NATS/1.0\r\n\r\n"), None);
    assert_eq!(lines(block).collect::<Vec<_>>(), [(&b"B"[..], &b"1"[..]), (b"A", b"2"), (b"B", b"3")]);
    assert_eq!(get(block, b"B"), Some(&b"1"[..]));
    assert_eq!(pairs(block)[0].0, "Stele-Nats-Block");
    assert_eq!(pairs(b"NATS/1.0\r\nA: 1\r\n\r\n"), [("A".to_string(), "1".to_string())]);
}

#[test]
fn knows_what_is_canonical() {
    for (block, canonical) in [
        (&b"NATS/1.0\r\nA: 1\r\nA: \r\n\r\n"[..], true),
        (b"NATS/1.0\r\nA: \xc3\xa4 b\r\n\r\n", true),
        (b"NATS/1.0\r\n\r\n", false),
        (b"NATS/1.0 503\r\n\r\n", false),
        (b"NATS/1.0\r\nA:1\r\n\r\n", false),
        (b"NATS/1.0\r\nA:  1\r\n\r\n", false),
        (b"NATS/1.0\r\nA: 1 \r\n\r\n", false),
        (b"NATS/1.0\r\nA: 1\n\r\n", false),
        (b"NATS/1.0\r\nA: \xff\r\n\r\n", false),
        (b"NATS/1.0\r\nA: 1\r\n", false),
        (b"NATS/1.0\r\nA: 1\r\n\r\nx", false),
        (b"NATS/1.0\r\nStele-Null: 1\r\n\r\n", false),
        (b"abc", false),
    ] {
        assert_eq!(is_canonical(block), canonical, "{}", block.escape_ascii());
    }
}

#[test]
fn odd_pairs_are_escaped_and_come_back() {
    for (name, value, line) in [
        (&b"a"[..], Some(&b"1"[..]), "a: 1"),
        (b"a", None, "Stele-Raw: YQ.!"),
        (b"a", Some(b"\xff\x00"), "Stele-Raw: YQ._wA"),
        (b"", Some(b""), "Stele-Raw: ."),
        (b"a b", Some(b" x"), "Stele-Raw: YSBi.IHg"),
        (b"a:b", Some(b"x\ty"), "Stele-Raw: YTpi.eAl5"),
    ] {
        let mut out = Vec::new();
        write(&Headers::none(), &[(name, value)], &mut out);
        assert_eq!(String::from_utf8(out.clone()).expect("text"), format!("NATS/1.0\r\n{line}\r\n\r\n"));
        if let Some(escaped) = get(&out, RAW) {
            assert_eq!(unescape(escaped), Some((name.to_vec(), value.map(<[u8]>::to_vec))));
        }
    }
}

/// Headers as another wire holds them: each pair with two bytes of length; `ff` for null.
fn foreign(pairs: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut raw = Vec::new();
    for (name, value) in pairs {
        for part in [Some(name), value.as_ref()] {
            match part {
                None => raw.extend_from_slice(&[0xff, 0xff]),
                Some(bytes) => {
                    raw.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
                    raw.extend_from_slice(bytes);
                }
            }
        }
    }
    raw
}

fn visit_foreign<'b>(raw: &'b [u8], visitor: &mut dyn FnMut(Header<'b>)) {
    fn part<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
        let (length, tail) = rest.split_at(2);
        *rest = tail;
        if length == [0xff, 0xff] {
            return None;
        }
        let (head, tail) = rest.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
        *rest = tail;
        Some(head)
    }
    let mut rest = raw;
    while !rest.is_empty() {
        let name = part(&mut rest).expect("names are not null");
        visitor((name, part(&mut rest)));
    }
}

/// A block, kept by another wire as pairs and written again.
fn there_and_back(block: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    visit(block, &mut |(name, value)| kept.push((name.to_vec(), value.map(<[u8]>::to_vec))));
    let raw = foreign(&kept);
    let headers = Headers { wire: Wire::Kafka, raw: &raw, visit: visit_foreign };
    let mut out = Vec::new();
    write(&headers, &[], &mut out);
    assert_eq!(size(&headers, &[]), out.len());
    out
}

proptest! {
    #[test]
    fn every_pair_survives(pairs in proptest::collection::vec(
        (proptest::collection::vec(any::<u8>(), 0..6), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6))), 1..5,
    )) {
        let raw = foreign(&pairs);
        let headers = Headers { wire: Wire::Kafka, raw: &raw, visit: visit_foreign };
        let mut block = Vec::new();
        write(&headers, &[], &mut block);
        prop_assert_eq!(size(&headers, &[]), block.len());
        prop_assert!(is_canonical(&block));
        let back: Vec<_> = lines(&block).map(|(name, value)| match name {
            RAW => unescape(value).expect("our own escape"),
            _ => (name.to_vec(), Some(value.to_vec())),
        }).collect();
        prop_assert_eq!(back, pairs);
        prop_assert_eq!(there_and_back(&block), block);
    }

    #[test]
    fn whole_blocks_survive(lines in proptest::collection::vec("[ -~]{0,9}", 0..4), status in "( 503| 100 Idle)?") {
        let block = format!("NATS/1.0{status}\r\n{}\r\n", lines.iter().map(|line| format!("{line}\r\n")).collect::<String>());
        if block.ends_with("\r\n\r\n") {
            prop_assert_eq!(there_and_back(block.as_bytes()), block.as_bytes());
        }
    }
}

#[test]
fn what_another_wire_changed_is_not_lost() {
    let block = b"NATS/1.0\r\nA:1\r\n\r\n".to_vec();
    let kept = [(BLOCK.to_vec(), Some(block)), (b"A".to_vec(), Some(b"2".to_vec()))];
    let raw = foreign(&kept);
    let mut out = Vec::new();
    write(&Headers { wire: Wire::Kafka, raw: &raw, visit: visit_foreign }, &[], &mut out);
    assert_eq!(out, b"NATS/1.0\r\nA: 2\r\n\r\n");
}
