//! Cursors as JetStream's consumers behave.

use super::*;

pub(crate) fn cursor(name: &str) -> CursorSpec {
    CursorSpec {
        name: CursorName::new(name),
        durable: true,
        filters: Vec::new(),
        start: StartAt::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait_ns: 30 * SECOND,
        deliveries_max: None,
        backoff_ns: Vec::new(),
        pending_max: Some(1000),
        pulls_max: 512,
        pull_limits: PullLimits::default(),
        inactive_ns: 0,
        replay_original: false,
        headers_only: false,
        memory: false,
        paused_until_ns: 0,
        push: None,
        document: None,
    }
}

/// Offset, delivery, count, pending.
type Flat = (u64, u64, u64, u64);

fn name(text: &str) -> StreamName {
    StreamName::new(text)
}

impl World {
    pub(crate) fn cursor(&mut self, command: CursorCommand) -> Result<CursorReply, Error> {
        match self.now(Request::Cursor(command))? {
            Outcome::Cursor(reply) => Ok(reply),
            other => panic!("not about cursors: {other:?}"),
        }
    }

    pub(crate) fn put(&mut self, spec: CursorSpec, mode: PutMode) -> Result<CursorInfo, Error> {
        match self.cursor(CursorCommand::Put { stream: name("S"), spec: Box::new(spec), mode })? {
            CursorReply::Info(info) => Ok(*info),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn cursor_info(&mut self, cursor: &str) -> Result<CursorInfo, Error> {
        match self.cursor(CursorCommand::Info { stream: name("S"), name: name(cursor) })? {
            CursorReply::Info(info) => Ok(*info),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn pull(&mut self, cursor: &str, batch: u64, change: impl FnOnce(&mut Pull)) -> Answer {
        let deadline_ns = Some(self.now.monotonic_ns + 5 * SECOND);
        let mut pull = Pull {
            stream: name("S"),
            name: name(cursor),
            batch,
            bytes_max: None,
            deadline_ns,
            no_wait: false,
            heartbeat_ns: 0,
            push: false,
        };
        change(&mut pull);
        self.ask(Request::Cursor(CursorCommand::Pull(pull)))
    }

    pub(crate) fn ack(&mut self, cursor: &str, offset: u64, kind: AckKind) {
        let (stream, name) = (name("S"), name(cursor));
        self.ask(Request::Cursor(CursorCommand::Ack {
            stream,
            name,
            offset,
            delivery: 0,
            kind,
            confirm: false,
        }));
    }

    /// What pulls got: (offset, delivery, count, pending) of all records, and ends.
    pub(crate) fn got(&mut self) -> (Vec<Flat>, Vec<DeliveryEnd>) {
        let (mut records, mut ends) = (Vec::new(), Vec::new());
        for (_, outcome) in self.outcomes() {
            let Outcome::Delivered(delivery) = outcome else { continue };
            let flat =
                |record: &Delivered| (record.record.offset, record.delivery, record.count, record.pending);
            records.extend(delivery.records.iter().map(flat));
            ends.extend(delivery.end);
        }
        (records, ends)
    }

    fn offsets(&mut self) -> Vec<u64> {
        self.got().0.into_iter().map(|record| record.0).collect()
    }

    fn filled(subjects: &[&str]) -> Self {
        let mut world = Self::new();
        world.create(spec("S", &["a.>"]));
        for subject in subjects {
            world.publish("S", subject, "v").unwrap();
        }
        world
    }
}

#[test]
fn pulls_acks_and_redelivers() {
    let mut world = World::filled(&["a.x", "a.y", "a.x"]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.pull("C", 2, |_| ());
    assert_eq!(world.got(), (vec![(0, 1, 1, 2), (1, 2, 1, 1)], vec![DeliveryEnd::Complete]));
    world.ack("C", 0, AckKind::Done);
    let info = world.cursor_info("C").unwrap();
    assert_eq!((info.delivered.0, info.delivered.1, info.floor.0, info.floor.1), (2, 2, 1, 1));
    assert_eq!((info.ack_pending, info.pending, info.waiting), (1, 1, 0));
    world.ack("C", 1, AckKind::Again(None));
    world.pull("C", 5, |_| ());
    assert_eq!(world.got().0, [(1, 3, 2, 1), (2, 4, 1, 0)]);
    world.ack("C", 1, AckKind::Again(Some(SECOND)));
    world.ack("C", 2, AckKind::Terminate(None));
    assert_eq!(world.got().0, []);
    world.pass(SECOND);
    assert_eq!(world.got().0, [(1, 5, 3, 0)]);
    world.pass(4 * SECOND);
    assert_eq!(world.got().1, [DeliveryEnd::Expired { batch_left: 2, bytes_left: 0 }]);
    world.pull("C", 1, |pull| pull.deadline_ns = None);
    world.pass(25 * SECOND);
    assert_eq!(world.got().0, []);
    world.pass(SECOND);
    assert_eq!(world.got().0, [(1, 6, 4, 0)]);
    assert_eq!(world.cursor_info("C").unwrap().redelivered, 1);
}

#[test]
fn deliveries_wait_for_the_disk() {
    let mut world = World::filled(&[]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.pull("C", 1, |_| ());
    let message = message("a.x", "v");
    let capture = Capture { message, conditions: None };
    world.store.capture(world.now, &name("S"), &[capture], &mut Vec::new());
    world.store.settle(world.now);
    assert_eq!(world.got().0, []);
    world.sync();
    assert_eq!(world.got().0, [(0, 1, 1, 0)]);
}

#[test]
fn begins_where_the_policy_says() {
    let mut world = World::filled(&["a.x", "a.y"]);
    world.pass(10 * SECOND);
    let later = world.now.wall_ns;
    for subject in ["a.x", "a.z"] {
        world.publish("S", subject, "v").unwrap();
    }
    for (number, (start, filters, expected)) in [
        (StartAt::All, vec![], vec![0, 1, 2, 3, 4]),
        (StartAt::All, vec!["a.x"], vec![0, 2]),
        (StartAt::All, vec!["a.*"], vec![0, 1, 2, 3, 4]),
        (StartAt::All, vec!["a.x", "a.z"], vec![0, 2, 3]),
        (StartAt::Last, vec![], vec![3, 4]),
        (StartAt::Last, vec!["a.y"], vec![1, 4]),
        (StartAt::New, vec![], vec![4]),
        (StartAt::Offset(2), vec![], vec![2, 3, 4]),
        (StartAt::Time(later), vec![], vec![2, 3, 4]),
        (StartAt::Time(later + SECOND), vec![], vec![4]),
        (StartAt::LastPerSubject, vec!["a.>"], vec![1, 2, 3, 4]),
    ]
    .into_iter()
    .enumerate()
    {
        let filters = filters.into_iter().map(filter).collect();
        let spec = CursorSpec { start, filters, ..cursor(&format!("C{number}")) };
        world.put(spec, PutMode::Create).unwrap();
        let pending = expected.iter().filter(|offset| **offset < 4).count() as u64;
        assert_eq!(world.cursor_info(&format!("C{number}")).unwrap().pending, pending, "row {number}");
        world.pull(&format!("C{number}"), 10, |pull| pull.deadline_ns = None);
        let now: Vec<u64> = expected.iter().copied().filter(|offset| *offset < 4).collect();
        assert_eq!(world.offsets(), now, "row {number}");
    }
    world.publish("S", "a.y", "v").unwrap();
    let mut last: Vec<u64> = world.offsets();
    last.dedup();
    assert_eq!(last, [4]);
}

#[test]
fn pending_counts_are_exact_for_filters() {
    let mut world = World::filled(&["a.x", "a.y", "a.x", "a.y", "a.x"]);
    world.put(CursorSpec { filters: vec![filter("a.x")], ..cursor("C") }, PutMode::Create).unwrap();
    assert_eq!(world.cursor_info("C").unwrap().pending, 3);
    world.stream(StreamCommand::DeleteRecord { stream: name("S"), partition: 0, offset: 2 }).unwrap();
    assert_eq!(world.cursor_info("C").unwrap().pending, 2);
    world.publish("S", "a.x", "v").unwrap();
    world.publish("S", "a.y", "v").unwrap();
    assert_eq!(world.cursor_info("C").unwrap().pending, 3);
    world.pull("C", 1, |_| ());
    assert_eq!(world.got().0, [(0, 1, 1, 2)]);
    world.pull("C", 9, |_| ());
    assert_eq!(world.got().0, [(4, 2, 1, 1), (5, 3, 1, 0)]);
}

#[test]
fn pulls_end_as_they_asked() {
    let mut world = World::filled(&["a.x", "a.x", "a.x"]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.pull("C", 2, |pull| (pull.no_wait, pull.deadline_ns) = (true, None));
    assert_eq!((world.offsets(), world.got().1), (vec![0, 1], vec![]));
    world.pull("C", 2, |pull| (pull.no_wait, pull.deadline_ns) = (true, None));
    assert_eq!(world.got().1, [DeliveryEnd::Expired { batch_left: 1, bytes_left: 0 }]);
    world.pull("C", 2, |pull| (pull.no_wait, pull.deadline_ns) = (true, None));
    assert_eq!(world.got().1, [DeliveryEnd::Empty]);
    world.publish("S", "a.x", "v").unwrap();
    world.pull("C", 5, |pull| pull.bytes_max = Some(10));
    assert_eq!(world.got().1, [DeliveryEnd::TooLarge { batch_left: 5, bytes_left: 10 }]);
    world.pull("C", 1, |_| ());
    assert_eq!(world.offsets(), [3]);
    world.pull("C", 1, |pull| pull.heartbeat_ns = SECOND);
    world.pass(SECOND);
    let beats = world.outcomes();
    let [(_, Outcome::Delivered(beat))] = &beats[..] else { panic!("{beats:?}") };
    assert_eq!((beat.records.len(), &beat.end, beat.last_delivery, beat.last_sequence), (0, &None, 4, 4));
    world.cursor(CursorCommand::Delete { stream: name("S"), name: name("C") }).unwrap();
    assert_eq!(world.got().1, [DeliveryEnd::CursorDeleted]);
    assert!(matches!(
        world.pull("C", 1, |_| ()),
        Answer::Ready { outcome: Outcome::Failed(Error::CursorNotFound), .. }
    ));
}

#[test]
fn bounds_of_a_cursor_hold() {
    let mut world = World::filled(&["a.x", "a.x", "a.x"]);
    let spec = CursorSpec {
        pending_max: Some(2),
        deliveries_max: Some(2),
        pulls_max: 1,
        backoff_ns: vec![SECOND, 3 * SECOND],
        ..cursor("C")
    };
    world.put(spec, PutMode::Create).unwrap();
    world.pull("C", 9, |pull| pull.deadline_ns = None);
    assert_eq!(world.offsets(), [0, 1]);
    assert!(matches!(
        world.pull("C", 1, |_| ()),
        Answer::Ready { outcome: Outcome::Failed(Error::PullsExceeded), .. }
    ));
    world.ack("C", 0, AckKind::Done);
    assert_eq!(world.offsets(), [2]);
    world.pass(SECOND);
    assert_eq!(world.offsets(), [1, 2]);
    world.pass(2 * SECOND);
    assert_eq!(world.offsets(), [] as [u64; 0]);
    world.pass(SECOND);
    assert_eq!(world.offsets(), [] as [u64; 0]);
    let info = world.cursor_info("C").unwrap();
    assert_eq!((info.ack_pending, info.floor.0, info.delivered.0), (0, 5, 5));
}

#[test]
fn ack_all_and_progress() {
    let mut world = World::filled(&["a.x"; 4]);
    world.put(CursorSpec { ack_policy: AckPolicy::All, ..cursor("C") }, PutMode::Create).unwrap();
    world.pull("C", 4, |_| ());
    world.ack("C", 2, AckKind::Done);
    let info = world.cursor_info("C").unwrap();
    assert_eq!((info.ack_pending, info.floor.0, info.floor.1), (1, 3, 3));
    world.outcomes();
    world.pass(20 * SECOND);
    world.ack("C", 3, AckKind::Progress);
    world.pull("C", 1, |pull| pull.deadline_ns = None);
    world.pass(20 * SECOND);
    assert_eq!(world.offsets(), [] as [u64; 0]);
    world.pass(10 * SECOND);
    assert_eq!(world.offsets(), [3]);
}

#[test]
fn put_follows_the_rules() {
    let mut world = World::filled(&[]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.put(cursor("C"), PutMode::Create).unwrap();
    let slower = CursorSpec { ack_wait_ns: SECOND, ..cursor("C") };
    assert_eq!(world.put(slower.clone(), PutMode::Create).unwrap_err(), Error::CursorExists);
    assert_eq!(world.put(slower.clone(), PutMode::Update).unwrap().spec.ack_wait_ns, SECOND);
    let moved = CursorSpec { start: StartAt::New, ..slower };
    assert!(matches!(world.put(moved, PutMode::CreateOrUpdate), Err(Error::InvalidSpec(_))));
    assert_eq!(world.put(cursor("D"), PutMode::Update).unwrap_err(), Error::CursorNotFound);
}

#[test]
fn work_queues_and_interest_remove_on_ack() {
    for retention in [Retention::WorkQueue, Retention::Interest] {
        let mut world = World::new();
        world.create(StreamSpec { retention, ..spec("S", &["a.*"]) });
        world.publish("S", "a.x", "early").unwrap();
        let kept = u64::from(retention == Retention::WorkQueue);
        assert_eq!((world.info("S").records, world.info("S").end), (kept, 1), "{retention:?}");
        world.put(CursorSpec { filters: vec![filter("a.x")], ..cursor("X") }, PutMode::Create).unwrap();
        let second = world.put(CursorSpec { filters: vec![filter("a.*")], ..cursor("Y") }, PutMode::Create);
        let both = retention == Retention::Interest;
        assert_eq!(second.map(|_| ()), if both { Ok(()) } else { Err(Error::CursorNotUnique) });
        world.publish("S", "a.x", "v").unwrap();
        for cursor in if both { &["X", "Y"][..] } else { &["X"] } {
            assert_eq!(world.info("S").records, kept + 1);
            world.pull(cursor, 9, |_| ());
            for offset in world.offsets() {
                world.ack(cursor, offset, AckKind::Done);
            }
        }
        assert_eq!(world.info("S").records, 0, "{retention:?}");
        world.store = world.reopened();
        assert_eq!((world.info("S").records, world.info("S").end), (0, 2));
    }
}

#[test]
fn unused_cursors_go_and_paused_ones_wait() {
    let mut world = World::filled(&["a.x"]);
    let short = CursorSpec { durable: false, memory: true, inactive_ns: 5 * SECOND, ..cursor("E") };
    world.put(short, PutMode::Create).unwrap();
    world.pull("E", 9, |_| ());
    world.pass(5 * SECOND);
    world.pass(4 * SECOND);
    assert!(world.cursor_info("E").is_ok());
    world.pass(SECOND);
    assert_eq!(world.cursor_info("E").unwrap_err(), Error::CursorNotFound);
    world.put(cursor("P"), PutMode::Create).unwrap();
    let until_ns = world.now.wall_ns + 3 * SECOND;
    world.cursor(CursorCommand::Pause { stream: name("S"), name: name("P"), until_ns }).unwrap();
    world.outcomes();
    world.pull("P", 1, |_| ());
    assert_eq!(world.offsets(), [] as [u64; 0]);
    world.pass(3 * SECOND);
    assert_eq!(world.offsets(), [0]);
}

#[test]
fn a_restart_keeps_what_was_written() {
    let mut world = World::filled(&["a.x"; 3]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.pull("C", 2, |_| ());
    world.ack("C", 0, AckKind::Done);
    world.outcomes();
    world.store.flush();
    world.sync();
    world.store = world.reopened();
    world.pull("C", 9, |pull| pull.deadline_ns = None);
    assert_eq!(world.offsets(), [2]);
    world.pass(30 * SECOND);
    assert_eq!(world.offsets(), [1, 2]);
}

#[test]
fn a_gone_connection_takes_its_pulls_along() {
    let mut world = World::filled(&[]);
    world.put(cursor("C"), PutMode::Create).unwrap();
    world.pull("C", 1, |_| ());
    assert_eq!(world.cursor_info("C").unwrap().waiting, 1);
    world.store.detach(ConnectionId(1));
    assert_eq!(world.cursor_info("C").unwrap().waiting, 0);
}

#[test]
fn watchers_hear_of_pushing_cursors() {
    let mut world = World::filled(&[]);
    assert!(matches!(world.ask(Request::Cursor(CursorCommand::WatchPush)), Answer::Waiting));
    let subject = b"out".to_vec();
    let push = Some(Push { subject, group: None, flow_control: false, heartbeat_ns: 0, rate_bps: 0 });
    world.put(CursorSpec { push, ..cursor("C") }, PutMode::Create).unwrap();
    world.cursor(CursorCommand::Delete { stream: name("S"), name: name("C") }).unwrap();
    let heard = world.outcomes().into_iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Cursor(CursorReply::Push { alive, .. }) => Some(alive),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), [true, false]);
}
