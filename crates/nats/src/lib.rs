//! The NATS wire: codec, session, JetStream service.
