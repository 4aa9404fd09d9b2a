//! Block 8, NATS: connection options. Claim: the client waits for a server that is not there yet, comes back after
//! a restart, and pauses longer after each failed attempt.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};

use crate::versions::max_reconnects;

/// What the client's callbacks saw.
#[derive(Clone, Default)]
pub struct Seen {
    /// The attempts that were announced, and the pause before each.
    pub delays: Arc<Mutex<Vec<(usize, Duration)>>>,
    /// How often the client connected.
    pub connected: Arc<Mutex<usize>>,
    /// How often it lost its connection.
    pub disconnected: Arc<Mutex<usize>>,
}

/// Returns at once, with a client that goes on trying.
pub async fn run(url: &str) -> anyhow::Result<(Client, Seen)> {
    let seen = Seen::default();
    let (delays, events) = (seen.delays.clone(), seen.clone());
    let client = max_reconnects(ConnectOptions::new(), 10) // 最大重连次数
        .name("my-service") // 连接名称
        .retry_on_initial_connect() // 初始连接失败时重试
        .reconnect_delay_callback(move |attempts| {
            // 自定义重连延迟（指数退避）
            let delay = Duration::from_millis(100 * 2_u64.pow(attempts as u32));
            delays.lock().unwrap().push((attempts, delay));
            delay
        })
        .event_callback(move |event| {
            let events = events.clone();
            async move {
                match event {
                    Event::Disconnected => {
                        println!("与 NATS 断开连接");
                        *events.disconnected.lock().unwrap() += 1;
                    }
                    Event::Connected => {
                        println!("重新连接到 NATS");
                        *events.connected.lock().unwrap() += 1;
                    }
                    _ => {}
                }
            }
        })
        .connect(url)
        .await?;

    Ok((client, seen))
}
