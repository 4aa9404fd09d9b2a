//! Clients: small state machines that speak a protocol's bytes and report to the ledger.
//!
//! A client is told when it is connected, what it was sent, and when it was cut off; in between it is asked now and then
//! whether it has something to say. It sends again what was not acknowledged, and hangs up on a broker that is silent.

pub(crate) mod kafka;
pub(crate) mod mqtt;
pub(crate) mod nats;

use crate::Mutation;
use crate::broker::Protocol;
use crate::ledger::Ledger;
use crate::plan::Shape;
use stele_io::Random;
use stele_model::Now;

/// A client that has waited so long for an answer hangs up.
pub(crate) const PATIENCE_NS: u64 = 1_500_000_000;

/// What a client may use during one call.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) random: &'a mut Random,
    pub(crate) ledger: &'a mut Ledger,
    /// Bytes for the broker.
    pub(crate) out: &'a mut Vec<u8>,
    /// Set: the client cuts its connection.
    pub(crate) hangs_up: bool,
    /// Faults are over: bring everything to its end.
    pub(crate) draining: bool,
    pub(crate) mutation: Mutation,
}

impl Turn<'_> {
    /// Has this moment been long ago?
    pub(crate) fn waited_since(&self, since_ns: u64) -> bool {
        self.now.monotonic_ns > since_ns + PATIENCE_NS
    }
}

/// One client.
pub(crate) trait Client {
    fn name(&self) -> &str;

    fn protocol(&self) -> Protocol;

    /// A new connection stands.
    fn connected(&mut self, turn: &mut Turn<'_>);

    /// The connection is gone. `refused`: the broker ended it, and not a crash or the network.
    fn disconnected(&mut self, refused: bool, turn: &mut Turn<'_>);

    /// Bytes came.
    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>);

    /// Something to say? Called now and then while connected.
    fn tick(&mut self, turn: &mut Turn<'_>);

    /// Is all brought to its end? Asked while draining.
    fn is_done(&self, ledger: &Ledger) -> bool;

    /// Where it stands, for a person who asks why it is not done.
    fn state(&self, _: &Ledger) -> String {
        String::new()
    }

    /// The last restart is over: everything has to be looked at once more.
    fn look_again(&mut self) {}
}

/// The clients of a run.
pub(crate) fn all(shape: &Shape, random: &mut Random, ledger: &mut Ledger) -> Vec<Box<dyn Client>> {
    let mut clients: Vec<Box<dyn Client>> = Vec::new();
    if shape.nats {
        nats::add(shape, random, ledger, &mut clients);
    }
    if shape.kafka {
        kafka::add(shape, random, ledger, &mut clients);
    }
    if shape.mqtt {
        mqtt::add(shape, random, ledger, &mut clients);
    }
    clients.push(Box::new(kafka::Auditor::new(shape)));
    clients
}
