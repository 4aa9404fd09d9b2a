//! Properties and headers: rows, and the way there and back.

use bumpalo::Bump;
use proptest::prelude::*;
use stele_mqtt::Qos;
use stele_mqtt::codec::{Property, PropertyBuffer};
use stele_mqtt::mapping::{
    Egress, EgressError, Origin, as_headers, forward_headers, read_properties, store_headers, visit_headers,
    write_properties,
};

type Pairs = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn list(properties: &[Property<'_>]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in properties {
        buffer.push(*property).unwrap();
    }
    buffer
}

fn headers(properties: &PropertyBuffer, qos: Qos, retain: bool) -> Pairs {
    let arena = Bump::new();
    read_properties(properties.as_properties(), qos, retain, 5_000, &arena)
        .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
        .collect()
}

fn properties(headers: &Pairs, origin: Origin, now_ms: u64) -> Result<(PropertyBuffer, Egress), EgressError> {
    let mut out = PropertyBuffer::new();
    let borrowed = headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
    let egress = write_properties(borrowed, None, origin, now_ms, &Bump::new(), &mut out)?;
    Ok((out, egress))
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (name.into(), Some(value.into()))
}

#[test]
fn each_property_has_its_header() {
    let sent = list(&[
        Property::UserProperty("x", "1"),
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(10),
        Property::ContentType("text/plain"),
        Property::CorrelationData(b"\0\xff"),
        Property::ResponseTopic("reply/here"),
        Property::TopicAlias(3),
        Property::UserProperty("x", ""),
    ]);
    let found = headers(&sent, Qos::ExactlyOnce, true);
    let expected = vec![
        pair("Content-Type", "text/plain"),
        (b"Stele-Correlation".to_vec(), Some(b"\0\xff".to_vec())),
        pair("Stele-Expiry", "15000"),
        pair("Stele-Payload-Format", "1"),
        pair("Stele-QoS", "2"),
        pair("Stele-Retain", "1"),
        pair("x", "1"),
        pair("x", ""),
    ];
    assert_eq!(found, expected);
    let (back, egress) = properties(&found, Origin::Mqtt, 6_500).unwrap();
    assert_eq!(egress, Egress { qos: Qos::ExactlyOnce, retain: true });
    let expected = list(&[
        Property::ContentType("text/plain"),
        Property::CorrelationData(b"\0\xff"),
        Property::MessageExpiryInterval(9),
        Property::PayloadFormatIndicator(true),
        Property::UserProperty("x", "1"),
        Property::UserProperty("x", ""),
    ]);
    assert_eq!(back, expected);
}

#[test]
fn expiry_ages_and_ends() {
    let stored = vec![pair("Stele-Expiry", "15000")];
    for (now_ms, seconds) in [(5_000, 10), (5_001, 10), (14_999, 1), (15_000, 0)] {
        let (back, _) = properties(&stored, Origin::Mqtt, now_ms).unwrap();
        assert_eq!(back.as_properties().message_expiry_seconds(), Some(seconds));
    }
    assert_eq!(properties(&stored, Origin::Mqtt, 15_001), Err(EgressError::Expired));
}

#[test]
fn a_client_cannot_write_reserved_headers() {
    let sent = list(&[
        Property::UserProperty("Stele-User", "root"),
        Property::UserProperty("stele-client", "other"),
        Property::UserProperty("Stele-Raw", "U3RlbGUtVXNlcg._w"), // Stele-User with a binary value
        Property::UserProperty("Content-Type", "mine"),
    ]);
    let found = headers(&sent, Qos::AtMostOnce, false);
    let names: Vec<_> = found.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names, ["Stele-Content-Type", "Stele-Raw", "Stele-Raw", "Stele-Raw", "Content-Type"]);
    assert_eq!(properties(&found, Origin::Mqtt, 0).unwrap().0, sent);
}

#[test]
fn pairs_of_other_wires_come_back() {
    let stored: Pairs = vec![
        (b"bin".to_vec(), Some(vec![0xff, 0])),
        (b"null".to_vec(), None),
        (vec![0xfe], Some(b"v".to_vec())),
        pair("Content-Type", "a"),
        pair("Content-Type", "b"),
        pair("plain", "line\r\n"),
    ];
    let (shown, _) = properties(&stored, Origin::Foreign, 0).unwrap();
    let users: Vec<_> = shown.as_properties().user_properties().collect();
    assert_eq!(users[0], ("Stele-Raw", "Ymlu._wA"));
    assert_eq!(users[1], ("Stele-Raw", "bnVsbA.!"));
    assert_eq!(users[3], ("Content-Type", "b"));
    let mut back = headers(&shown, Qos::AtMostOnce, false);
    back.rotate_left(1); // the content type stands first when it comes from MQTT
    let mut expected = stored;
    let content_type = expected.remove(3);
    expected.push(content_type);
    assert_eq!(back, expected);
}

