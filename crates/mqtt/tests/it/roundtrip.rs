//! What is encoded decodes to the same, for every packet and version, in both directions.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use stele_mqtt::codec::{
    Ack, Auth, ConnAck, Connect, Decoder, Disconnect, Packet, PacketId, Property, PropertyBuffer, Publish,
    RetainHandling, Step, Subscription, SubscriptionOptions, Will, encode_suback, encode_subscribe,
    encode_unsuback, encode_unsubscribe,
};
use stele_mqtt::topic::TopicName;
use stele_mqtt::{Qos, ReasonCode, Sender, Version};

fn version() -> impl Strategy<Value = Version> {
    proptest::sample::select(Version::ALL.to_vec())
}

fn qos() -> impl Strategy<Value = Qos> {
    (0_u8..3).prop_map(|bits| Qos::from_bits(bits).unwrap())
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1_u16..).prop_map(|id| PacketId::new(id).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,6}"
}

fn topic() -> impl Strategy<Value = String> {
    "[a-z/é$ ]{1,200}".prop_filter("levels", |topic| TopicName::parse(topic).is_ok())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// Properties by packet; `extra` says which of the packet's own are present.
fn buffer(version: Version, own: &[Property<'_>], extra: u16, users: &[(String, String)]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    if version == Version::V5 {
        for (index, property) in own.iter().enumerate() {
            if extra >> index & 1 == 1 {
                buffer.push(*property).unwrap();
            }
        }
        for (name, value) in users {
            buffer.push(Property::UserProperty(name, value)).unwrap();
        }
    }
    buffer
}

fn users() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((text(), text()), 0..40)
}

fn decoder(version: Version, sender: Sender) -> Decoder {
    match sender {
        Sender::Server => Decoder::for_client(version, u32::MAX),
        Sender::Client => {
            let mut decoder = Decoder::for_server(u32::MAX);
            let connect = Connect {
                version,
                clean_start: true,
                keep_alive_seconds: 0,
                client_id: "a",
                will: None,
                user_name: None,
                password: None,
                properties: Default::default(),
            };
            let mut out = Vec::new();
            connect.encode(&mut out).unwrap();
            assert!(matches!(decoder.next(&out), Ok(Step::Packet { .. })));
            decoder
        }
    }
}

/// Decodes `wire` and gives the packet to `same`; and no prefix of it is a packet.
fn check(decoder: Decoder, wire: &[u8], same: impl FnOnce(Packet<'_>)) {
    for cut in [0, 1, wire.len() / 2, wire.len() - 1] {
        let step = decoder.clone_and_next(&wire[..cut]);
        assert!(matches!(step, Ok(Step::Incomplete { needed }) if needed > cut && needed <= wire.len()));
    }
    let mut longer = wire.to_vec();
    longer.push(0x55);
    match decoder.clone_and_next(&longer) {
        Ok(Step::Packet { packet, consumed }) => {
            assert_eq!(consumed, wire.len());
            same(packet);
        }
        other => panic!("{other:?} {wire:02x?}"),
    }
}

trait CloneAndNext {
    fn clone_and_next<'a>(&self, input: &'a [u8]) -> Result<Step<'a>, stele_mqtt::Fault>;
}

impl CloneAndNext for Decoder {
    fn clone_and_next<'a>(&self, input: &'a [u8]) -> Result<Step<'a>, stele_mqtt::Fault> {
        let mut decoder = *self;
        decoder.next(input)
    }
}

