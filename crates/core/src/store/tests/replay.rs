//! The state is a function of the frames: after any steps, replay gives what lives.

use super::cursors::cursor;
use super::*;
use proptest::prelude::*;
use std::fmt::Write;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Publish { subject: u8, id: u8, rollup: bool, ttl: bool },
    Pull { cursor: u8, batch: u8 },
    Ack { cursor: u8, offset: u8, kind: u8 },
    Delete { offset: u8 },
    Purge { subject: u8, below: u8 },
    Pass { seconds: u8 },
    Recreate { cursor: u8 },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8, 0..8_u8, prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(|(subject, id, rollup, ttl)| Step::Publish { subject, id, rollup, ttl }),
        3 => (0..3_u8, 1..4_u8).prop_map(|(cursor, batch)| Step::Pull { cursor, batch }),
        4 => (0..3_u8, 0..40_u8, 0..4_u8).prop_map(|(cursor, offset, kind)| Step::Ack { cursor, offset, kind }),
        1 => (0..40_u8).prop_map(|offset| Step::Delete { offset }),
        1 => (0..4_u8, 0..40_u8).prop_map(|(subject, below)| Step::Purge { subject, below }),
        1 => (1..20_u8).prop_map(|seconds| Step::Pass { seconds }),
        1 => (0..3_u8).prop_map(|cursor| Step::Recreate { cursor }),
    ]
}

pub(super) fn stream_spec(kind: u8) -> StreamSpec {
    let mut spec = spec("S", &["a.*"]);
    spec.limits.age_max_ns = (kind & 1 == 1).then_some(30 * SECOND);
    spec.limits.records_max = (kind & 2 == 2).then_some(6);
    spec.limits.records_per_subject_max = (kind & 4 == 4).then_some(2);
    spec.dedup_window_ns = 20 * SECOND;
    spec.retention =
        [Retention::Limits, Retention::WorkQueue, Retention::Interest][usize::from(kind / 8) % 3];
    spec
}

pub(super) fn cursor_spec(number: u8, retention: Retention) -> CursorSpec {
    let filters = [vec![filter("a.0")], vec![filter("a.1"), filter("a.2")], vec![]];
    let mut spec =
        CursorSpec { filters: filters[usize::from(number)].clone(), ..cursor(&format!("C{number}")) };
    if retention == Retention::Limits && number == 1 {
        (spec.ack_policy, spec.start) = (AckPolicy::All, StartAt::LastPerSubject);
    }
    (spec.deliveries_max, spec.ack_wait_ns) = (Some(3), 5 * SECOND);
    spec
}

pub(super) fn run(world: &mut World, step: &Step, retention: Retention) {
    let stream = StreamName::new("S");
    match step {
        Step::Publish { subject, id, rollup, ttl } => {
            let text = format!("id{id}");
            let conditions = Conditions {
                message_id: (*id > 3).then_some(text.as_bytes()),
                rollup: rollup.then_some(Rollup::Subject),
                ttl_ns: ttl.then_some(7 * SECOND),
                ..Conditions::default()
            };
            let _ = world.publish_with("S", &format!("a.{subject}"), "v", conditions);
        }
        Step::Pull { cursor, batch } => {
            world.pull(&format!("C{cursor}"), u64::from(*batch), |_| ());
        }
        Step::Ack { cursor, offset, kind } => {
            let kinds = [AckKind::Done, AckKind::Again(None), AckKind::Progress, AckKind::Terminate(None)];
            world.ack(&format!("C{cursor}"), u64::from(*offset), kinds[usize::from(*kind)].clone());
        }
        Step::Delete { offset } => {
            let _ = world.stream(StreamCommand::DeleteRecord {
                stream,
                partition: 0,
                offset: u64::from(*offset),
            });
        }
        Step::Purge { subject, below } => {
            let filter = (*subject < 3).then(|| filter(&format!("a.{subject}")));
            let below = Some(u64::from(*below));
            let _ = world.stream(StreamCommand::Purge {
                stream,
                partition: None,
                filter,
                below,
                keep: None,
                by_client: false,
            });
        }
        Step::Pass { seconds } => world.pass(u64::from(*seconds) * SECOND),
        Step::Recreate { cursor } => {
            let name = CursorName::new(&format!("C{cursor}"));
            let _ = world.cursor(CursorCommand::Delete { stream, name });
            let _ = world.put(cursor_spec(*cursor, retention), PutMode::Create);
        }
    }
    world.outcomes();
}

/// Everything that frames decide, as text.
fn digest(store: &Store) -> String {
    let mut out = String::new();
    for number in 0..store.shards() {
        store.enter(number, |shard| {
            for stream in shard.streams.values() {
                for partition in &stream.partitions {
                    let table = &partition.table;
                    let subjects = stream.subjects(None, &filter(">"), None, 99);
                    let subjects: Vec<_> =
                        subjects.iter().map(|count| (&count.subject, count.count)).collect();
                    let live = (table.start()..table.end()).filter(|offset| table.is_live(*offset));
                    let live: Vec<_> =
                        live.map(|offset| partition.subject_of(offset).escape_ascii().to_string()).collect();
                    let entries: Vec<_> = partition.batches.from(0).collect();
                    let times = partition.expiries.iter().filter(|(_, offset)| table.is_live(*offset));
                    let times: Vec<_> = times.collect();
                    let ends = (table.start(), table.end(), table.gone_offsets(), partition.size);
                    writeln!(out, "{ends:?} {subjects:?} {live:?} {entries:?} {times:?}").unwrap();
                }
                writeln!(out, "{:?}", stream.last_message_id).unwrap();
                for cursor in stream.cursors.of(0) {
                    let pending = cursor.pending.iter();
                    let pending: Vec<_> = pending
                        .map(|(offset, held)| (offset, held.delivery, held.count, held.time_ns))
                        .collect();
                    let position = (cursor.next, cursor.delivered, cursor.acknowledged_ns, &cursor.listed);
                    writeln!(out, "{} {position:?} {pending:?}", cursor.spec.name).unwrap();
                }
            }
        });
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn replayed_state_is_the_live_state(kind in 0..24_u8, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let stream = stream_spec(kind);
        let retention = stream.retention;
        world.create(stream);
        for number in 0..3 {
            let _ = world.put(cursor_spec(number, retention), PutMode::Create);
        }
        for (number, step) in steps.iter().enumerate() {
            run(&mut world, step, retention);
            // Mostly the lazy state rides on other frames; now and then it is written by itself.
            if number % 5 == 4 || number + 1 == steps.len() {
                world.store.flush();
                world.sync();
                world.outcomes();
                world.store.flush();
                world.sync();
                prop_assert_eq!(digest(&world.store), digest(&world.reopened()), "after step {} {:?}", number, step);
            }
        }
    }
}
