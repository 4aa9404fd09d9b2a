//! Whatever happened: the offsets after a replay are those that were there.

use super::offsets::{commit, offset};
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Commit { group: u8, stream: u8, partition: u32, offset: u64 },
    Delete { group: u8 },
    DeleteOffsets { group: u8, stream: u8, partition: u32 },
    DeleteStream { stream: u8 },
    Join { group: u8 },
    Pass { hours: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4_u8, 0..2_u8, 0..3_u32, 0..99_u64)
            .prop_map(|(group, stream, partition, offset)| Step::Commit { group, stream, partition, offset }),
        1 => (0..4_u8).prop_map(|group| Step::Delete { group }),
        2 => (0..4_u8, 0..2_u8, 0..3_u32)
            .prop_map(|(group, stream, partition)| Step::DeleteOffsets { group, stream, partition }),
        1 => (0..2_u8).prop_map(|stream| Step::DeleteStream { stream }),
        2 => (0..4_u8).prop_map(|group| Step::Join { group }),
        2 => (1..100_u64).prop_map(|hours| Step::Pass { hours }),
    ]
}

fn run(world: &mut World, step: Step) {
    let group = |group: u8| format!("g{group}");
    let stream = |stream: u8| format!("s{stream}");
    // Refusals are part of the play.
    match step {
        Step::Commit { group: number, stream: of, partition, offset: at } => {
            let _ = world.group_now(commit(&group(number), vec![offset(&stream(of), partition, at)]));
        }
        Step::Delete { group: number } => {
            let _ = world.group_now(GroupCommand::Delete(vec![group(number)]));
        }
        Step::DeleteOffsets { group: number, stream: of, partition } => {
            let partitions = vec![(StreamName::new(&stream(of)), partition)];
            let _ = world.group_now(GroupCommand::DeleteOffsets { group: group(number), partitions });
        }
        Step::DeleteStream { stream: of } => {
            world.create(crate::store::tests::spec(&stream(of), &[&stream(of)]));
            let _ = world.stream(StreamCommand::Delete(StreamName::new(&stream(of))));
        }
        Step::Join { group: number } => {
            let join = Join {
                group: group(number),
                member: String::new(),
                instance: None,
                client: Default::default(),
                session_timeout_ms: 6000,
                rebalance_timeout_ms: 6000,
                protocol_type: "consumer".to_owned(),
                protocols: vec![("p".to_owned(), Bytes::new())],
                id_required: false,
            };
            world.group(GroupCommand::Join(Box::new(join)));
        }
        Step::Pass { hours } => world.pass(hours * 3600 * SECOND),
    }
}

fn committed(world: &mut World, fresh: bool) -> Vec<String> {
    let reopened = fresh.then(|| world.reopened());
    let ask = |world: &mut World, command| {
        let caller = world.caller();
        let store = reopened.as_ref().unwrap_or(&world.store);
        match store.request(world.now, &caller, Request::Group(command)) {
            Answer::Ready { outcome: Outcome::Group(GroupReply::Offsets(offsets)), .. } => offsets,
            other => panic!("no offsets: {other:?}"),
        }
    };
    let all = |number: u8| GroupCommand::Fetch { group: format!("g{number}"), partitions: None };
    (0..4).flat_map(|number| ask(world, all(number))).map(|found| format!("{found:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn replay_gives_the_committed_offsets(
        steps in prop::collection::vec(step(), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        let cut = cut.index(steps.len());
        let mut images = None;
        for (number, step) in steps.into_iter().enumerate() {
            run(&mut world, step);
            if number == cut {
                images = Some(world.images());
            }
        }
        world.sync();
        let live = committed(&mut world, false);
        prop_assert_eq!(live, committed(&mut world, true));
        world.check_images(&images.expect("one step was the cut"));
    }
}
