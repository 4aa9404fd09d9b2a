//! The steps, one idea each. A step uses clients as an application does, and checks what each of them shows.

mod group;
mod message;
mod record;
mod replay;
mod request;
mod restart;

use super::stage::{Scene, Stage};

/// Which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Message,
    Record,
    Request,
    Group,
    Replay,
    Restart,
}

impl Plan {
    /// In their order: later steps find what earlier ones stored.
    pub(super) const ALL: [Self; 6] =
        [Self::Message, Self::Record, Self::Request, Self::Group, Self::Replay, Self::Restart];

    /// For programs; never changes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Message => "one-message-three-readers",
            Self::Record => "a-record-is-a-message",
            Self::Request => "request-reply",
            Self::Group => "consumer-group",
            Self::Replay => "replay",
            Self::Restart => "restart",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Message => "One message, three readers",
            Self::Record => "A Kafka record is a message, too",
            Self::Request => "A question on one wire, the answer on another",
            Self::Group => "Work that is shared",
            Self::Replay => "Everything again, from the start",
            Self::Restart => "A restart, and all of it is still there",
        }
    }

    pub(super) fn explanation(self) -> &'static str {
        match self {
            Self::Message => {
                "A sensor publishes with MQTT, quality of service 1. The stream TELEMETRY stores what is published below \
                 `home`; the sensor's acknowledgement (PUBACK) leaves when that is on disk. Stored once, the message is \
                 live for NATS, a record for Kafka, whose key is its subject, and a sequence for JetStream."
            }
            Self::Record => {
                "A Kafka producer appends to the topic TELEMETRY: the same stream by another name. The record's key says \
                 its subject, so it goes live to everybody who listens below `home`."
            }
            Self::Request => {
                "A NATS program asks; the lamp that answers speaks MQTT 5. NATS's reply subject is MQTT's response topic. \
                 Nothing of it is stored, because no stream captures `svc`."
            }
            Self::Group => {
                "A Kafka topic with four partitions, and two members of one group: each gets two partitions, and every \
                 record goes to exactly one of them. What they have read, they commit."
            }
            Self::Replay => {
                "A log forgets nothing that was read. A JetStream consumer and a Kafka consumer that come late read \
                 TELEMETRY from its start, and see the same records in the same order. A durable consumer, `billing`, \
                 takes the first two and remembers that."
            }
            Self::Restart => {
                "The broker stops, and another one opens the same directory. The records are there; `billing` goes on \
                 with its third; the Kafka group gets only what is new."
            }
        }
    }

    /// Whether another broker takes over the log first.
    pub(super) fn restarts(self) -> bool {
        self == Self::Restart
    }

    pub(super) async fn act(self, stage: &mut Stage, scene: &mut Scene<'_>) -> anyhow::Result<()> {
        match self {
            Self::Message => message::act(stage, scene).await,
            Self::Record => record::act(stage, scene).await,
            Self::Request => request::act(stage, scene).await,
            Self::Group => group::act(stage, scene).await,
            Self::Replay => replay::act(stage, scene).await,
            Self::Restart => restart::act(stage, scene).await,
        }
    }
}
