//! The Kafka wire: codec, session, group coordinator's wire side.
