//! Reads every log from its start, on every connection anew: what was ever there must still be there.

use super::consumer::{FETCH_VERSION, fetch_request, fetch_topic, read_records};
use super::link::Link;
use crate::broker::Protocol;
use crate::clients::{Client, Turn};
use crate::ledger::{Check, Ledger, Log, LogName};
use crate::plan::Shape;
use std::collections::BTreeMap;
use stele_kafka::codec::messages::FetchRequest;
use stele_kafka::codec::{ErrorCode, decode_response};

pub(crate) struct Auditor {
    link: Link<BTreeMap<LogName, u64>>,
    live: bool,
    positions: BTreeMap<LogName, u64>,
    /// Where the broker said that each log ends.
    highs: BTreeMap<LogName, u64>,
    pause_until: u64,
    bytes_max: u64,
}

impl Auditor {
    pub(crate) fn new(shape: &Shape) -> Self {
        Self {
            link: Link::new("auditor"),
            live: false,
            positions: BTreeMap::new(),
            highs: BTreeMap::new(),
            pause_until: 0,
            // Small ones make many reads.
            bytes_max: 2_000 + shape.messages * 300,
        }
    }

    fn fetch(&mut self, turn: &mut Turn<'_>) {
        let ends: BTreeMap<LogName, u64> =
            turn.ledger.logs.iter().map(|(name, log)| (name.clone(), log.end())).collect();
        let mut names: Vec<&str> = ends.keys().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        // Another one first each time: a small answer would never reach the later ones.
        let first = turn.random.below(names.len() as u64) as usize;
        names.rotate_left(first);
        let wanted = |topic: &str| {
            let partitions = ends.keys().filter(|(name, _)| name == topic);
            let at = |log: &LogName| (log.1, self.positions.get(log).copied().unwrap_or(0));
            partitions.map(at).collect::<Vec<_>>()
        };
        let topics = names.iter().map(|name| fetch_topic(name, wanted(name).into_iter())).collect();
        let request = fetch_request(topics, self.bytes_max);
        self.link.ask(turn.out, turn.now.monotonic_ns, ends.clone(), FETCH_VERSION, &request);
    }

    fn answered(
        &mut self,
        ends: &BTreeMap<LogName, u64>,
        frame: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), String> {
        let (_, answer) = decode_response::<FetchRequest<'_>>(FETCH_VERSION, frame)
            .map_err(|error| format!("fetch: {error}"))?;
        for topic in &answer.responses {
            for found in &topic.partitions {
                let log = (topic.topic.to_string(), found.partition_index as u32);
                let end = ends.get(&log).copied().unwrap_or(0);
                match found.error_code {
                    ErrorCode::None => {}
                    ErrorCode::UnknownTopicOrPartition => {
                        turn.ledger.shown_to(&log, end, 0);
                        continue;
                    }
                    ErrorCode::OffsetOutOfRange => {
                        // Old values went, and with them the start of the log.
                        let start = found.log_start_offset.max(0) as u64;
                        let position = self.positions.get(&log).copied().unwrap_or(0);
                        turn.ledger.follows(&log, position, start);
                        self.positions.insert(log, start);
                        continue;
                    }
                    // The log failed, or a read hit an injected error.
                    _ => continue,
                }
                turn.ledger.shown_to(&log, end, found.high_watermark.max(0) as u64);
                self.highs.insert(log.clone(), found.high_watermark.max(0) as u64);
                let position = self.positions.entry(log).or_default();
                read_records(&topic.topic, found.partition_index as u32, position, &found.records, turn)?;
            }
        }
        self.pause_until = turn.now.monotonic_ns + turn.random.below(30_000_000);
        Ok(())
    }
}

impl Client for Auditor {
    fn name(&self) -> &str {
        "auditor"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn connected(&mut self, _: &mut Turn<'_>) {
        self.link.reset();
        self.positions.clear();
        self.highs.clear();
        self.live = true;
    }

    fn disconnected(&mut self, _: bool, _: &mut Turn<'_>) {
        self.live = false;
        self.link.reset();
    }

    fn receive(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        self.link.receive(bytes);
        loop {
            let answered = match self.link.next() {
                Ok(None) => return,
                Ok(Some((ends, frame))) => self.answered(&ends, &frame, turn),
                Err(error) => Err(error),
            };
            if let Err(error) = answered {
                return turn.ledger.broken(Check::Protocol, format!("auditor: {error}"));
            }
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        if self.link.waiting() > 0 {
            turn.hangs_up = self.link.waits_since().is_some_and(|since| turn.waited_since(since));
        } else if self.live && self.pause_until <= turn.now.monotonic_ns && !turn.ledger.logs.is_empty() {
            self.fetch(turn);
        }
    }

    fn look_again(&mut self) {
        self.positions.clear();
        self.highs.clear();
    }

    fn is_done(&self, ledger: &Ledger) -> bool {
        let at = |name: &LogName| self.positions.get(name).copied().unwrap_or(0);
        // Where something was acknowledged without an offset, the end is what the broker says.
        let end = |name: &LogName, log: &Log| match log.has_unplaced() {
            true => self.highs.get(name).map_or(u64::MAX, |high| log.end().max(*high)),
            false => log.end(),
        };
        ledger.logs.iter().all(|(name, log)| at(name) >= end(name, log))
    }
}
