//! A worker thread's memory, lent to the connections that run on it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use stele_core::Scratch;

/// What one read takes at most.
pub(crate) const READ_BYTES: usize = 64 << 10;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new());
}

/// One per thread.
pub(crate) struct Worker {
    pub(crate) scratch: Scratch,
    pub(crate) read: Box<[u8]>,
}

/// Lends the worker's memory. A task that is dropped while its thread ends gets a fresh one.
pub(crate) fn with_worker<R>(call: impl FnOnce(&mut Worker) -> R) -> R {
    let mut call = Some(call);
    let mut lend = |worker: &mut Worker| call.take().map(|call| call(worker));
    match WORKER.try_with(|worker| worker.try_borrow_mut().ok().and_then(|mut worker| lend(&mut worker))) {
        Ok(Some(result)) => result,
        _ => lend(&mut Worker::new()).expect("called once: the first try did not get so far"),
    }
}

/// As `with_worker`, for sessions without a socket.
pub(crate) fn with_scratch<R>(call: impl FnOnce(&mut Scratch) -> R) -> R {
    with_worker(|worker| {
        worker.scratch.reset();
        call(&mut worker.scratch)
    })
}

impl Worker {
    fn new() -> Self {
        static SEED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
        let seed = SEED.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        Self { scratch: Scratch::new(seed), read: vec![0; READ_BYTES].into() }
    }
}
