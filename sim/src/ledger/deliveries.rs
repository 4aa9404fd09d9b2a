//! What subscribers were given: work queues and MQTT sessions.

use super::{Check, Ledger, LogName, MessageId};
use crate::clients::nats::SENSORS;
use std::collections::{BTreeMap, BTreeSet};

/// What each subscriber was given.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    queues: BTreeMap<String, Queue>,
    /// MQTT messages that were sent while a stream captured them.
    captured: BTreeSet<MessageId>,
    sessions: BTreeMap<String, Inbox>,
}

/// A work queue over one log.
#[derive(Debug, Default)]
struct Queue {
    log: String,
    delivered: BTreeSet<u64>,
    /// The broker confirmed the acknowledgement.
    confirmed: BTreeSet<u64>,
    finished: bool,
}

/// A persistent MQTT session.
#[derive(Debug, Default)]
struct Inbox {
    subscribed: bool,
    /// How often each came.
    came: BTreeMap<MessageId, u64>,
    last: BTreeMap<String, u64>,
    /// Acknowledged by the broker, and sent after the subscription was acknowledged.
    owed: BTreeSet<MessageId>,
    /// Sent after the subscription was acknowledged.
    due: BTreeSet<MessageId>,
}

impl Ledger {
    /// A work queue gave out an offset of its log.
    pub(crate) fn queue_delivered(&mut self, queue: &str, log: &str, offset: u64) {
        self.delivered += 1;
        let entry = self.deliveries.queues.entry(queue.to_owned()).or_default();
        log.clone_into(&mut entry.log);
        entry.delivered.insert(offset);
        let again = entry.confirmed.contains(&offset);
        self.expect(!again, Check::Redelivered, || {
            format!("{queue} gave out {offset} after its acknowledgement was confirmed")
        });
    }

    /// The broker confirmed an acknowledgement.
    pub(crate) fn queue_confirmed(&mut self, queue: &str, offset: u64) {
        self.deliveries.queues.entry(queue.to_owned()).or_default().confirmed.insert(offset);
    }

    /// The offset up to which all is confirmed: floors are there at least.
    pub(crate) fn queue_floor(&self, queue: &str) -> u64 {
        let Some(queue) = self.deliveries.queues.get(queue) else { return 0 };
        (0..).take_while(|offset| queue.confirmed.contains(offset)).count() as u64
    }

    /// The broker says that nothing is left in the queue.
    pub(crate) fn queue_finished(&mut self, queue: &str, log: &str) {
        let entry = self.deliveries.queues.entry(queue.to_owned()).or_default();
        log.clone_into(&mut entry.log);
        entry.finished = true;
    }

    /// A session's subscription is acknowledged: what is sent from now on, it gets.
    pub(crate) fn session_subscribed(&mut self, session: &str) {
        self.deliveries.sessions.entry(session.to_owned()).or_default().subscribed = true;
    }

    /// A message is sent for the first time.
    pub(crate) fn mqtt_sent(&mut self, id: &MessageId) {
        if self.captures {
            self.deliveries.captured.insert(id.clone());
        }
        for inbox in self.deliveries.sessions.values_mut().filter(|inbox| inbox.subscribed) {
            inbox.due.insert(id.clone());
        }
    }

    /// First sent when no stream captured it: it is captured where it was sent again.
    pub(super) fn was_sent_before_capture(&self, name: &LogName, id: &MessageId) -> bool {
        name.0 == SENSORS && !self.deliveries.captured.contains(id)
    }

    /// The broker took a message over.
    pub(crate) fn mqtt_acked(&mut self, id: &MessageId) {
        self.acked += 1;
        if self.deliveries.captured.contains(id) {
            self.acked_in(SENSORS, id);
        }
        for inbox in self.deliveries.sessions.values_mut().filter(|inbox| inbox.due.contains(id)) {
            inbox.owed.insert(id.clone());
        }
    }

    /// A session was given a message.
    pub(crate) fn mqtt_delivered(&mut self, session: &str, id: &MessageId, exactly_once: bool) {
        self.delivered += 1;
        let refused = self.refused.contains(id);
        let inbox = self.deliveries.sessions.entry(session.to_owned()).or_default();
        let came = inbox.came.entry(id.clone()).or_default();
        *came += 1;
        if *came > 1 {
            self.expect(!exactly_once, Check::MqttQuality, || format!("{session} was given {id} twice"));
            return;
        }
        // What was sent before the subscription stood, and again after it, comes where it was sent again.
        if refused || !inbox.due.contains(id) {
            return;
        }
        let last = inbox.last.insert(id.publisher.clone(), id.number).unwrap_or(0);
        self.expect(last <= id.number, Check::PublisherOrder, || {
            format!("{session} was given {id} after number {last}")
        });
    }

    /// A message that a session is still owed.
    pub(crate) fn mqtt_owed(&self, session: &str) -> Option<&MessageId> {
        let inbox = self.deliveries.sessions.get(session)?;
        inbox.owed.iter().find(|id| !inbox.came.contains_key(id))
    }

    pub(super) fn judge_deliveries(&mut self) {
        let deliveries = std::mem::take(&mut self.deliveries);
        for (name, queue) in deliveries.queues.iter().filter(|(_, queue)| queue.finished) {
            let log = self.logs.get(&(queue.log.clone(), 0));
            let missing = log.and_then(|log| log.offsets().find(|offset| !queue.delivered.contains(offset)));
            if let Some(missing) = missing {
                let text = format!("{name} is empty, and never gave out {missing} of {}", queue.log);
                self.broken(Check::Redelivered, text);
            }
        }
        for (name, inbox) in &deliveries.sessions {
            if let Some(lost) = inbox.owed.iter().find(|id| !inbox.came.contains_key(id)) {
                let text = format!("{name} never got {lost}, which was acknowledged");
                self.broken(Check::MqttQuality, text);
            }
        }
        self.deliveries = deliveries;
    }
}
