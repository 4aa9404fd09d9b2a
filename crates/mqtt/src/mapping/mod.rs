//! MQTT's words in the neutral ones: topics as subjects, properties as headers. `docs/mapping.md` is the table.
//!
//! Invariants, each with a property test: mapping a topic and mapping it back gives the topic; a filter matches a
//! topic exactly when one of its subject filters matches the topic's subject; properties come back unchanged.

mod headers;
mod names;
mod raw;
mod stored;

pub use headers::{
    CONTENT_TYPE, CORRELATION, EXPIRY, Egress, EgressError, Headers, Origin, PAYLOAD_FORMAT, QOS, RAW,
    RETAIN, read_properties, write_properties,
};
pub use names::{
    Bytes, NoMqttName, SubjectFilters, write_filters, write_key, write_key_filters, write_subject,
    write_topic, write_topic_of_key,
};
pub use stored::{as_headers, forward_headers, received_ms, store_headers, store_retained, visit_headers};
