//! Requests over wires: NATS's reply subject is MQTT 5's response topic.

use async_nats::HeaderMap;
use futures::StreamExt;
use rumqttc::v5;
use v5::mqttbytes::QoS;
use v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use v5::{AsyncClient, Event, EventLoop};

use super::{mqtt5, within};
use crate::target::Target;

#[tokio::test]
async fn a_nats_responder_answers_an_mqtt_request() {
    let Some(target) = Target::across() else { return };
    let nats = async_nats::connect(target.nats()).await.unwrap();
    let mut requests = nats.subscribe("svc.echo").await.unwrap();
    nats.request("nobody.listens.here", "".into()).await.unwrap_err();
    let responder = tokio::spawn(async move {
        let request = requests.next().await.unwrap();
        let mut headers = HeaderMap::new();
        headers.append("answered-by", "nats");
        let payload = [b"re: ", &request.payload[..]].concat();
        nats.publish_with_headers(request.reply.unwrap(), headers, payload.into()).await.unwrap();
        nats.flush().await.unwrap();
        nats
    });
    let (client, mut eventloop) = connected(&target, "requester", "answers/me").await;
    let properties = PublishProperties {
        response_topic: Some("answers/me".to_owned()),
        correlation_data: Some("7".into()),
        ..Default::default()
    };
    client.publish_with_properties("svc/echo", QoS::AtLeastOnce, false, "hello", properties).await.unwrap();
    let answer = next(&mut eventloop).await;
    assert_eq!((&answer.topic[..], &answer.payload[..]), (&b"answers/me"[..], &b"re: hello"[..]));
    let users = answer.properties.unwrap().user_properties;
    assert!(users.contains(&("answered-by".to_owned(), "nats".to_owned())), "{users:?}");
    within("the responder", responder).await.unwrap();
}

#[tokio::test]
async fn an_mqtt_client_answers_a_nats_request() {
    let Some(target) = Target::across() else { return };
    let (client, mut eventloop) = connected(&target, "responder", "svc/+").await;
    let nats = async_nats::connect(target.nats()).await.unwrap();
    let request = tokio::spawn(async move { nats.request("svc.echo", "hello".into()).await });
    let asked = next(&mut eventloop).await;
    assert_eq!((&asked.topic[..], &asked.payload[..]), (&b"svc/echo"[..], &b"hello"[..]));
    let asked = asked.properties.unwrap();
    let properties = PublishProperties {
        correlation_data: asked.correlation_data,
        user_properties: vec![("answered-by".to_owned(), "mqtt".to_owned())],
        ..Default::default()
    };
    let topic = asked.response_topic.unwrap();
    client.publish_with_properties(topic, QoS::AtMostOnce, false, "re: hello", properties).await.unwrap();
    let driven = tokio::spawn(async move { while eventloop.poll().await.is_ok() {} });
    let answer = within("the answer", request).await.unwrap().unwrap();
    assert_eq!(&answer.payload[..], b"re: hello");
    assert_eq!(answer.headers.unwrap().get("answered-by").unwrap().as_str(), "mqtt");
    driven.abort();
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_told_so_on_both_wires() {
    let Some(target) = Target::across() else { return };
    let nats = async_nats::connect(target.nats()).await.unwrap();
    let nobody = nats.request("svc.none", "".into()).await.unwrap_err();
    assert_eq!(nobody.kind(), async_nats::RequestErrorKind::NoResponders);
    let (client, mut eventloop) = connected(&target, "requester", "answers/me").await;
    client.publish("svc/none", QoS::AtLeastOnce, false, "").await.unwrap();
    let reason = within("the PUBACK", async {
        loop {
            if let Event::Incoming(Packet::PubAck(ack)) = eventloop.poll().await.unwrap() {
                return ack.reason;
            }
        }
    });
    assert_eq!(reason.await, v5::mqttbytes::v5::PubAckReason::NoMatchingSubscribers);
}

/// A client that has subscribed.
async fn connected(target: &Target, id: &str, filter: &str) -> (AsyncClient, EventLoop) {
    let (client, mut eventloop) = AsyncClient::new(mqtt5(target, id), 10);
    client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    let subscribed =
        async { while !matches!(eventloop.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {} };
    within("SUBACK", subscribed).await;
    (client, eventloop)
}

async fn next(eventloop: &mut EventLoop) -> Publish {
    let publish = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = eventloop.poll().await.unwrap() {
                return publish;
            }
        }
    };
    within("a message", publish).await
}