fn check_packet(packet: Packet<'_>, version: Version, sender: Sender) {
    let mut wire = Vec::new();
    packet.encode(version, &mut wire).unwrap();
    check(decoder(version, sender), &wire, |decoded| assert_eq!(decoded, packet));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn connect(
        version in version(), clean in any::<bool>(), keep in any::<u16>(), id in "[^\0]{1,30}", will in option::of(
        (topic(), bytes(), qos(), any::<bool>())), user in option::of(text()), password in option::of(bytes()),
        extra in any::<u16>(), users in users(),
    ) {
        let properties = buffer(version, &[
            Property::SessionExpiryInterval(7), Property::ReceiveMaximum(1), Property::MaximumPacketSize(100),
            Property::TopicAliasMaximum(0), Property::RequestResponseInformation(true),
            Property::RequestProblemInformation(false), Property::AuthenticationMethod("m"),
        ], extra, &users);
        let will_properties = buffer(version, &[
            Property::WillDelayInterval(9), Property::MessageExpiryInterval(0), Property::ContentType("c"),
        ], extra >> 8, &users);
        let user = if version < Version::V5 && password.is_some() { user.or(Some("u".into())) } else { user };
        let packet = Connect {
            version, clean_start: clean, keep_alive_seconds: keep, client_id: &id,
            will: will.as_ref().map(|(topic, payload, qos, retain)| Will {
                topic: TopicName::parse(topic).unwrap(), payload, qos: *qos, retain: *retain,
                properties: will_properties.as_properties(),
            }),
            user_name: user.as_deref(), password: password.as_deref(), properties: properties.as_properties(),
        };
        let mut wire = Vec::new();
        packet.encode(&mut wire).unwrap();
        check(Decoder::for_server(u32::MAX), &wire, |decoded| assert_eq!(decoded, Packet::Connect(packet)));
    }

    #[test]
    fn connack(version in version(), present in any::<bool>(), code in 0_u8..6, extra in any::<u16>(), users in users()) {
        let properties = buffer(version, &[
            Property::AssignedClientIdentifier("x"), Property::ServerKeepAlive(60), Property::MaximumQos(Qos::AtLeastOnce),
            Property::RetainAvailable(true), Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifiersAvailable(true), Property::SharedSubscriptionAvailable(true),
            Property::ResponseInformation("r"), Property::ServerReference("s"), Property::ReasonString("why"),
        ], extra, &users);
        let reason = ReasonCode::from_connect_return_code(code).unwrap();
        let session_present = present && code == 0 && version != Version::V31;
        let packet = ConnAck { session_present, reason, properties: properties.as_properties() };
        check_packet(Packet::ConnAck(packet), version, Sender::Server);
    }

    #[test]
    fn publish(
        version in version(), from_client in any::<bool>(), topic in topic(), qos in qos(), duplicate in any::<bool>(),
        retain in any::<bool>(), id in packet_id(), payload in bytes(), extra in any::<u16>(), users in users(),
    ) {
        let properties = buffer(version, &[
            Property::TopicAlias(5), Property::PayloadFormatIndicator(true), Property::MessageExpiryInterval(0),
            Property::ContentType("c"), Property::ResponseTopic("r/t"), Property::CorrelationData(b"\0\xff"),
        ], extra, &users);
        let alias_only = version == Version::V5 && extra & 1 == 1 && retain;
        let packet = Publish {
            duplicate: duplicate && qos > Qos::AtMostOnce, qos, retain,
            topic: if alias_only { None } else { Some(TopicName::parse(&topic).unwrap()) },
            packet_id: if qos > Qos::AtMostOnce { Some(id) } else { None },
            properties: properties.as_properties(), payload: &payload,
        };
        let sender = if from_client { Sender::Client } else { Sender::Server };
        check_packet(Packet::Publish(packet), version, sender);
        let mut wire = Vec::new();
        packet.encode(version, &mut wire).unwrap();
        prop_assert_eq!(packet.encoded_length(version), Some(wire.len()));

        // One encoding for many receivers: a patched id is the same as an encoded one.
        let mut shared = b"before".to_vec();
        let hole = Publish { packet_id: None, duplicate: false, ..packet };
        let layout = hole.encode(version, &mut shared).unwrap();
        layout.set_packet_id(&mut shared, id);
        layout.set_duplicate(&mut shared, packet.duplicate);
        prop_assert_eq!(&shared[layout.start()..], &wire[..]);
        prop_assert_eq!(&shared[layout.payload_at()..], &payload[..]);
    }

    #[test]
    fn acks(version in version(), id in packet_id(), failed in any::<bool>(), extra in any::<u16>(), users in users()) {
        let properties = buffer(version, &[Property::ReasonString("why")], extra, &users);
        for kind in [Packet::PubAck, Packet::PubRec, Packet::PubRel, Packet::PubComp] {
            let mut ack = Ack { properties: properties.as_properties(), ..Ack::success(id) };
            if failed && version == Version::V5 {
                let first = matches!(kind(ack), Packet::PubAck(_) | Packet::PubRec(_));
                ack.reason = ReasonCode(if first { 0x97 } else { 0x92 });
            }
            check_packet(kind(ack), version, Sender::Client);
            check_packet(kind(ack), version, Sender::Server);
        }
    }

    #[test]
    fn subscribe(
        version in version(), id in packet_id(), extra in any::<u16>(), users in users(),
        lines in vec(("[^\0]{1,8}", qos(), any::<bool>(), any::<bool>(), 0_u8..3), 1..5),
    ) {
        let properties = buffer(version, &[Property::SubscriptionIdentifier(268_435_455)], extra, &users);
        let lines: Vec<_> = lines.iter().map(|(topic, qos, no_local, retain_as_published, handling)| {
            let mut options = SubscriptionOptions { qos: *qos, ..Default::default() };
            if version == Version::V5 {
                options.no_local = *no_local;
                options.retain_as_published = *retain_as_published;
                options.retain_handling =
                    [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::Ignore][usize::from(*handling)];
            }
            Subscription { topic, options }
        }).collect();
        let mut wire = Vec::new();
        encode_subscribe(version, id, properties.as_properties(), lines.iter().copied(), &mut wire).unwrap();
        check(decoder(version, Sender::Client), &wire, |packet| {
            let Packet::Subscribe(found) = packet else { panic!("{packet:?}") };
            assert_eq!((found.packet_id, found.properties), (id, properties.as_properties()));
            assert!(found.subscriptions.iter().eq(lines.iter().copied()));
            let mut again = Vec::new();
            packet.encode(version, &mut again).unwrap();
            assert_eq!(again, wire);
        });
    }

    #[test]
    fn unsubscribe(version in version(), id in packet_id(), users in users(), topics in vec("[^\0]{1,8}", 1..5)) {
        let properties = buffer(version, &[], 0, &users);
        let mut wire = Vec::new();
        let texts = topics.iter().map(String::as_str);
        encode_unsubscribe(version, id, properties.as_properties(), texts.clone(), &mut wire).unwrap();
        check(decoder(version, Sender::Client), &wire, |packet| {
            let Packet::Unsubscribe(found) = packet else { panic!("{packet:?}") };
            assert_eq!((found.packet_id, found.properties), (id, properties.as_properties()));
            assert!(found.topics.iter().eq(texts));
        });
    }

    #[test]
    fn subscription_answers(version in version(), id in packet_id(), users in users(), codes in vec(0_usize..4, 1..5)) {
        let properties = buffer(version, &[], 0, &users);
        let granted: Vec<_> = codes.iter().map(|code| ReasonCode([0, 1, 2, 0x80][*code])).collect();
        let mut wire = Vec::new();
        encode_suback(version, id, properties.as_properties(), granted.iter().copied(), &mut wire).unwrap();
        check(decoder(version, Sender::Server), &wire, |packet| {
            let Packet::SubAck(found) = packet else { panic!("{packet:?}") };
            assert!(found.reasons().eq(granted.iter().copied()));
        });
        let ended: Vec<_> = codes.iter().map(|code| ReasonCode([0, 0x11, 0x87, 0x8f][*code])).collect();
        wire.clear();
        encode_unsuback(version, id, properties.as_properties(), ended.iter().copied(), &mut wire).unwrap();
        check(decoder(version, Sender::Server), &wire, |packet| {
            let Packet::UnsubAck(found) = packet else { panic!("{packet:?}") };
            let expected: &[ReasonCode] = if version == Version::V5 { &ended } else { &[] };
            assert!(found.reasons().eq(expected.iter().copied()));
        });
    }

    #[test]
    fn last_words(extra in any::<u16>(), users in users()) {
        let properties = buffer(Version::V5, &[Property::ReasonString("why")], extra, &users);
        let properties = properties.as_properties();
        let disconnect = Packet::Disconnect(Disconnect { reason: ReasonCode(0x82), properties });
        check_packet(disconnect, Version::V5, Sender::Client);
        check_packet(disconnect, Version::V5, Sender::Server);
        for (reason, sender) in [(0x18, Sender::Client), (0x19, Sender::Client), (0, Sender::Server)] {
            check_packet(Packet::Auth(Auth { reason: ReasonCode(reason), properties }), Version::V5, sender);
        }
    }
}

#[test]
fn packets_without_a_body() {
    for version in Version::ALL {
        check_packet(Packet::PingReq, version, Sender::Client);
        check_packet(Packet::PingResp, version, Sender::Server);
        let normal = Disconnect { reason: ReasonCode::SUCCESS, properties: Default::default() };
        check_packet(Packet::Disconnect(normal), version, Sender::Client);
    }
}

#[test]
fn an_answer_shrinks_to_the_packet_limit() {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::ReasonString("a long sentence")).unwrap();
    properties.push(Property::ServerKeepAlive(60)).unwrap();
    let packet = Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::SUCCESS,
        properties: properties.as_properties(),
    });
    let mut out = Vec::new();
    packet.encode_within(10, Version::V5, &mut out).unwrap();
    assert_eq!(out, b"\x20\x06\0\0\x03\x13\0\x3c");
    assert!(packet.encode_within(7, Version::V5, &mut out).is_err());
    assert_eq!(out.len(), 8);
}
