//! The guide's blocks, `nNN` being the NNth Rust block from the top.

pub mod n01_publish_subscribe;
pub mod n02_request_reply;
pub mod n03_queue_group;
pub mod n04_jetstream;
pub mod n05_replay;
pub mod n06_wildcards;
pub mod n07_headers;
pub mod n08_connection_options;
pub mod n09_kafka_producer;
pub mod n10_mqtt_publish_subscribe;
pub mod n11_mqtt_qos;
pub mod n12_temperature_monitor;
pub mod n13_device_control;
pub mod n14_retained_state;
pub mod n15_event_driven;
pub mod n16_cqrs;
pub mod n17_saga;
pub mod n18_latency;
pub mod n19_throughput;
pub mod n20_metrics;
pub mod n21_late_server;
pub mod n22_idempotent_consumer;
pub mod n23_keep_alive;
