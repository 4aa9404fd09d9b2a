//! Block 11, MQTT: the three qualities of service. Claim: each arrives with its own, QoS 2 exactly once.

use rumqttc::{AsyncClient, QoS};

/// Publishes one message with each quality. The caller polls the client's event loop.
pub async fn run(client: &AsyncClient) -> anyhow::Result<()> {
    // QoS 0: 最多一次，最快，可能丢失
    client.publish("sensors/humidity", QoS::AtMostOnce, false, "60%").await?;

    // QoS 1: 至少一次，可能重复
    client.publish("alerts/temperature", QoS::AtLeastOnce, false, "High temp!").await?;

    // QoS 2: 恰好一次，最慢，但最可靠
    client.publish("commands/door/lock", QoS::ExactlyOnce, false, "LOCK").await?;

    Ok(())
}
