//! Block 22, second cure: a Kafka rebalance that delivers records again. Claim: each is handled once.

// 解决方案: 幂等消费者
use std::collections::HashSet;

/// Handles each message id once.
#[derive(Default)]
pub struct IdempotentConsumer {
    processed_ids: HashSet<String>,
}

impl IdempotentConsumer {
    /// Returns whether the message was handled: false for one that had been handled before.
    pub fn process_message(&mut self, message_id: &str, payload: &str) -> bool {
        if self.processed_ids.contains(message_id) {
            println!("跳过重复消息: {}", message_id);
            return false;
        }

        // 处理消息...
        println!("处理消息: {}", payload);

        self.processed_ids.insert(message_id.to_string());
        true
    }
}
