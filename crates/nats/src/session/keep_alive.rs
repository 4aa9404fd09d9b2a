//! PING and PONG from the server's side: a client that answers nothing is gone.

use crate::NatsSettings;
use stele_model::Now;

/// When the client is pinged next, and how many PINGs it owes an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeepAlive {
    next_ns: u64,
    /// When the client last did something; answers do not count.
    heard_ns: u64,
    /// When the last PING went out; `None`: none yet.
    pinged_ns: Option<u64>,
    pings_out: u8,
}

/// What the deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing.
    Quiet,
    /// Send PING.
    Ping,
    /// The client is gone.
    Stale,
}

impl KeepAlive {
    /// The connection is open.
    pub(super) fn opened(&mut self, now: Now, settings: &NatsSettings) {
        self.next_ns = now.monotonic_ns.saturating_add(settings.ping_interval_ns);
    }

    /// CONNECT came: the first PING follows soon, with up to a fifth of chance, so that a crowd of clients that
    /// connects at once does not answer at once.
    pub(super) fn connected(&mut self, now: Now, settings: &NatsSettings, random: u64) {
        let wait = settings.ping_interval_ns.min(FIRST_PING_NS);
        let chance = random % (wait / 5).max(1);
        self.next_ns = now.monotonic_ns.saturating_add(wait + chance);
    }

    /// The client did something.
    pub(super) fn heard(&mut self, now: Now) {
        self.heard_ns = now.monotonic_ns;
    }

    /// The client answered.
    pub(super) fn answered(&mut self) {
        self.pings_out = 0;
    }

    /// The deadline.
    pub(super) fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// The deadline may have passed.
    pub(super) fn beat(&mut self, now: Now, settings: &NatsSettings) -> Beat {
        let now_ns = now.monotonic_ns;
        if now_ns < self.next_ns {
            return Beat::Quiet;
        }
        self.next_ns = now_ns.saturating_add(settings.ping_interval_ns.max(INTERVAL_MIN_NS));
        let measured = self.pinged_ns.is_some_and(|at| now_ns - at <= MEASURE_AGAIN_NS);
        if measured && now_ns - self.heard_ns < settings.ping_interval_ns {
            return Beat::Quiet;
        }
        if self.pings_out >= settings.pings_out_max {
            return Beat::Stale;
        }
        self.pings_out += 1;
        self.pinged_ns = Some(now_ns);
        Beat::Ping
    }
}

/// nats-server measures the round trip this soon after CONNECT.
const FIRST_PING_NS: u64 = 2_000_000_000;

/// And again after this long, however busy the client is.
const MEASURE_AGAIN_NS: u64 = 3_600_000_000_000;

/// A timer that fires more often would only burn the processor.
const INTERVAL_MIN_NS: u64 = 1_000_000;
