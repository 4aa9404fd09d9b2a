//! The MQTT wire: codec, session.
