//! What the fuzz targets call with bytes of their choice: nothing may panic, whatever comes.

use super::subjects::{AckSubject, is_claimed, parse_call};
use super::{ack, consumer_config, consumer_spec, direct, pull, push, stream_config, stream_spec};
use bumpalo::Bump;
use stele_model::StreamName;

/// Subjects: API calls with and without a domain, acknowledgements.
pub fn subjects(bytes: &[u8]) {
    let _ = is_claimed(bytes);
    let _ = parse_call(bytes, None);
    let _ = parse_call(bytes, Some("hub"));
    let _ = AckSubject::parse(bytes);
    let _ = push::parse_flow_subject(bytes);
}

/// The bodies of stream configurations, through to the reply.
pub fn stream_config(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<stream_config::StreamConfigRequest>(bytes) else { return };
    let Ok(spec) = stream_spec::to_spec(request) else { return };
    let extras = stream_spec::StreamExtras::of(&spec);
    let _ = serde_json::to_vec(&stream_spec::to_reply(&spec, &extras, &super::Settings::default()));
}

/// The bodies of consumer configurations, through to the reply.
pub fn consumer_config(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<consumer_config::ConsumerCreateRequest>(bytes) else { return };
    let Ok(spec) = consumer_spec::to_spec(request.config.unwrap_or_default(), "name", true) else { return };
    let extras = consumer_spec::ConsumerExtras::of(&spec);
    let _ = serde_json::to_vec(&consumer_spec::to_reply(&spec, &extras, &super::Settings::default()));
}

/// Pulls, acknowledgements, direct gets.
pub fn bodies(bytes: &[u8]) {
    let _ = pull::PullRequest::parse(bytes);
    let _ = ack::AckBody::parse(bytes);
    let _ = direct::read(&StreamName::new("S"), bytes);
}

/// Header blocks of publishes.
pub fn conditions(bytes: &[u8]) {
    let arena = Bump::new();
    let _ = super::conditions(bytes, &arena);
}
