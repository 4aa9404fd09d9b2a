use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Takes `room` bytes, then refuses.
#[derive(Default)]
struct Gate {
    taken: Mutex<Vec<u8>>,
    room: AtomicUsize,
}

impl Pipe for Gate {
    fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = self.taken.lock().expect("test");
        let mut written = 0;
        for piece in pieces {
            let room = self.room.load(Ordering::Acquire).min(piece.len());
            taken.extend_from_slice(&piece[..room]);
            self.room.fetch_sub(room, Ordering::AcqRel);
            written += room;
        }
        if written == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(written) }
    }
}

fn send(outbox: &Outbox, gate: &Gate, bytes: &[u8]) -> usize {
    outbox.send(gate, &[IoSlice::new(bytes)])
}

#[test]
fn keeps_order_across_refusals() {
    let (outbox, gate) = (Outbox::new(Overflow::Close, 1 << 20, true), Gate::default());
    gate.room.store(3, Ordering::Release);
    assert_eq!(send(&outbox, &gate, b"abcdef"), 3);
    assert_eq!(send(&outbox, &gate, b"ghi"), 6);
    gate.room.store(4, Ordering::Release);
    assert_eq!(outbox.flush(&gate), Flushed::Blocked);
    assert_eq!(send(&outbox, &gate, b"jkl"), 5);
    gate.room.store(100, Ordering::Release);
    assert_eq!(outbox.flush(&gate), Flushed::Empty);
    assert_eq!(send(&outbox, &gate, b"m"), 0);
    assert_eq!(*gate.taken.lock().expect("test"), b"abcdefghijklm");
}

#[test]
fn overflow_closes_or_drops() {
    let gate = Gate::default();
    let closing = Outbox::new(Overflow::Close, 4, true);
    send(&closing, &gate, b"abc");
    send(&closing, &gate, b"def");
    assert_eq!(closing.flush(&gate), Flushed::Overflowed);
    let dropping = Outbox::new(Overflow::Drop, 4, true);
    send(&dropping, &gate, b"abc");
    assert_eq!(send(&dropping, &gate, b"def"), 3);
    assert_eq!(dropping.dropped(), 1);
}

#[test]
fn wakes_the_owner_once_and_whoever_waits_for_room() {
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
    let (owner, publisher) = (Arc::new(Count(AtomicUsize::new(0))), Arc::new(Count(AtomicUsize::new(0))));
    let (outbox, gate) = (Outbox::new(Overflow::Close, 64 << 20, true), Gate::default());
    assert!(!outbox.take_attention(&owner.clone().into()));
    outbox.wake();
    outbox.wake();
    assert_eq!(owner.0.load(Ordering::Acquire), 1);
    assert!(outbox.take_attention(&owner.clone().into()));
    send(&outbox, &gate, &vec![0; QUEUED_STALL_BYTES + 1]);
    assert!(outbox.await_room(&publisher.clone().into()));
    gate.room.store(usize::MAX >> 1, Ordering::Release);
    while outbox.flush(&gate) == Flushed::More {}
    assert_eq!(publisher.0.load(Ordering::Acquire), 1);
    assert!(!outbox.await_room(&publisher.into()));
}
