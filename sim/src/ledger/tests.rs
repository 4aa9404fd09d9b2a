//! Forged histories: what must be refused is, and what may be passes.

use super::{Check, Ledger, MessageId, Storing};

fn id(number: u64) -> MessageId {
    MessageId::new("p", number)
}

/// What a history comes to.
fn found(history: impl FnOnce(&mut Ledger)) -> Option<Check> {
    let mut ledger = Ledger::default();
    history(&mut ledger);
    ledger.judge();
    ledger.violation().map(|violation| violation.check)
}

#[test]
fn payloads_are_known_by_their_id() {
    let payload = id(7).payload();
    assert_eq!(MessageId::of(&payload), Some(id(7)));
    assert_eq!(found(|ledger| drop(ledger.read("a", 0, 3, &payload))), None);
    let other = [&payload[..], b"x"].concat();
    assert_eq!(found(|ledger| drop(ledger.read("a", 0, 3, &other))), Some(Check::ContentStable));
}

#[test]
fn offsets_keep_their_content_and_readers_see_all_of_it() {
    let twice = |second: u64| {
        found(|ledger| {
            ledger.acked_at("a", 0, 3, &id(1));
            ledger.read("a", 0, 3, &id(second).payload());
        })
    };
    assert_eq!(twice(1), None);
    assert_eq!(twice(2), Some(Check::AckedRecovered));
    let log = ("a".to_owned(), 0);
    assert_eq!(found(|ledger| ledger.shown_to(&log, 4, 4)), None);
    assert_eq!(found(|ledger| ledger.shown_to(&log, 4, 3)), Some(Check::AckedRecovered));
    assert_eq!(found(|ledger| ledger.follows(&log, 4, 5)), Some(Check::OffsetsRise));
    assert_eq!(found(|ledger| ledger.acked_in("a", &id(1))), Some(Check::AckedRecovered));
}

#[test]
fn publishers_are_stored_in_order_and_once() {
    let stored = |numbers: &[u64], storing: Storing, refused: &[u64]| {
        found(|ledger| {
            ledger.publishers.insert("p".into(), storing);
            ledger.refused.extend(refused.iter().map(|number| id(*number)));
            (0..).zip(numbers).for_each(|(offset, number)| ledger.acked_at("a", 0, offset, &id(*number)));
        })
    };
    assert_eq!(stored(&[1, 2, 3], Storing::Once, &[]), None);
    assert_eq!(stored(&[2, 1], Storing::Once, &[]), Some(Check::PublisherOrder));
    assert_eq!(stored(&[2, 1], Storing::Once, &[1]), None);
    assert_eq!(stored(&[1, 2, 1], Storing::Once, &[]), Some(Check::NoDuplicates));
    assert_eq!(stored(&[1, 2, 1, 2, 3], Storing::AtLeastOnce, &[]), None);
}

#[test]
fn one_publish_wins_a_sequence() {
    let stored = |expected: [u64; 3]| {
        found(|ledger| {
            ledger.log("a", 0).compares = true;
            for (offset, expected) in (0..).zip(expected) {
                ledger.compares("a", &id(offset), "s", expected);
                ledger.acked_at("a", 0, offset, &id(offset));
            }
        })
    };
    assert_eq!(stored([0, 1, 2]), None);
    assert_eq!(stored([0, 1, 1]), Some(Check::CompareAndSet));
}

#[test]
fn marks_only_rise() {
    let shown = |value| {
        found(|ledger| {
            ledger.mark_sent("m", 5);
            ledger.mark_durable("m", 3);
            let floor = ledger.mark_floor("m");
            ledger.mark_shown(Check::LastValue, "m", floor, value);
        })
    };
    assert_eq!([shown(2), shown(6)], [Some(Check::LastValue); 2]);
    assert_eq!([shown(3), shown(5)], [None; 2]);
}

#[test]
fn queues_give_out_everything_until_it_is_confirmed() {
    let queue = |delivered: &[u64], again: bool| {
        found(|ledger| {
            (0..3).for_each(|offset| ledger.acked_at("a", 0, offset, &id(offset)));
            delivered.iter().for_each(|offset| ledger.queue_delivered("q", "a", *offset));
            ledger.queue_confirmed("q", 0);
            assert_eq!(ledger.queue_floor("q"), 1);
            if again {
                ledger.queue_delivered("q", "a", 0);
            }
            ledger.queue_finished("q", "a");
        })
    };
    assert_eq!(queue(&[0, 1, 1, 2], false), None);
    assert_eq!(queue(&[0, 2], false), Some(Check::Redelivered));
    assert_eq!(queue(&[0, 1, 2], true), Some(Check::Redelivered));
}

#[test]
fn sessions_get_what_was_acknowledged() {
    let session = |subscribed: bool, came: u64, exactly_once: bool| {
        found(|ledger| {
            if subscribed {
                ledger.session_subscribed("s");
            }
            ledger.mqtt_sent(&id(1));
            ledger.mqtt_acked(&id(1));
            (0..came).for_each(|_| ledger.mqtt_delivered("s", &id(1), exactly_once));
        })
    };
    assert_eq!([session(false, 0, true), session(true, 1, true), session(true, 2, false)], [None; 3]);
    assert_eq!([session(true, 0, true), session(true, 2, true)], [Some(Check::MqttQuality); 2]);
}
