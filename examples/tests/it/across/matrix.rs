//! Every ordered pair of wires: payload, subject (topic, key) and headers arrive, in order, once.

use super::message::Message;
use super::receivers::{Receiver, WIRES, Wire};
use super::senders::{Sender, TIMESTAMP_MS};
use super::{SUBJECTS, broker};

/// Order is promised per NATS publisher, per Kafka partition, per MQTT topic and quality.
const SENDERS: [Sender; 9] = [
    Sender::Nats,
    Sender::JetStream,
    Sender::Kafka,
    Sender::Mqtt3(0),
    Sender::Mqtt3(1),
    Sender::Mqtt3(2),
    Sender::Mqtt5(0),
    Sender::Mqtt5(1),
    Sender::Mqtt5(2),
];

const MESSAGES: usize = 20;

#[tokio::test]
async fn every_wire_reads_what_every_wire_wrote() {
    let Some(target) = broker().await else { return };
    let mut receivers = Vec::new();
    for wire in WIRES {
        receivers.push(Receiver::open(&target, wire, SUBJECTS).await);
    }
    for sender in SENDERS {
        sender.send(&target, &sample(sender)).await;
    }
    for receiver in &mut receivers {
        let heard = receiver.take(SENDERS.len() * MESSAGES).await;
        for sender in SENDERS {
            check(sender, receiver.wire, &heard);
        }
    }
    // What were still to come a second time would come before this.
    let last = Message { subject: "home.last".into(), ..sample(Sender::Kafka)[0].clone() };
    Sender::Kafka.send(&target, std::slice::from_ref(&last)).await;
    for receiver in &mut receivers {
        assert_eq!(receiver.take(1).await[0].subject, last.subject, "{:?}: once more", receiver.wire);
    }
}

fn check(sender: Sender, wire: Wire, heard: &[Message]) {
    let sent = sample(sender);
    let subject = &sent[0].subject;
    let heard: Vec<&Message> = heard.iter().filter(|message| message.subject == *subject).collect();
    let expected: Vec<Message> =
        sent.iter().zip(0..).map(|(message, at)| shown(sender, wire, message, at)).collect();
    assert_eq!(heard, expected.iter().collect::<Vec<_>>(), "{sender:?} → {wire:?}");
}

/// What a wire shows of a message (docs/mapping.md).
fn shown(sender: Sender, wire: Wire, message: &Message, at: i64) -> Message {
    let mut shown = message.clone();
    if matches!(sender, Sender::Mqtt3(_)) || wire == Wire::Mqtt3 {
        // MQTT 3.1.1 has no headers.
        shown.headers.clear();
    } else if sender == Sender::Kafka && wire != Wire::Kafka {
        shown.headers.insert("Stele-Timestamp".into(), vec![(TIMESTAMP_MS + at).to_string()]);
    }
    shown
}

/// Bytes that no text is, an empty payload, repeated names, a name that MQTT 5 has a property for, values beyond ASCII.
fn sample(sender: Sender) -> Vec<Message> {
    let name = sender.name();
    let message = |number: usize| {
        let mut payload = format!("{name} {number} ").into_bytes();
        payload.extend_from_slice(&[0, 0xff, 0x80, b'\r', b'\n']);
        if number == 1 {
            payload.clear();
        }
        let headers = [
            ("trace", vec![number.to_string(), "grüße 你好".to_owned(), number.to_string()]),
            ("Content-Type", vec!["text/plain".to_owned()]),
            ("x_y-z.1", vec!["a:b=c;".to_owned()]),
        ];
        let headers = headers.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
        Message { subject: format!("home.{name}.reading"), payload, headers }
    };
    (0..MESSAGES).map(message).collect()
}
