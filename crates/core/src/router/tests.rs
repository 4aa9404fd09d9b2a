//! A worker's cache never shows what is no longer so, and keeps nobody alive.

use super::{Entry, MatchCache, Router};
use crate::{Link, Nowhere};
use std::sync::Arc;
use stele_model::{ConnectionId, Filter, Subscribe, SubscribeDelivery, SubscriptionId};

fn subscribe(router: &Router) -> (Filter, Arc<Entry>) {
    let filter = Filter::new(b"a.*").expect("a filter");
    let link = Arc::new(Link::new(ConnectionId(1), Arc::new(Nowhere)));
    let subscribe = Subscribe {
        id: SubscriptionId(1),
        filter: filter.clone(),
        group: None,
        delivery: SubscribeDelivery::Handed,
        hides_internal: false,
        no_local: false,
        volatile_only: false,
    };
    let entry = Arc::new(Entry::new(link, subscribe));
    router.insert(&filter, entry.clone());
    (filter, entry)
}

#[test]
fn one_worker_serves_two_routers() {
    let (with, without) = (Router::default(), Router::default());
    subscribe(&with);
    // Both have the same generation from here on.
    without.changed();
    assert_eq!(with.generation(), without.generation());
    let mut cache = MatchCache::default();
    for _ in 0..2 {
        assert!(cache.find(&with, b"a.b").has_live());
        assert!(!cache.find(&without, b"a.b").has_live(), "its broker has no subscriber");
    }
}

#[test]
fn a_removed_subscription_is_found_no_more_and_held_by_no_cache() {
    let router = Router::default();
    let mut cache = MatchCache::default();
    assert!(!cache.find(&router, b"a.b").has_live());
    let (filter, entry) = subscribe(&router);
    assert!(cache.find(&router, b"a.b").has_live());
    router.remove(&filter, &entry);
    assert_eq!(Arc::strong_count(&entry), 1, "a worker that does nothing keeps no connection open");
    assert!(!cache.find(&router, b"a.b").has_live());
}
