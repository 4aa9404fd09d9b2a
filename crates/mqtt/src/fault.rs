//! What is wrong with a peer's bytes, and the answer that its version prescribes before the connection is closed.

use crate::codec::{ConnAck, Disconnect, Properties};
use crate::{ReasonCode, Version};
use thiserror::Error;

/// A packet that breaks the protocol. The connection ends; [`Fault::encode_answer`] writes the last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{reason}: {text}")]
pub struct Fault {
    /// How the connection is closed (MQTT 5 §4.13).
    pub close: CloseWith,
    /// The reason, in words of MQTT 5 whatever the version.
    pub reason: ReasonCode,
    /// What exactly was wrong, with the statement id of the specification where there is one.
    pub text: &'static str,
}

/// The answer that precedes the closing of the network connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseWith {
    /// No packet: versions below 5 after CONNECT, and peers that do not speak MQTT.
    Silence,
    /// A CONNACK in the form of this version. Below 5 the reason shrinks to a return code.
    ConnAck(Version),
    /// A DISCONNECT of MQTT 5 with the reason.
    Disconnect,
}

impl Fault {
    /// Appends the answer to `out`: nothing, a CONNACK or a DISCONNECT. No reason string is sent, so the answer fits
    /// any Maximum Packet Size of 5 and more and needs no Request Problem Information.
    pub fn encode_answer(&self, out: &mut Vec<u8>) {
        let written = match self.close {
            CloseWith::Silence => Ok(()),
            CloseWith::ConnAck(version) => {
                ConnAck { session_present: false, reason: self.reason, properties: Properties::EMPTY }
                    .encode(version, out)
            }
            CloseWith::Disconnect => {
                Disconnect { reason: self.reason, properties: Properties::EMPTY }.encode(Version::V5, out)
            }
        };
        debug_assert!(written.is_ok(), "a packet without properties always fits");
    }
}

/// A broken rule before it is known how the version answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) reason: ReasonCode,
    pub(crate) text: &'static str,
}

impl Violation {
    /// The bytes cannot be read as the packet that they claim to be.
    pub(crate) fn malformed(text: &'static str) -> Self {
        Self { reason: ReasonCode::MALFORMED_PACKET, text }
    }

    /// The bytes can be read, and say what they may not.
    pub(crate) fn protocol(text: &'static str) -> Self {
        Self { reason: ReasonCode::PROTOCOL_ERROR, text }
    }

    /// The fault on a connection that speaks `version` already.
    pub(crate) fn on(self, version: Version) -> Fault {
        let close = if version == Version::V5 { CloseWith::Disconnect } else { CloseWith::Silence };
        self.with(close)
    }

    pub(crate) fn with(self, close: CloseWith) -> Fault {
        Fault { close, reason: self.reason, text: self.text }
    }
}
