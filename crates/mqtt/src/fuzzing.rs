//! What the fuzz targets and the corpus test run: any bytes go in, an assertion fails or nothing happens.

use crate::codec::{Decoder, Properties, PropertyContext, Step};
use crate::mapping;
use crate::topic::{SubscriptionTopic, TopicFilter, TopicName};
use crate::{Sender, Version};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets with their names.
pub const TARGETS: &[(&str, Target)] =
    &[("server", fuzz_server), ("client", fuzz_client), ("names", fuzz_names), ("headers", fuzz_headers)];

const PACKET_BYTES_MAX: u32 = 1 << 20;

/// A broker reads a connection: every packet that decodes encodes to a packet that decodes to the same.
pub fn fuzz_server(data: &[u8]) {
    read_all(Decoder::for_server(PACKET_BYTES_MAX), Sender::Client, data);
}

/// A client reads a connection. The first byte chooses the version.
pub fn fuzz_client(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let version = Version::ALL[usize::from(*choice) % Version::ALL.len()];
    read_all(Decoder::for_client(version, PACKET_BYTES_MAX), Sender::Server, data);
}

/// Names and filters: what parses maps to a subject and comes back.
pub fn fuzz_names(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(topic) = TopicName::parse(text) {
            let mut subject = Vec::new();
            mapping::write_subject(topic, &mut subject);
            let mut back = Vec::new();
            mapping::write_topic(&subject, &mut back).expect("every topic has a subject that comes back");
            assert_eq!(back, data);
        }
        if let Ok(filter) = TopicFilter::parse(text) {
            mapping::write_filters(filter, &mut Vec::new());
        }
        let _ = SubscriptionTopic::parse(text);
    }
    let mut topic = Vec::new();
    if mapping::write_topic(data, &mut topic).is_ok() {
        let text = std::str::from_utf8(&topic).expect("a topic is text");
        let mut subject = Vec::new();
        mapping::write_subject(TopicName::parse(text).expect("a topic is a topic"), &mut subject);
        assert_eq!(subject, data);
    }
}

/// Properties of a message: headers and back gives the same user properties.
pub fn fuzz_headers(data: &[u8]) {
    use crate::codec::PropertyBuffer;
    let Some(properties) = Properties::from_bytes(data, PropertyContext::PublishFromClient) else { return };
    let arena = bumpalo::Bump::new();
    let headers: Vec<_> =
        mapping::read_properties(properties, crate::Qos::AtMostOnce, false, 1000, &arena).collect();
    let mut back = PropertyBuffer::new();
    let written = mapping::write_properties(
        headers,
        properties.response_topic(),
        mapping::Origin::Mqtt,
        1000,
        &arena,
        &mut back,
    );
    assert!(written.is_ok(), "what MQTT said MQTT can hold");
    let back = back.as_properties();
    assert!(back.user_properties().eq(properties.user_properties()));
    assert_eq!(back.content_type(), properties.content_type());
    assert_eq!(back.correlation_data(), properties.correlation_data());
    assert_eq!(back.message_expiry_seconds(), properties.message_expiry_seconds());
    assert_eq!(back.payload_format(), properties.payload_format());
    assert_eq!(back.response_topic(), properties.response_topic());
}

fn read_all(mut decoder: Decoder, sender: Sender, mut data: &[u8]) {
    loop {
        match decoder.next(data) {
            Ok(Step::Incomplete { needed }) => {
                assert!(needed > data.len() && needed <= PACKET_BYTES_MAX as usize);
                return;
            }
            Ok(Step::Packet { packet, consumed }) => {
                assert!(consumed > 0 && consumed <= data.len());
                let version = decoder.version().expect("known after the first packet");
                let mut written = Vec::new();
                packet.encode(version, &mut written).expect("what was read can be written");
                let mut again = match (sender, packet) {
                    (_, crate::codec::Packet::Connect(_)) => Decoder::for_server(u32::MAX),
                    (Sender::Server, _) => Decoder::for_client(version, u32::MAX),
                    (Sender::Client, _) => decoder,
                };
                let reread = again.next(&written);
                assert_eq!(reread, Ok(Step::Packet { packet, consumed: written.len() }));
                data = &data[consumed..];
            }
            Err(fault) => {
                fault.encode_answer(&mut Vec::new());
                return;
            }
        }
    }
}
