//! Core NATS: blocks 1, 2, 3, 6 and 7.

use std::collections::BTreeSet;
use std::time::Duration;

use stele_examples::guide::{
    n01_publish_subscribe, n02_request_reply, n03_queue_group, n06_wildcards, n07_headers,
};

use super::within;
use crate::target::{Target, Wire};

#[tokio::test]
async fn n01_ten_greetings_arrive_in_order() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let received =
        within(20, n01_publish_subscribe::run(&target.nats(), Duration::from_millis(20))).await.unwrap();
    let expected: Vec<String> = (0..10).map(|number| format!("Hello {number}")).collect();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn n02_the_sum_is_fifteen() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    assert_eq!(within(20, n02_request_reply::run(&target.nats())).await.unwrap(), "15");
}

#[tokio::test]
async fn n03_each_task_is_done_once_and_shared() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let done = within(20, n03_queue_group::run(&target.nats())).await.unwrap();
    let mut tasks: Vec<&str> = done.iter().map(|(_, task)| task.as_str()).collect();
    tasks.sort_unstable();
    let expected: Vec<String> = (0..10).map(|number| format!("Task {number}")).collect();
    assert_eq!(tasks, expected, "each task once");
    let workers: BTreeSet<u32> = done.iter().map(|(worker, _)| *worker).collect();
    assert!(workers.len() > 1, "one worker of three took all ten tasks");
}

#[tokio::test]
async fn n06_wildcards_match_what_the_tables_say() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let subjects = [
        "events.user.created",
        "events.order.created",
        "events.user.updated",
        "events.user.created.v2",
        "logs.info",
        "logs.error.database",
        "logs.warn.api.timeout",
        "logs",
    ];
    let (created, logs) = within(20, n06_wildcards::run(&target.nats(), &subjects)).await.unwrap();
    assert_eq!(created, ["events.user.created", "events.order.created"]);
    assert_eq!(logs, ["logs.info", "logs.error.database", "logs.warn.api.timeout"]);
}

#[tokio::test]
async fn n07_headers_arrive_as_set() {
    let Some(target) = Target::start(&[Wire::Nats]) else { return };
    let headers =
        within(20, n07_headers::run(&target.nats())).await.unwrap().expect("the message has headers");
    let value = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(value("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(value("User-ID").as_deref(), Some("12345"));
    assert_eq!(value("Request-ID").as_deref(), Some("req-abc-123"));
    assert_eq!(headers.iter().count(), 3);
}
