//! Publishing under conditions, limits, and reading single messages.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};

use super::{config, connect, fill};

#[tokio::test]
async fn a_publish_is_stored_once_and_only_where_it_was_expected() {
    let Some((_target, jetstream)) = connect().await else { return };
    jetstream
        .create_stream(Config { duplicate_window: Duration::from_secs(60), ..config("A") })
        .await
        .unwrap();
    let publish = |publish: PublishMessage| {
        let jetstream = jetstream.clone();
        async move { jetstream.send_publish("a.x", publish).await.unwrap().await }
    };
    let first = publish(PublishMessage::build().message_id("1").payload("v".into())).await.unwrap();
    let again = publish(PublishMessage::build().message_id("1").payload("v".into())).await.unwrap();
    assert_eq!((first.sequence, again.sequence, again.duplicate), (1, 1, true));
    let wrong = publish(PublishMessage::build().expected_last_sequence(7)).await.unwrap_err();
    assert_eq!(wrong.kind(), PublishErrorKind::WrongLastSequence);
    assert_eq!(publish(PublishMessage::build().expected_last_sequence(1)).await.unwrap().sequence, 2);
    assert!(publish(PublishMessage::build().expected_last_subject_sequence(1)).await.is_err());
    assert_eq!(publish(PublishMessage::build().expected_last_subject_sequence(2)).await.unwrap().sequence, 3);
    let wrong = publish(PublishMessage::build().expected_last_message_id("other")).await.unwrap_err();
    assert_eq!(wrong.kind(), PublishErrorKind::WrongLastMessageId);
    assert!(publish(PublishMessage::build().expected_stream("B")).await.is_err());
    let nowhere = jetstream.publish("b.x", "v".into()).await.unwrap().await.unwrap_err();
    assert_eq!(nowhere.kind(), PublishErrorKind::StreamNotFound);
}

#[tokio::test]
async fn a_full_stream_refuses_or_forgets() {
    let Some((_target, jetstream)) = connect().await else { return };
    let full = Config { max_messages: 2, ..config("OLD") };
    let mut old = jetstream.create_stream(full).await.unwrap();
    fill(&jetstream, "old", 0..5).await;
    let state = old.info().await.unwrap().state.clone();
    assert_eq!((state.first_sequence, state.last_sequence, state.messages), (4, 5, 2));
    let full = Config { max_messages: 2, discard: DiscardPolicy::New, ..config("NEW") };
    jetstream.create_stream(full).await.unwrap();
    fill(&jetstream, "new", 0..2).await;
    let refused = jetstream.publish("new.x", "v".into()).await.unwrap().await.unwrap_err();
    assert!(refused.to_string().contains("maximum messages exceeded"), "{refused}");
}

#[tokio::test]
async fn single_messages_are_read_deleted_and_purged() {
    let Some((_target, jetstream)) = connect().await else { return };
    let mut stream = jetstream.create_stream(Config { allow_direct: true, ..config("A") }).await.unwrap();
    fill(&jetstream, "a", 0..9).await;
    let mut headers = HeaderMap::new();
    headers.append("X", "1");
    headers.append("X", "2");
    let sent = jetstream.publish_with_headers("a.h", headers, "h".into()).await.unwrap().await;
    let sequence = sent.unwrap().sequence;
    assert_eq!(stream.get_raw_message(sequence).await.unwrap().payload, "h");
    let direct = stream.direct_get(sequence).await.unwrap();
    assert_eq!(direct.headers.get_all("X").map(|value| value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(stream.direct_get_last_for_subject("a.1").await.unwrap().sequence, 8);
    assert_eq!(stream.direct_get_next_for_subject("a.1", Some(3)).await.unwrap().sequence, 5);
    assert!(stream.delete_message(5).await.unwrap());
    assert!(stream.get_raw_message(5).await.is_err());
    assert_eq!(stream.purge().filter("a.1").await.unwrap().purged, 2);
    assert_eq!(stream.purge().keep(2).await.unwrap().purged, 5);
    let state = stream.info().await.unwrap().state.clone();
    assert_eq!((state.first_sequence, state.last_sequence, state.messages), (9, 10, 2));
    assert_eq!(state.deleted_count, None);
}
