//! Block 23, third cure: an MQTT connection that stalls. Claim: a short stall is survived, a long one is noticed, and
//! the client reconnects by itself.

use rumqttc::{AsyncClient, EventLoop, MqttOptions};
use tokio::time::Duration;

/// The client and its event loop; polling after an error reconnects.
pub fn run(host: &str, port: u16, keep_alive: Duration) -> (AsyncClient, EventLoop) {
    // 解决方案: 调整 Keep-Alive 和重连策略
    let mut mqttoptions = MqttOptions::new("client-1", host, port);
    mqttoptions.set_keep_alive(keep_alive); // 增加心跳间隔

    let (client, mut eventloop) = AsyncClient::new(mqttoptions, 10);
    let mut network = eventloop.network_options();
    network.set_connection_timeout(60); // 增加连接超时
    eventloop.set_network_options(network);

    // 自动重连已内置在 rumqttc 中
    (client, eventloop)
}
