//! A start from images and the log behind them gives what the whole log gives, to the byte.

use super::replay::{Step, cursor_spec, run, step, stream_spec};
use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn snapshot_and_tail_give_the_whole(
        kind in 0..24_u8,
        steps in prop::collection::vec(step(), 1..50),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        let stream = stream_spec(kind);
        let retention = stream.retention;
        world.create(stream);
        for number in 0..3 {
            let _ = world.put(cursor_spec(number, retention), PutMode::Create);
        }
        let cut = cut.index(steps.len());
        let mut images = None;
        for (number, step) in steps.iter().enumerate() {
            run(&mut world, step, retention);
            if number == cut {
                images = Some(world.images());
            }
        }
        world.store.flush();
        world.sync();
        world.check_images(&images.expect("one step was the cut"));
        world.check_images(&world.images());
    }
}

/// Streams come and go around the images, with and without partitions, and in memory only.
#[test]
fn streams_that_come_and_go() {
    let mut world = World::new();
    publish_some(&mut world);
    world.create(StreamSpec { storage: Storage::Memory, ..spec("M", &["m"]) });
    world.publish("M", "m", "v").unwrap();
    world.create(spec("gone", &["gone"]));
    world.publish("gone", "gone", "v").unwrap();
    let before = world.images();
    world.stream(StreamCommand::Delete(StreamName::new("gone"))).unwrap();
    world.create(spec("late", &["late"]));
    let between = world.images();
    world.publish("late", "late", "v").unwrap();
    world.publish("T", "t", "v").unwrap();
    let mut wider = spec("T", &["t", "u"]);
    (wider.made_by, wider.partitions) = (Wire::Kafka, 3);
    world.stream(StreamCommand::Update(Box::new(wider))).unwrap();
    world.publish("T", "u", "v").unwrap();
    run(&mut world, &Step::Pass { seconds: 60 }, Retention::Limits);
    world.store.flush();
    world.sync();
    let after = world.images();
    for images in [before, between, after] {
        world.check_images(&images);
        // The numbers of streams are never used again.
        let store = world.reopened_from(&images);
        let next =
            |store: &Store| (0..2).map(|shard| store.enter(shard, |s| s.next_stream)).collect::<Vec<_>>();
        assert_eq!(next(&store), next(&world.store));
    }
}

/// A start from a checkpoint before a deletion meets frames of a stream that nobody knows any more.
#[test]
fn frames_of_deleted_streams_are_skipped() {
    let mut world = World::new();
    world.create(spec("S", &["a.*"]));
    let (_, from) = world.images();
    world.publish("S", "a.1", "v").unwrap();
    world.stream(StreamCommand::Delete(StreamName::new("S"))).unwrap();
    let (images, _) = world.images();
    let store = world.reopened_from(&(images, from));
    assert_eq!((store.damaged(), store.find(&StreamName::new("S"))), (vec![], None));
}
