//! What happened, as data: one entry per step, and the verdict over all of them.

use serde_json::{Map, Value, json};

/// The exit code where every count is equal.
pub(super) const EQUAL: u8 = 0;
/// The exit code where a step failed.
pub(super) const FAILED: u8 = 1;
/// The exit code after SIGINT or SIGTERM: as a shell reports it.
pub(super) const INTERRUPTED: u8 = 130;

/// Which protocol, by the word that people use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wire {
    Mqtt,
    Nats,
    JetStream,
    Kafka,
}

/// Messages that clients of one wire sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// A number that clients and broker have counted, each for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// `published`, `delivered`, `stored`.
    pub(super) what: &'static str,
    pub(super) clients: u64,
    /// Where the broker says it, and what.
    pub(super) broker: Vec<(&'static str, u64)>,
}

/// A step that has ended, or broke off.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Stable, for programs.
    pub(super) name: &'static str,
    /// For people.
    pub(super) title: &'static str,
    pub(super) elapsed_ms: u64,
    /// What the clients saw, in order: wire, `sent` or `received`, words.
    pub(super) events: Vec<(Wire, &'static str, String)>,
    /// The same by hand, with other people's tools.
    pub(super) by_hand: Vec<String>,
    /// Per wire, in this step.
    pub(super) traffic: Vec<(Wire, Traffic)>,
    /// Since the broker's start.
    pub(super) counts: Vec<Count>,
    /// Why it broke off.
    pub(super) error: Option<String>,
}

/// The whole tour.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) steps: Vec<Step>,
    /// What went wrong outside of the steps: the start, an interruption.
    pub(super) error: Option<String>,
    pub(super) interrupted: bool,
    pub(super) elapsed_ms: u64,
}

impl Wire {
    pub(super) const ALL: [Self; 4] = [Self::Mqtt, Self::Nats, Self::JetStream, Self::Kafka];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Nats => "nats",
            Self::JetStream => "jetstream",
            Self::Kafka => "kafka",
        }
    }
}

impl Count {
    pub(super) fn is_equal(&self) -> bool {
        self.broker.iter().all(|(_, broker)| *broker == self.clients)
    }

    /// `published 3 (clients) = 3 (/varz) = 3 (/metrics)`.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{} {} (clients)", self.what, self.clients);
        for (source, broker) in &self.broker {
            let relation = if *broker == self.clients { '=' } else { '≠' };
            text.push_str(&format!(" {relation} {broker} ({source})"));
        }
        text
    }
}

impl Step {
    /// Why this step is not as it should be.
    pub(super) fn failure(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(format!("step `{}`: {error}", self.name));
        }
        let wrong: Vec<String> =
            self.counts.iter().filter(|count| !count.is_equal()).map(Count::shown).collect();
        (!wrong.is_empty()).then(|| {
            format!(
                "step `{}`: the broker did not count what its clients did: {}",
                self.name,
                wrong.join("; ")
            )
        })
    }

    fn json(&self) -> Value {
        let events = self
            .events
            .iter()
            .map(|(wire, did, what)| json!({"wire": wire.word(), "did": did, "what": what}));
        let traffic = self.traffic.iter().map(|(wire, traffic)| {
            json!({"wire": wire.word(), "sent": traffic.sent, "received": traffic.received})
        });
        let counts = self.counts.iter().map(|count| {
            let broker: Map<String, Value> =
                count.broker.iter().map(|(source, value)| ((*source).to_owned(), json!(value))).collect();
            json!({"what": count.what, "clients": count.clients, "broker": broker, "equal": count.is_equal()})
        });
        json!({
            "name": self.name,
            "title": self.title,
            "ok": self.failure().is_none(),
            "elapsed_ms": self.elapsed_ms,
            "wires": traffic.collect::<Vec<_>>(),
            "counts": counts.collect::<Vec<_>>(),
            "events": events.collect::<Vec<_>>(),
            "by_hand": self.by_hand,
        })
    }
}

impl Report {
    /// The first thing that went wrong.
    pub(super) fn failure(&self) -> Option<String> {
        self.steps.iter().find_map(Step::failure).or_else(|| self.error.clone())
    }

    pub(super) fn code(&self) -> u8 {
        match (self.interrupted, self.failure()) {
            (true, _) => INTERRUPTED,
            (false, Some(_)) => FAILED,
            (false, None) => EQUAL,
        }
    }

    /// One document; docs/tour.md explains it.
    pub(super) fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ok": self.code() == EQUAL,
            "error": self.failure(),
            "elapsed_ms": self.elapsed_ms,
            "steps": self.steps.iter().map(Step::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, clients: u64, broker: u64) -> Step {
        let count =
            Count { what: "published", clients, broker: vec![("/varz", broker), ("/metrics", broker)] };
        Step {
            name,
            title: "A step",
            elapsed_ms: 1,
            events: vec![(Wire::Mqtt, "sent", "a".into())],
            by_hand: vec!["true".into()],
            traffic: vec![(Wire::Mqtt, Traffic { sent: 1, received: 0 })],
            counts: vec![count],
            error: None,
        }
    }

    fn report(steps: Vec<Step>) -> Report {
        Report { steps, ..Report::default() }
    }

    #[test]
    fn equal_counts_are_code_0() {
        let report = report(vec![step("one", 3, 3), step("two", 5, 5)]);
        assert_eq!((report.code(), report.failure()), (EQUAL, None));
        assert_eq!(report.json()["ok"], true);
    }

    #[test]
    fn a_count_that_differs_is_code_1_and_names_its_step() {
        for (clients, broker) in [(5, 4), (4, 5)] {
            let report = report(vec![step("one", 3, 3), step("two", clients, broker)]);
            assert_eq!(report.code(), FAILED);
            let why = report.failure().expect("a reason");
            assert!(why.contains("`two`") && why.contains("published") && !why.contains("`one`"), "{why}");
            let json = report.json();
            assert_eq!((&json["ok"], &json["steps"][0]["ok"]), (&false.into(), &true.into()));
            assert_eq!(json["steps"][1]["counts"][0]["equal"], false);
        }
    }

    #[test]
    fn one_source_that_differs_is_enough() {
        let mut wrong = step("one", 3, 3);
        wrong.counts[0].broker[1].1 = 2;
        assert_eq!(report(vec![wrong]).code(), FAILED);
    }

    #[test]
    fn a_step_that_breaks_off_is_code_1_and_an_interruption_130() {
        let mut broken = step("one", 3, 3);
        broken.error = Some("nobody answers".into());
        let mut report = report(vec![broken]);
        assert_eq!(report.code(), FAILED);
        assert_eq!(report.failure().as_deref(), Some("step `one`: nobody answers"));
        report.interrupted = true;
        assert_eq!(report.code(), INTERRUPTED);
    }
}
