//! A session of the broker's own, without a socket: it only asks, publishes and is told.

use crate::drive::STALL_NS;
use crate::listener::Shared;
use crate::listener::Stop;
use crate::worker::with_scratch;
use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use stele_core::{Attended, Connection, Link, Outlet};
use stele_model::{Close, Session};
use tokio::sync::Notify;

/// Swallows bytes and wakes the task.
#[derive(Default)]
struct InternalOutlet {
    news: Notify,
}

impl Outlet for InternalOutlet {
    fn send(&self, _: &[u8]) -> usize {
        0
    }

    fn send_pieces(&self, _: &[IoSlice<'_>]) -> usize {
        0
    }

    fn wake(&self) {
        self.news.notify_one();
    }

    fn queued(&self) -> usize {
        0
    }

    fn await_room(&self, _: &Waker) -> bool {
        false
    }
}

/// Drives the session until the stop; one that closes itself ends.
pub(crate) async fn run(shared: Arc<Shared>, session: Box<dyn Session>, mut stop: Stop) {
    let outlet = Arc::new(InternalOutlet::default());
    let link = shared.core.link(outlet.clone());
    let mut connection = Connection::new(shared.core.clone(), link, session);
    let mut stopped = std::pin::pin!(stop.stopped());
    let mut why = Close::Shutdown;
    if let Err(close) = with_scratch(|scratch| connection.open(shared.clock.now(), scratch)) {
        tracing::error!(reason = %close, "an internal session did not open");
        return;
    }
    loop {
        let news = outlet.news.notified();
        let (attended, stalled) =
            with_scratch(|scratch| connection.attend_paced(shared.clock.now(), scratch));
        if let Some(receiver) = stalled {
            wait_for_room(&receiver).await;
        }
        match attended {
            Ok(Attended::Settled) => {}
            Ok(Attended::More) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(close) => {
                tracing::error!(reason = %close, "an internal session ended");
                why = close;
                break;
            }
        }
        let deadline = connection.deadline();
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(shared.clock.instant(at).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = news => {}
            () = timer => {}
            () = &mut stopped => break,
        }
    }
    with_scratch(|scratch| connection.close(shared.clock.now(), &why, scratch));
}

/// A receiver that is over its limit is waited for, as other publishers wait.
async fn wait_for_room(receiver: &Link) {
    let room =
        poll_fn(|cx| if receiver.outlet.await_room(cx.waker()) { Poll::Pending } else { Poll::Ready(()) });
    // After the limit the receiver's own rule for slow consumers applies.
    let _over = tokio::time::timeout(Duration::from_nanos(STALL_NS), room).await;
}
