//! A message in the words that all wires share.

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rumqttc::{Publish, v5};

use super::subject_of;

/// What a client shows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// A subject, a topic with dots, or a key.
    pub(super) subject: String,
    pub(super) payload: Vec<u8>,
    /// All values of a name in their order; the order of names is not every client's to show.
    pub(super) headers: Pairs,
}

pub(super) type Pairs = BTreeMap<String, Vec<String>>;

/// The header that MQTT 5 has a property of its own for.
const CONTENT_TYPE: &str = "Content-Type";

impl Message {
    pub(super) fn of_nats(message: &async_nats::Message) -> Self {
        let mut headers = Pairs::new();
        for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
            let values = values.iter().map(|value| value.as_str().to_owned()).collect();
            headers.insert(name.to_string(), values);
        }
        Self { subject: message.subject.to_string(), payload: message.payload.to_vec(), headers }
    }

    /// A record whose key is a subject.
    pub(super) fn of_kafka(record: &BorrowedMessage<'_>) -> Self {
        let mut headers = Pairs::new();
        for header in record.headers().into_iter().flat_map(Headers::iter) {
            let value = String::from_utf8(header.value.unwrap().to_vec()).unwrap();
            headers.entry(header.key.to_owned()).or_default().push(value);
        }
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        Self { subject: key, payload: record.payload().unwrap().to_vec(), headers }
    }

    pub(super) fn of_mqtt3(publish: &Publish) -> Self {
        let subject = subject_of(&publish.topic);
        Self { subject, payload: publish.payload.to_vec(), headers: Pairs::new() }
    }

    pub(super) fn of_mqtt5(publish: &v5::mqttbytes::v5::Publish) -> Self {
        let mut headers = Pairs::new();
        let properties = publish.properties.clone().unwrap_or_default();
        let content_type = properties.content_type.map(|text| (CONTENT_TYPE.to_owned(), text));
        for (name, value) in content_type.into_iter().chain(properties.user_properties) {
            headers.entry(name).or_default().push(value);
        }
        let subject = subject_of(std::str::from_utf8(&publish.topic).unwrap());
        Self { subject, payload: publish.payload.to_vec(), headers }
    }

    fn pairs(&self) -> impl Iterator<Item = (&String, &String)> {
        self.headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
    }

    pub(super) fn nats_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        self.pairs().for_each(|(name, value)| headers.append(name.as_str(), value.as_str()));
        headers
    }

    pub(super) fn kafka_headers(&self) -> OwnedHeaders {
        self.pairs().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(value) })
        })
    }

    pub(super) fn mqtt5_properties(&self) -> v5::mqttbytes::v5::PublishProperties {
        let (content_type, users): (Vec<_>, Vec<_>) =
            self.pairs().partition(|(name, _)| *name == CONTENT_TYPE);
        v5::mqttbytes::v5::PublishProperties {
            content_type: content_type.first().map(|(_, value)| (*value).clone()),
            user_properties: users.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..Default::default()
        }
    }
}
