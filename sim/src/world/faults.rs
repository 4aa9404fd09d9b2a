//! What goes wrong: power, processes, connections, clocks, the disk.

use super::World;
use crate::broker::Broker;
use crate::ledger::Check;
use crate::opening::Refused;
use stele_io::SimFaults;
use stele_model::Close;

const HOUR_NS: u64 = 3_600_000_000_000;

/// The wall clock at the start of a run.
pub(super) const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

impl World {
    /// Perhaps something goes wrong before the next step; and what is down comes back.
    pub(super) fn fault(&mut self) {
        let dice = self.random.below(10_000);
        if self.broker.is_none() {
            if dice < 500 {
                self.start();
            }
            return;
        }
        let crash = self.shape.crash_per_10000;
        match dice {
            _ if dice < crash => match self.random.below(4) {
                0 | 1 => self.lose_power(),
                2 => self.kill(),
                _ => self.stop(),
            },
            _ if dice < crash + self.shape.cut_per_10000 => self.cut_any(),
            9_900..9_950 if self.broker.as_ref().is_some_and(Broker::has_failed) => self.kill(),
            9_950..9_960 if self.shape.fills => self.fill_disk(),
            9_960..9_965 if self.shape.clock_jumps => self.jump(),
            9_965..9_975 => self.notice_lost_peer(),
            _ => {}
        }
    }

    /// No more faults; what is down comes back.
    pub(super) fn calm(&mut self) {
        self.draining = true;
        self.note("no more faults");
        self.faults = SimFaults::default();
        self.disk.set_faults(SimFaults::default());
        if let Some(broker) = &mut self.broker {
            // A sync that failed may not have been told yet.
            broker.end_flights(self.now);
        }
        if self.broker.as_ref().is_some_and(Broker::has_failed) {
            self.kill();
        }
        if self.broker.is_none() {
            self.start();
        }
    }

    /// The process starts.
    fn start(&mut self) {
        self.trace.step(100, 0);
        self.set_clock();
        if !self.draining {
            self.draw_disk_faults();
        }
        let opened =
            Broker::open(&self.disk, &self.shape, self.plan.mutation, self.now, self.start, &mut self.random);
        let outcome = opened.as_ref().map_or_else(ToString::to_string, |broker| broker.found.clone());
        self.note(format!("start: {outcome}; {:?}", self.faults));
        match opened {
            Ok(broker) => {
                self.shortened += u64::from(broker.is_shortened);
                self.broker = Some(broker);
            }
            Err(_) if !self.disk.has_power() => {}
            // A sync of the opening may fail as any other.
            Err(Refused::Disk(_)) if self.shape.sync_fails_per_mille > 0 && !self.draining => {}
            Err(Refused::Disk(_)) if self.shape.fills && !self.draining => {}
            Err(why) => self.ledger.broken(Check::Protocol, format!("the log does not open: {why}")),
        }
        if !self.disk.has_power() {
            self.lose_power();
        }
    }

    /// A process starts with the right time, and is told of years only while it runs: what it cannot see, a broker
    /// cannot forgive, and after years without it records are old.
    fn set_clock(&mut self) {
        self.now.wall_ns = self.now.monotonic_ns + EPOCH_NS;
    }

    fn draw_disk_faults(&mut self) {
        let calls_max = self.shape.power_calls_max;
        let power = self.disk.calls() + 1 + self.random.below(calls_max);
        let fails = if self.random.chance(500) { self.shape.sync_fails_per_mille } else { 0 };
        self.faults = SimFaults {
            sync_fails_per_mille: fails,
            write_fails_per_mille: fails / 3,
            power_lost_at_call: (calls_max > 0).then_some(power),
            bytes_max: None,
            ..SimFaults::default()
        };
        self.disk.set_faults(self.faults.clone());
    }

    /// The power goes, now or at the call where it went.
    pub(super) fn lose_power(&mut self) {
        self.trace.step(101, 0);
        self.note("power loss");
        self.crashes += 1;
        self.end_process();
        self.disk = self.disk.crash();
        if self.draining {
            self.start();
        }
    }

    /// The process dies; the operating system keeps what was written.
    fn kill(&mut self) {
        self.trace.step(102, 0);
        self.note("process killed");
        self.crashes += 1;
        self.end_process();
    }

    fn end_process(&mut self) {
        for index in 0..self.seats.len() {
            let Some(number) = self.seats[index].wire else { continue };
            // What was sent before the end may still arrive, or some of it.
            if let Some(wire) = self.wires.get(&number) {
                let left = self.random.below(wire.to_client() as u64 + 1) as usize;
                let bytes = wire.take(left);
                self.trace.bytes(&bytes);
                self.with_client(index, |client, turn| client.receive(&bytes, turn));
            }
            self.seat_lost(index, false);
        }
        self.wires.clear();
        self.broker = None;
    }

    /// A clean stop: connections are closed, what waits is committed.
    fn stop(&mut self) {
        self.trace.step(103, 0);
        self.note("clean stop");
        let now = self.now;
        for wire in self.wires.values_mut() {
            wire.close(now, &Close::Shutdown, &mut self.scratch);
        }
        if let Some(broker) = self.broker.take() {
            broker.stop(now, &mut self.scratch);
        }
        self.end_process();
        if !self.disk.has_power() {
            self.lose_power();
        }
    }

    fn cut_any(&mut self) {
        let index = self.random.below(self.seats.len() as u64) as usize;
        self.cut(index);
    }

    /// The client's connection breaks. The broker may notice at once or later; bytes on their way arrive or not.
    pub(super) fn cut(&mut self, index: usize) {
        let Some(number) = self.seats[index].wire else { return };
        self.trace.step(104, number);
        self.note(format!("{} is cut off", self.clients[index].name()));
        if let Some(wire) = self.wires.get_mut(&number) {
            wire.client = None;
            let left = self.random.below(wire.to_broker() as u64 + 1) as usize;
            wire.lose_behind(left);
            if self.random.chance(700) {
                let bytes = wire.deliver(self.now, wire.to_broker().min(left), &mut self.scratch);
                self.trace.bytes(&bytes);
                wire.close(self.now, &Close::Lost, &mut self.scratch);
            }
        }
        self.seat_lost(index, false);
    }

    /// The broker notices that a peer is gone.
    fn notice_lost_peer(&mut self) {
        let now = self.now;
        if let Some(wire) = self.wires.values_mut().find(|wire| wire.client.is_none()) {
            wire.close(now, &Close::Lost, &mut self.scratch);
        }
    }

    /// No more room, or room again.
    fn fill_disk(&mut self) {
        let full = self.random.chance(600);
        self.ledger.disk_was_full = true;
        self.trace.step(105, u64::from(full));
        self.note(if full { "the disk is full" } else { "the disk has room" });
        let used: u64 = self.disk.contents().iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.faults.bytes_max = full.then_some(used + self.random.below(64 << 10));
        self.disk.set_faults(self.faults.clone());
    }

    /// The wall clock is set: by years forward, or back.
    fn jump(&mut self) {
        let by = HOUR_NS * (2 + self.random.below(24 * 365 * 3));
        self.trace.step(106, by);
        self.note("the wall clock jumps");
        let wall = self.now.wall_ns;
        self.now.wall_ns = if self.random.chance(500) { wall + by } else { wall.saturating_sub(by) };
    }
}
