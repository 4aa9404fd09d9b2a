//! How a QoS 0 subscription is written: PUBLISH, straight into the receiver's bytes.

use crate::codec::SubscriptionOptions;
use crate::mapping::Origin;
use crate::outgoing::{Outgoing, Shape};
use crate::{Qos, Version};
use stele_model::{Format, Message, Wire};

/// The form of a subscription: version, Retain As Published, subscription identifier, Maximum Packet Size.
///
/// Most subscriptions of a version have the same form, so a fan-out is one encoding for each version.
#[derive(Debug)]
pub struct MqttFormat {
    class: Box<[u8]>,
    version: Version,
    retain_as_published: bool,
    identifier: Option<u32>,
    packet_bytes_max: u32,
}

impl MqttFormat {
    /// A form. `packet_bytes_max` is `u32::MAX` for a client that set no maximum.
    pub fn new(
        version: Version,
        options: SubscriptionOptions,
        identifier: Option<u32>,
        packet_bytes_max: u32,
    ) -> Self {
        let retain_as_published = options.retain_as_published;
        let mut class = vec![b'm', version.level(), u8::from(retain_as_published)];
        if identifier.is_some() || packet_bytes_max != u32::MAX {
            class.extend_from_slice(&identifier.unwrap_or(0).to_be_bytes());
            class.extend_from_slice(&packet_bytes_max.to_be_bytes());
        }
        Self { class: class.into(), version, retain_as_published, identifier, packet_bytes_max }
    }
}

impl Format for MqttFormat {
    /// What has no MQTT form (a subject that is no topic, a packet over the receiver's maximum) is left out.
    fn encode(&self, run: &[Message<'_>], out: &mut Vec<u8>) {
        for message in run {
            let shape = Shape {
                version: self.version,
                qos: Qos::AtMostOnce,
                packet_id: None,
                duplicate: false,
                retain: message.retain && self.retain_as_published,
                identifiers: self.identifier.as_slice(),
                packet_bytes_max: self.packet_bytes_max,
                alias: None,
                now_ms: None,
            };
            let _unsendable = outgoing(message).encode(&shape, out);
        }
    }

    fn class(&self) -> &[u8] {
        &self.class
    }
}

/// A live message on its way to MQTT.
pub(crate) fn outgoing<'m>(message: &Message<'m>) -> Outgoing<'m> {
    Outgoing {
        subject: message.subject,
        reply: message.reply,
        headers: message.headers,
        origin: if message.headers.wire == Wire::Mqtt { Origin::Mqtt } else { Origin::Foreign },
        payload: message.payload,
    }
}
