//! The state is a function of the frames: after any commands, replay gives what lives.

use super::*;
use crate::store::tests::{World, message};
use crate::store::{Attempt, Capture, Keeper, Store};
use proptest::prelude::*;
use stele_model::{Quality, Request, SessionFilter};

#[derive(Clone, Debug)]
enum Step {
    Open { client: u8, clean: bool, expiry_s: u32 },
    Detach { client: u8 },
    Subscribe { client: u8, filter: u8, quality: u8 },
    Unsubscribe { client: u8, filter: u8 },
    Publish { subject: u8, quality: u8 },
    Ack { client: u8, ordinal: u64 },
    Received { client: u8, ordinal: u64 },
    Once { client: u8, packet: u16, outcome: u8 },
    Release { client: u8, packet: u16 },
    Pass { seconds: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_u8, prop::bool::weighted(0.2), 0..40_u32)
            .prop_map(|(client, clean, expiry_s)| Step::Open { client, clean, expiry_s }),
        2 => (0..3_u8).prop_map(|client| Step::Detach { client }),
        4 => (0..3_u8, 0..3_u8, 0..3_u8)
            .prop_map(|(client, filter, quality)| Step::Subscribe { client, filter, quality }),
        1 => (0..3_u8, 0..3_u8).prop_map(|(client, filter)| Step::Unsubscribe { client, filter }),
        6 => (0..3_u8, 0..3_u8).prop_map(|(subject, quality)| Step::Publish { subject, quality }),
        4 => (0..3_u8, 0..12_u64).prop_map(|(client, ordinal)| Step::Ack { client, ordinal }),
        1 => (0..3_u8, 0..12_u64).prop_map(|(client, ordinal)| Step::Received { client, ordinal }),
        2 => (0..3_u8, 1..4_u16, 0..4_u8)
            .prop_map(|(client, packet, outcome)| Step::Once { client, packet, outcome }),
        1 => (0..3_u8, 1..4_u16).prop_map(|(client, packet)| Step::Release { client, packet }),
        1 => (1..30_u8).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

fn quality(number: u8) -> Quality {
    [Quality::AtMostOnce, Quality::AtLeastOnce, Quality::ExactlyOnce][usize::from(number)]
}

fn command(step: &Step) -> Option<SessionCommand> {
    let client = |number: &u8| Bytes::from(format!("c{number}"));
    let filters = ["a.>", "a.0", "*.1"];
    Some(match step {
        Step::Open { client: number, clean, expiry_s } => {
            SessionCommand::Open { client: client(number), clean: *clean, expiry_s: *expiry_s, will: None }
        }
        Step::Detach { client: number } => {
            SessionCommand::Detach { client: client(number), expiry_s: None, drop_will: true }
        }
        Step::Subscribe { client: number, filter, quality: granted } => {
            let name = filters[usize::from(*filter)];
            let filter = SessionFilter {
                name: name.into(),
                filters: vec![Filter::new(name.as_bytes()).unwrap()],
                group: None,
                quality: quality(*granted),
                options: *granted,
                identifier: u32::from(*filter),
                no_local: false,
                hides_internal: false,
            };
            SessionCommand::Subscribe { client: client(number), filter: Box::new(filter) }
        }
        Step::Unsubscribe { client: number, filter } => {
            SessionCommand::Unsubscribe { client: client(number), name: filters[usize::from(*filter)].into() }
        }
        Step::Ack { client: number, ordinal } => {
            SessionCommand::Ack { client: client(number), ordinals: vec![*ordinal] }
        }
        Step::Received { client: number, ordinal } => {
            SessionCommand::Received { client: client(number), ordinal: *ordinal }
        }
        Step::Release { client: number, packet } => {
            SessionCommand::Release { client: client(number), packet: *packet }
        }
        Step::Publish { .. } | Step::Once { .. } | Step::Pass { .. } => return None,
    })
}

fn run(world: &mut World, step: &Step) {
    match step {
        Step::Publish { subject, quality: published } => {
            let subject = format!("a.{subject}");
            let message = stele_model::Message { quality: quality(*published), ..message(&subject, "x") };
            let mut results = Vec::new();
            world.store.enqueue(world.now, &[Capture { message, conditions: None }], &mut results);
            assert!(results.iter().all(Result::is_ok));
        }
        Step::Once { client, packet, outcome } => {
            let client = format!("c{client}");
            let claim = stele_model::Claim { client: client.as_bytes(), packet: *packet };
            let keeper = |message| Keeper { message, stream: Some(stele_model::StreamName::new("s")) };
            let caller = world.caller();
            world.store.once(world.now, &caller, &claim, 100, &mut |_| Attempt {
                lsn: Lsn(0),
                kept: (0..outcome % 3).map(keeper).collect(),
                refused: (*outcome < 3).then_some(Error::DiskFull),
            });
        }
        Step::Pass { seconds } => world.pass(u64::from(*seconds) * 1_000_000_000),
        other => {
            if let Some(command) = command(other) {
                world.ask(Request::Session(command));
            }
        }
    }
}

fn show(store: &Store) -> String {
    store.enter(0, |shard| {
        let state = &shard.sessions.state;
        format!("{:#?} {:#?} {} {:?}", state.sessions, state.messages, state.next, state.wanted())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replay_gives_what_lives(
        steps in prop::collection::vec(step(), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        let mut images = None;
        for (number, step) in steps.iter().enumerate() {
            run(&mut world, step);
            if number == cut.index(steps.len()) {
                images = Some(world.images());
            }
        }
        // A session that is held at a crash is detached by the next start.
        for client in 0..3 {
            run(&mut world, &Step::Detach { client });
        }
        world.sync();
        prop_assert_eq!(show(&world.store), show(&world.reopened()));
        let images = images.expect("one step was the cut");
        prop_assert_eq!(show(&world.store), show(&world.reopened_from(&images)));
        world.check_images(&images);
        prop_assert_eq!(show(&world.store), show(&world.reopened_from(&world.images())));
    }
}

#[test]
fn a_full_queue_takes_no_more_and_says_so_nowhere_twice() {
    let mut world =
        World::with(crate::store::Settings { session_queue_max: 2, ..crate::store::tests::settings() });
    run(&mut world, &Step::Open { client: 0, clean: true, expiry_s: 100 });
    run(&mut world, &Step::Subscribe { client: 0, filter: 0, quality: 1 });
    for _ in 0..3 {
        run(&mut world, &Step::Publish { subject: 0, quality: 2 });
    }
    let kept = world.store.enter(0, |shard| {
        let session = &shard.sessions.state.sessions[&b"c0"[..]];
        (session.queue.len(), session.dropped, shard.sessions.state.messages.len())
    });
    assert_eq!(kept, (2, 1, 2));
    run(&mut world, &Step::Ack { client: 0, ordinal: 1 });
    run(&mut world, &Step::Ack { client: 0, ordinal: 0 });
    let kept = world.store.enter(0, |shard| {
        let session = &shard.sessions.state.sessions[&b"c0"[..]];
        (session.queue.len(), session.first, shard.sessions.state.messages.len())
    });
    assert_eq!(kept, (0, 2, 0));
}
