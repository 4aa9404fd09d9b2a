//! Key-value buckets and object stores.

use async_nats::jetstream::kv::{Config, Operation};
use async_nats::jetstream::object_store;
use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;

use super::connect;
use crate::guide::within;

#[tokio::test]
async fn a_bucket_puts_updates_deletes_purges_and_remembers() {
    let Some((_target, jetstream)) = connect().await else { return };
    let config = Config { bucket: "B".into(), history: 5, ..Default::default() };
    let bucket = jetstream.create_key_value(config).await.unwrap();
    assert_eq!(bucket.put("a", "1".into()).await.unwrap(), 1);
    // Whoever saw the acknowledgement reads its value.
    assert_eq!(bucket.get("a").await.unwrap().unwrap(), "1");
    assert_eq!(bucket.update("a", "2".into(), 1).await.unwrap(), 2);
    assert!(bucket.update("a", "3".into(), 1).await.is_err());
    assert!(bucket.create("a", "3".into()).await.is_err());
    bucket.delete("a").await.unwrap();
    assert_eq!(bucket.get("a").await.unwrap(), None);
    assert_eq!(bucket.create("a", "4".into()).await.unwrap(), 4);
    bucket.put("b.c", "5".into()).await.unwrap();
    let mut keys: Vec<String> = bucket.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b.c"]);
    let history: Vec<_> = bucket.history("a").await.unwrap().try_collect().await.unwrap();
    let flat: Vec<_> = history.iter().map(|entry| (entry.revision, entry.operation, entry.delta)).collect();
    let (put, delete) = (Operation::Put, Operation::Delete);
    assert_eq!(flat, [(1, put, 3), (2, put, 2), (3, delete, 1), (4, put, 0)]);
    assert_eq!(bucket.entry_for_revision("a", 2).await.unwrap().unwrap().value, "2");
    bucket.purge("a").await.unwrap();
    let history: Vec<_> = bucket.history("a").await.unwrap().try_collect().await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].operation, Operation::Purge);
    jetstream.delete_key_value("B").await.unwrap();
    assert!(jetstream.get_key_value("B").await.is_err());
}

#[tokio::test]
async fn watchers_see_the_present_and_what_comes() {
    let Some((_target, jetstream)) = connect().await else { return };
    let config = Config { bucket: "B".into(), history: 3, ..Default::default() };
    let bucket = jetstream.create_key_value(config).await.unwrap();
    bucket.put("a.x", "1".into()).await.unwrap();
    bucket.put("a.x", "2".into()).await.unwrap();
    bucket.put("b", "3".into()).await.unwrap();
    let mut fresh = bucket.watch("a.*").await.unwrap();
    // The client asks for the newest value of each key here, too.
    let mut history = bucket.watch_with_history("a.*").await.unwrap();
    let mut all = bucket.watch_all_from_revision(2).await.unwrap();
    bucket.put("a.y", "4".into()).await.unwrap();
    bucket.delete("a.x").await.unwrap();
    for (watch, revisions) in
        [(&mut fresh, &[4, 5][..]), (&mut history, &[2, 4, 5]), (&mut all, &[2, 3, 4, 5])]
    {
        for revision in revisions {
            assert_eq!(within(5, watch.next()).await.unwrap().unwrap().revision, *revision);
        }
    }
}

#[tokio::test]
async fn objects_come_back_whole_and_can_be_listed_watched_and_deleted() {
    let Some((_target, jetstream)) = connect().await else { return };
    let config = object_store::Config { bucket: "O".into(), ..Default::default() };
    let store = jetstream.create_object_store(config).await.unwrap();
    let data: Vec<u8> = (0..700_000_u32).map(|number| (number % 251) as u8).collect();
    let mut watch = store.watch().await.unwrap();
    let info = store.put("big", &mut data.as_slice()).await.unwrap();
    assert_eq!((info.size, info.chunks), (700_000, 6));
    store.put("small", &mut &b"hi"[..]).await.unwrap();
    let mut read = Vec::new();
    store.get("big").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == data, "{} bytes", read.len());
    for name in ["big", "small"] {
        assert_eq!(within(5, watch.next()).await.unwrap().unwrap().name, name);
    }
    store.delete("big").await.unwrap();
    assert!(within(5, watch.next()).await.unwrap().unwrap().deleted);
    let left: Vec<_> = store.list().await.unwrap().try_collect().await.unwrap();
    assert_eq!(left.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["small"]);
    assert!(store.get("big").await.is_err());
}
