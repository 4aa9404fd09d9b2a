//! Images: what they hold comes back, and no bytes do harm.

use super::*;
use crate::store::checkpoint::read_any_image;
use crate::store::tests::{World, publish_some};
use proptest::prelude::*;

#[test]
fn numbers_come_back() {
    let mut out = Writer::new();
    let numbers = [0, 1, 127, 128, 300, u64::MAX / 2, u64::MAX];
    numbers.iter().for_each(|number| out.u64(*number));
    let signed = [0, -1, 1, i64::MIN, i64::MAX];
    signed.iter().for_each(|number| out.i64(*number));
    out.step(9, 3);
    let bytes = out.finish();
    let mut image = Reader::new(&bytes).expect("this version");
    assert_eq!(numbers.map(|_| image.u64().expect("a number")), numbers);
    assert_eq!(signed.map(|_| image.i64().expect("a number")), signed);
    assert_eq!(image.step(9), Ok(3));
    assert_eq!(image.finish(), Ok(()));
    // Eleven bytes, or more than 64 bits.
    assert_eq!(Reader { rest: &[0x80; 11] }.u64(), Err(Unreadable));
    assert_eq!(
        Reader { rest: &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2] }.u64(),
        Err(Unreadable)
    );
    assert_eq!(Reader { rest: &[5, 1, 2] }.count(1), Err(Unreadable));
    assert_eq!(Reader::new(&[2]).err(), Some(Unreadable));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn hostile_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_any_image(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        read_any_image(&bytes);
    }

    #[test]
    fn changed_images_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for image in images() {
            let mut changed = image.clone();
            for (at, byte) in &changes {
                changed[at.index(image.len())] = *byte;
            }
            read_any_image(&changed);
            read_any_image(&changed[..cut.index(image.len())]);
        }
    }
}

/// One of each kind.
fn images() -> &'static [Vec<u8>] {
    static IMAGES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    IMAGES.get_or_init(|| {
        let mut world = World::new();
        publish_some(&mut world);
        let mut images = Vec::new();
        for shard in 0..world.store.shards() {
            world.store.enter(shard, |shard| {
                let clock = &shard.context.clock;
                images.extend(shard.streams.values().map(|stream| stream.write_image(clock, 0)));
                images.push(shard.groups.write_image());
                images.push(shard.sessions.write_image());
            });
        }
        images
    })
}
