//! What stored sessions write: deltas of kinds 96 to 107.

use super::super::frames::Delta;
use crate::store::Keeper;
use serde::{Deserialize, Serialize};
use stele_model::{Quality, RecordOrigin, SessionFilter, Will, Wire};

/// Kind 96: a connection took the session; it is made where it was missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionPut {
    /// The client id.
    pub client: Vec<u8>,
    /// When (ns).
    pub time_ns: u64,
    /// How long it outlives its connection (s); `u32::MAX`: for ever.
    pub expiry_s: u32,
    /// Messages that its queue holds at most. Part of the frame, so that replay drops what was dropped.
    pub queued_max: u64,
    /// Published when the connection is lost.
    pub will: Option<Will>,
}

impl Delta for SessionPut {
    const KIND: u8 = 96;
}

/// Kind 97: the connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionDetached {
    /// The client id.
    pub client: Vec<u8>,
    /// When (ns).
    pub time_ns: u64,
    /// How long it is kept from now on (s).
    pub expiry_s: u32,
    /// Ordinals below this may have been sent.
    pub sent_below: u64,
    /// The will goes with the connection.
    pub drop_will: bool,
}

impl Delta for SessionDetached {
    const KIND: u8 = 97;
}

/// Kind 98: the session is gone with all that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionRemoved {
    /// The client id.
    pub client: Vec<u8>,
}

impl Delta for SessionRemoved {
    const KIND: u8 = 98;
}

/// Kind 99: a subscription was made or replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilterPut {
    /// The client id.
    pub client: Vec<u8>,
    /// It.
    pub filter: SessionFilter,
}

impl Delta for FilterPut {
    const KIND: u8 = 99;
}

/// Kind 100: a subscription ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilterRemoved {
    /// The client id.
    pub client: Vec<u8>,
    /// As the client wrote it.
    pub name: Vec<u8>,
}

impl Delta for FilterRemoved {
    const KIND: u8 = 100;
}

/// Kind 101: a message for every session whose subscriptions match at this place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageQueued {
    /// Its number among all of them.
    pub number: u64,
    /// When (ns).
    pub time_ns: u64,
    /// Its subject.
    pub subject: Vec<u8>,
    /// Where an answer goes.
    pub reply: Vec<u8>,
    /// The header array in a Kafka record's encoding.
    pub headers: Vec<u8>,
    /// `None`: null.
    pub payload: Option<Vec<u8>>,
    /// As published.
    pub quality: Quality,
    /// Published with RETAIN.
    pub retain: bool,
    /// Who published it.
    pub wire: Wire,
    /// The client id of the publisher, where a session published it.
    pub from: Option<Vec<u8>>,
}

impl Delta for MessageQueued {
    const KIND: u8 = 101;
}

/// Kind 102: the client has these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessagesDone {
    /// The client id.
    pub client: Vec<u8>,
    /// Their numbers in its queue.
    pub ordinals: Vec<u64>,
}

impl Delta for MessagesDone {
    const KIND: u8 = 102;
}

/// Kind 103: the client has received this QoS 2 message: only PUBREL is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageReceived {
    /// The client id.
    pub client: Vec<u8>,
    /// Its number in the queue.
    pub ordinal: u64,
}

impl Delta for MessageReceived {
    const KIND: u8 = 103;
}

/// Kind 104: a QoS 2 publish of the client is stored wherever it is wanted (or, released, its PUBREL came). It is durable
/// together with the frames of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PacketClaimed {
    /// The client id.
    pub client: Vec<u8>,
    /// The packet id.
    pub packet: u16,
    /// False: it is free again.
    pub claimed: bool,
}

impl Delta for PacketClaimed {
    const KIND: u8 = 104;
}

/// Kind 105: the will was published, or is not to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WillDone {
    /// The client id.
    pub client: Vec<u8>,
}

impl Delta for WillDone {
    const KIND: u8 = 105;
}

/// Kind 106: a produced record for every session that subscribed before it was appended. Those of its partition up to it
/// are done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordQueued {
    /// Where the record stands.
    pub origin: RecordOrigin,
    /// As it is published.
    pub message: MessageQueued,
}

impl Delta for RecordQueued {
    const KIND: u8 = 106;
}

/// Kind 107: a QoS 2 publish of the client is stored by these, and was refused by others. Durable as kind 104.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PacketPartlyClaimed {
    /// The client id.
    pub client: Vec<u8>,
    /// The packet id.
    pub packet: u16,
    /// All that have it by now.
    pub kept: Vec<Keeper>,
}

impl Delta for PacketPartlyClaimed {
    const KIND: u8 = 107;
}

#[cfg(test)]
mod tests {
    use super::super::super::frames::check_golden;
    use super::*;
    use stele_model::{Filter, StreamName};

    #[test]
    fn golden_claims() {
        let client = b"c".to_vec();
        check_golden(&PacketClaimed { client: client.clone(), packet: 300, claimed: true }, "680163ac0201");
        let kept = vec![
            Keeper { message: 0, stream: Some(StreamName::new("s")) },
            Keeper { message: 1, stream: None },
        ];
        let partly = PacketPartlyClaimed { client, packet: 300, kept };
        check_golden(&partly, "6b0163ac0202000101730100");
    }

    #[test]
    fn golden() {
        let client = b"c".to_vec();
        let will = Will {
            subject: b"w".to_vec(),
            properties: vec![],
            payload: b"p".to_vec(),
            quality: Quality::AtLeastOnce,
            retain: true,
            delay_s: 5,
        };
        check_golden(
            &SessionPut {
                client: client.clone(),
                time_ns: 3,
                expiry_s: 60,
                queued_max: 1000,
                will: Some(will),
            },
            "600163033ce807010177000170010105",
        );
        check_golden(
            &SessionDetached {
                client: client.clone(),
                time_ns: 4,
                expiry_s: 7,
                sent_below: 9,
                drop_will: true,
            },
            "61016304070901",
        );
        check_golden(&SessionRemoved { client: client.clone() }, "620163");
        let filter = SessionFilter {
            name: b"a".to_vec(),
            filters: vec![Filter::new(b"a").unwrap()],
            group: None,
            quality: Quality::ExactlyOnce,
            options: 2,
            identifier: 8,
            no_local: true,
            hides_internal: false,
        };
        check_golden(
            &FilterPut { client: client.clone(), filter },
            "63016301610101610002020801 00".replace(' ', "").as_str(),
        );
        check_golden(&FilterRemoved { client: client.clone(), name: b"a".to_vec() }, "6401630161");
        let queued = MessageQueued {
            number: 1,
            time_ns: 2,
            subject: b"s".to_vec(),
            reply: vec![],
            headers: vec![0],
            payload: Some(b"p".to_vec()),
            quality: Quality::AtLeastOnce,
            retain: false,
            wire: Wire::Mqtt,
            from: Some(client.clone()),
        };
        check_golden(&queued, "65010201730001000101700100020101 63".replace(' ', "").as_str());
        let origin = RecordOrigin { shard: 1, log: 300, offset: 4, position: 5 };
        let record = RecordQueued { origin, message: queued };
        check_golden(&record, "6a01ac020405 01020173000100010170010002010163".replace(' ', "").as_str());
        check_golden(&MessagesDone { client: client.clone(), ordinals: vec![5, 6] }, "660163020506");
        check_golden(&MessageReceived { client: client.clone(), ordinal: 5 }, "67016305");
        check_golden(&WillDone { client }, "690163");
    }
}
