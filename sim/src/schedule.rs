//! Which step comes next: a weighted choice among those that are possible.

use stele_io::Random;

/// A step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The client connects, or may say something.
    Client(usize),
    /// The host reads bytes of the wire.
    ToBroker(u64),
    /// The wire's client reads bytes.
    ToClient(u64),
    /// The wire's owner looks.
    Attend(u64),
    /// A session of the broker's own looks.
    Internal(usize),
    /// A group leaves the lane's queue.
    Commit,
    /// A group that left is written, is synced, or is durable.
    FlyOn(usize),
    /// Readers are shown what is durable.
    Settle,
    /// The store does what is due.
    Wake,
    /// The lane prepares or recycles files.
    Maintain,
    /// A checkpoint begins, or is stored.
    Checkpoint,
    /// Nothing happens for a while.
    Rest,
}

impl Action {
    /// For the trace.
    pub(crate) fn code(self) -> (u8, u64) {
        match self {
            Self::Client(client) => (1, client as u64),
            Self::ToBroker(wire) => (2, wire),
            Self::ToClient(wire) => (3, wire),
            Self::Attend(wire) => (4, wire),
            Self::Internal(session) => (5, session as u64),
            Self::Commit => (6, 0),
            Self::Settle => (7, 0),
            Self::Wake => (8, 0),
            Self::Maintain => (9, 0),
            Self::Rest => (10, 0),
            Self::Checkpoint => (12, 0),
            Self::FlyOn(flight) => (11, flight as u64),
        }
    }
}

/// Possible steps with their weights.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    actions: Vec<(u64, Action)>,
    total: u64,
}

impl Choices {
    pub(crate) fn clear(&mut self) {
        self.actions.clear();
        self.total = 0;
    }

    pub(crate) fn add(&mut self, weight: u64, action: Action) {
        self.actions.push((weight, action));
        self.total += weight;
    }

    /// One of them.
    pub(crate) fn pick(&self, random: &mut Random) -> Option<Action> {
        let mut at = random.below(self.total);
        for (weight, action) in &self.actions {
            if at < *weight {
                return Some(*action);
            }
            at -= weight;
        }
        None
    }
}