#[test]
fn reserved_headers_without_a_property_reach_mqtt_from_other_wires_only() {
    let stored = vec![pair("Stele-Client", "c"), pair("k", "v")];
    let own = properties(&stored, Origin::Mqtt, 0).unwrap().0;
    assert_eq!(own, list(&[Property::UserProperty("k", "v")]));
    let foreign = properties(&stored, Origin::Foreign, 0).unwrap().0;
    assert_eq!(
        foreign,
        list(&[Property::UserProperty("Stele-Client", "c"), Property::UserProperty("k", "v")])
    );
}

/// Through the broker: what other wires see, and what MQTT receivers get.
fn through(sent: &PropertyBuffer, now_ms: u64) -> (bool, Pairs, Result<PropertyBuffer, EgressError>) {
    let arena = Bump::new();
    let properties = sent.as_properties();
    let raw = store_headers(properties, 5_000, &arena);
    let lent = raw.as_ptr() == properties.as_bytes().as_ptr();
    let mut seen = Vec::new();
    as_headers(raw).each(&mut |(name, value)| seen.push((name.to_vec(), value.map(<[u8]>::to_vec))));
    let mut out = PropertyBuffer::new();
    let forwarded = forward_headers(raw, None, now_ms, &arena, &mut out).map(|()| out);
    (lent, seen, forwarded)
}

#[test]
fn headers_are_lent_where_they_can_be() {
    let plain = list(&[
        Property::TopicAlias(1),
        Property::UserProperty("a", "b"),
        Property::ResponseTopic("r"),
        Property::CorrelationData(b"c"),
    ]);
    let (lent, seen, forwarded) = through(&plain, 5_000);
    assert!(lent);
    assert_eq!(seen, headers(&plain, Qos::AtMostOnce, false));
    let expected = list(&[
        Property::UserProperty("a", "b"),
        Property::ResponseTopic("r"),
        Property::CorrelationData(b"c"),
    ]);
    assert_eq!(forwarded, Ok(expected));
    let will =
        list(&[Property::WillDelayInterval(9), Property::ResponseTopic("r"), Property::ContentType("c")]);
    let (lent, seen, forwarded) = through(&will, 5_000);
    assert_eq!((lent, seen), (false, vec![pair("Content-Type", "c")]));
    assert_eq!(forwarded, Ok(list(&[Property::ResponseTopic("r"), Property::ContentType("c")])));
    let ages = list(&[Property::MessageExpiryInterval(3)]);
    assert!(!through(&ages, 5_000).0);
    assert_eq!(through(&ages, 8_001).2, Err(EgressError::Expired));
    assert_eq!(through(&list(&[]), 0).1, vec![]);
}

fn user_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\0]{0,4}",
        Just("Content-Type".to_owned()),
        Just("Stele-Raw".to_owned()),
        "[Ss]tele-(Expiry|QoS|Client|x)",
    ]
}

fn user_value() -> impl Strategy<Value = String> {
    prop_oneof!["[^\0]{0,6}", "[A-Za-z0-9_-]{0,8}\\.([A-Za-z0-9_-]{0,6}|!)", Just("1".to_owned())]
}

proptest! {
    #[test]
    fn what_mqtt_says_comes_back(
        users in proptest::collection::vec((user_name(), user_value()), 0..6),
        content_type in proptest::option::of("[^\0]{0,6}"),
        correlation in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6)),
        expiry in proptest::option::of(any::<u32>()),
        format in proptest::option::of(any::<bool>()),
    ) {
        let mut sent = Vec::new();
        sent.extend(content_type.as_deref().map(Property::ContentType));
        sent.extend(correlation.as_deref().map(Property::CorrelationData));
        sent.extend(expiry.map(Property::MessageExpiryInterval));
        sent.extend(format.map(Property::PayloadFormatIndicator));
        sent.extend(users.iter().map(|(name, value)| Property::UserProperty(name, value)));
        let sent = list(&sent);
        let stored = headers(&sent, Qos::AtLeastOnce, false);
        prop_assert_eq!(&properties(&stored, Origin::Mqtt, 5_000).unwrap().0, &sent);
        let (_, seen, forwarded) = through(&sent, 5_000);
        prop_assert_eq!(seen, headers(&sent, Qos::AtMostOnce, false));
        prop_assert_eq!(forwarded, Ok(sent));
    }

    #[test]
    fn any_header_bytes_are_safe(raw in proptest::collection::vec(0_u8..40, 0..40), list in any::<bool>()) {
        let raw = if list { [&[0], raw.as_slice()].concat() } else { raw };
        visit_headers(&raw, &mut |_| {});
        let _ = forward_headers(&raw, Some("r"), 0, &Bump::new(), &mut PropertyBuffer::new());
    }
}
