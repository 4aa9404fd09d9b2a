//! Publishes that count once: what is stored under a claim, and what forgets it.

use super::*;
use bytes::Bytes;

const CLIENT: &str = "c";

/// Two streams on the same subject, the second with room for one record, and a session.
fn world() -> World {
    let mut world = World::new();
    world.create(StreamSpec { made_by: Wire::Kafka, ..spec("all", &["a"]) });
    let limits = Limits { records_max: Some(1), discard: Discard::New, ..Limits::none() };
    world.create(StreamSpec { made_by: Wire::Kafka, limits, ..spec("few", &["a"]) });
    open(&mut world, false);
    world
}

fn open(world: &mut World, clean: bool) {
    let client = Bytes::from(CLIENT);
    let command = SessionCommand::Open { client, clean, expiry_s: 100, will: None };
    world.now(Request::Session(command)).unwrap();
}

/// Publishes to both streams and to queues, under a packet id.
fn once(world: &mut World, packet: u16) -> Once {
    let caller = world.caller();
    let claim = Claim { client: CLIENT.as_bytes(), packet };
    let text = packet.to_string();
    let (store, now) = (&world.store, world.now);
    let result = store.once(now, &caller, &claim, 100, &mut |before| {
        let mut attempt = Attempt::default();
        for name in ["all", "few"] {
            let keeper = Keeper { message: 0, stream: Some(StreamName::new(name)) };
            if before.contains(&keeper) {
                continue;
            }
            let capture = Capture { message: message("a", &text), conditions: None };
            let mut results = Vec::new();
            let lsn = store.capture(now, &StreamName::new(name), &[capture], &mut results);
            attempt.lsn = attempt.lsn.max(lsn);
            match results.remove(0) {
                Ok(_) => attempt.kept.push(keeper),
                Err(error) => attempt.refused = Some(error),
            }
        }
        attempt
    });
    assert!(result.lsn <= world.journal.end());
    world.sync();
    result
}

fn release(world: &mut World, packet: u16) -> bool {
    let command = SessionCommand::Release { client: Bytes::from(CLIENT), packet };
    match world.now(Request::Session(command)) {
        Ok(Outcome::Session(SessionReply::Released { known })) => known,
        other => panic!("{other:?}"),
    }
}

fn ends(world: &mut World) -> [u64; 2] {
    ["all", "few"].map(|name| world.info(name).end)
}

/// A kill: another process goes on with what is durable, and the client comes back.
fn restart(world: &mut World) {
    let images = world.images();
    world.check_images(&images);
    world.store = world.reopened();
    open(world, false);
}

fn purge(world: &mut World) {
    let stream = StreamName::new("few");
    let (partition, filter, below, keep) = (None, None, None, None);
    let purge = StreamCommand::Purge { stream, partition, filter, below, keep, by_client: false };
    world.stream(purge).unwrap();
}

#[test]
fn what_comes_again_is_stored_once_until_it_is_released() {
    let mut world = world();
    assert!(!once(&mut world, 1).repeated);
    for _ in 0..2 {
        let again = once(&mut world, 1);
        assert_eq!((again.repeated, again.kept, again.refused), (true, true, None));
        restart(&mut world);
    }
    assert_eq!(ends(&mut world), [1, 1]);
    assert!(release(&mut world, 1));
    let end = world.journal.end();
    assert!(!release(&mut world, 1), "PUBREL may come again");
    assert_eq!(world.journal.end(), end, "and writes nothing");
    restart(&mut world);
    purge(&mut world);
    assert!(!once(&mut world, 1).repeated, "another message under the same id");
    assert_eq!(ends(&mut world), [2, 2]);
}

#[test]
fn a_refusal_is_no_claim_on_what_was_refused() {
    let mut world = world();
    once(&mut world, 1);
    let refused = once(&mut world, 2);
    assert_eq!((refused.kept, refused.refused), (true, Some(Error::RecordsExceeded)));
    assert_eq!(ends(&mut world), [2, 1]);
    // The connection was cut before that was told: the message comes again, to whoever refused it, over restarts.
    restart(&mut world);
    let refused = once(&mut world, 2);
    assert_eq!((refused.repeated, refused.refused), (true, Some(Error::RecordsExceeded)));
    purge(&mut world);
    restart(&mut world);
    let stored = once(&mut world, 2);
    assert_eq!((stored.repeated, stored.refused), (true, None));
    assert_eq!(ends(&mut world), [2, 2]);
    once(&mut world, 2);
    assert_eq!(ends(&mut world), [2, 2]);
    // Refused, and told: the id is free for another message.
    once(&mut world, 3);
    assert!(release(&mut world, 3));
    purge(&mut world);
    assert!(!once(&mut world, 3).repeated);
    assert_eq!(ends(&mut world), [4, 3]);
}

#[test]
fn what_nobody_stored_is_not_claimed() {
    let mut world = world();
    let claim = Claim { client: CLIENT.as_bytes(), packet: 7 };
    for _ in 0..2 {
        let caller = world.caller();
        let end = world.journal.end();
        let once = world.store.once(world.now, &caller, &claim, 0, &mut |before| {
            assert!(before.is_empty());
            Attempt { refused: Some(Error::DiskFull), ..Attempt::default() }
        });
        assert_eq!((once.repeated, once.kept, once.refused), (false, false, Some(Error::DiskFull)));
        assert_eq!(world.journal.end(), end);
    }
    assert!(!once(&mut world, 7).repeated);
}

#[test]
fn a_clean_start_and_an_expiry_forget_and_a_takeover_does_not() {
    let mut world = world();
    once(&mut world, 1);
    purge(&mut world);
    let older = world.link.clone();
    world.link = Arc::new(Link::new(ConnectionId(2), Arc::new(NoOutlet)));
    open(&mut world, false);
    let newer = std::mem::replace(&mut world.link, older);
    assert_eq!(once(&mut world, 2).refused, Some(Error::SessionFenced));
    assert_eq!(ends(&mut world), [1, 1], "who was taken over stores nothing");
    world.link = newer;
    assert!(once(&mut world, 1).repeated);
    open(&mut world, true);
    assert!(!once(&mut world, 1).repeated);
    purge(&mut world);
    let client = Bytes::from(CLIENT);
    let detach = SessionCommand::Detach { client, expiry_s: Some(5), drop_will: false };
    world.now(Request::Session(detach)).unwrap();
    world.pass(6 * SECOND);
    open(&mut world, false);
    assert!(!once(&mut world, 1).repeated);
    assert_eq!(ends(&mut world), [3, 3]);
}
