//! A run of messages to everybody who receives it live.

use crate::Link;
use crate::port::TurnPort;
use crate::router::{Entry, MatchSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stele_model::{ConnectionId, Handed, Message, Quality, SubscriptionId};

/// A receiver with more queued bytes than this makes its publisher wait a little.
pub const QUEUED_STALL_BYTES: usize = 1 << 20;

/// A session with more handed bytes than this waiting loses further ones; they are counted.
const HANDED_BYTES_MAX: usize = 32 << 20;

/// Does anybody but this connection receive?
pub(crate) fn reaches_others(set: &MatchSet, from: ConnectionId) -> bool {
    let other = |entry: &Arc<Entry>| entry.link.id != from;
    set.encoded.iter().any(other)
        || set.bounded.iter().any(other)
        || set.handed.iter().any(|handed| handed.link.id != from)
        || set.groups.iter().flatten().any(other)
}

/// Writes the run to all receivers of the set.
pub(crate) fn deliver(port: &mut TurnPort<'_, '_>, run: &[Message<'_>], set: &MatchSet, no_echo: bool) {
    let quality = run.first().map_or(Quality::AtMostOnce, |message| message.quality);
    let skips = |entry: &Entry, from: ConnectionId| {
        (entry.link.id == from && (no_echo || entry.no_local))
            || (entry.volatile_only && quality > Quality::AtMostOnce)
    };
    let from = port.link.id;
    let mut delivered = 0;
    let mut start = 0;
    for end in &set.class_ends {
        let class = &set.encoded[start..*end];
        start = *end;
        delivered +=
            write_class(port, run, class, |entry| skips(entry, from) || !entry.is_encoded_at(quality));
    }
    for entry in &set.bounded {
        if skips(entry, from) {
            continue;
        }
        for message in run {
            if entry.take_one() {
                write_one(port, message, entry);
                delivered += 1;
            }
        }
        retire_if_spent(entry);
    }
    for members in &set.groups {
        for message in run {
            delivered += u64::from(write_to_member(port, message, members, |entry| skips(entry, from)));
        }
    }
    if !set.handed.is_empty() {
        delivered += hand(port, run, set, |entry| skips(entry, from));
    }
    port.core.counters.delivered.fetch_add(delivered, Ordering::Relaxed);
}

/// One encoding, written to each receiver that shares it.
fn write_class(
    port: &mut TurnPort<'_, '_>,
    run: &[Message<'_>],
    class: &[Arc<Entry>],
    skips: impl Fn(&Entry) -> bool,
) -> u64 {
    let Some(format) = class[0].format() else { return 0 };
    if class.iter().all(|entry| skips(entry)) {
        return 0;
    }
    let mut encoded = std::mem::take(port.encode);
    encoded.clear();
    format.encode(run, &mut encoded);
    let mut delivered = 0;
    if !encoded.is_empty() {
        for entry in class {
            if skips(entry) {
                continue;
            }
            entry.count(run.len());
            delivered += run.len() as u64;
            write(port, &entry.link, &encoded);
        }
    }
    *port.encode = encoded;
    delivered
}

fn write_one(port: &mut TurnPort<'_, '_>, message: &Message<'_>, entry: &Entry) {
    let Some(format) = entry.format().filter(|_| entry.is_encoded_at(message.quality)) else {
        hand_one(port, message, &entry.link, Box::new([entry.id]));
        return;
    };
    let mut encoded = std::mem::take(port.encode);
    encoded.clear();
    format.encode(std::slice::from_ref(message), &mut encoded);
    if !encoded.is_empty() {
        write(port, &entry.link, &encoded);
    }
    *port.encode = encoded;
}

/// To this connection's own peer in order with what it is sent; to others straight to their outlet.
fn write(port: &mut TurnPort<'_, '_>, link: &Arc<Link>, bytes: &[u8]) {
    if link.id == port.link.id {
        port.output.bytes.extend_from_slice(bytes);
    } else if link.outlet.send(bytes) > QUEUED_STALL_BYTES {
        port.stalled = Some(link.clone());
    }
}

/// One member of a group, picked at random, the next one where that one must not receive.
fn write_to_member(
    port: &mut TurnPort<'_, '_>,
    message: &Message<'_>,
    members: &[Arc<Entry>],
    skips: impl Fn(&Entry) -> bool,
) -> bool {
    let first = next_random(port.random) as usize % members.len();
    for index in 0..members.len() {
        let entry = &members[(first + index) % members.len()];
        if !skips(entry) && entry.take_one() {
            write_one(port, message, entry);
            retire_if_spent(entry);
            return true;
        }
    }
    false
}

fn hand(
    port: &mut TurnPort<'_, '_>,
    run: &[Message<'_>],
    set: &MatchSet,
    skips: impl Fn(&Entry) -> bool,
) -> u64 {
    let mut delivered = 0;
    let volatile = run.first().is_some_and(|message| message.quality == Quality::AtMostOnce);
    if volatile && set.handed.iter().all(|receiver| receiver.reliable_only) {
        return 0;
    }
    for message in run {
        let handed = Arc::new(Handed::new(message, port.now.monotonic_ns));
        for receiver in set.handed.iter().filter(|receiver| !(volatile && receiver.reliable_only)) {
            let ids: Box<[SubscriptionId]> = receiver
                .entries
                .iter()
                .filter(|entry| !skips(entry) && entry.take_one())
                .map(|entry| entry.id)
                .collect();
            receiver.entries.iter().for_each(retire_if_spent);
            if !ids.is_empty() {
                delivered += u64::from(push(port, &receiver.link, handed.clone(), ids));
            }
        }
    }
    delivered
}

fn hand_one(
    port: &mut TurnPort<'_, '_>,
    message: &Message<'_>,
    link: &Arc<Link>,
    ids: Box<[SubscriptionId]>,
) {
    let handed = Arc::new(Handed::new(message, port.now.monotonic_ns));
    push(port, link, handed, ids);
}

fn push(
    port: &mut TurnPort<'_, '_>,
    link: &Arc<Link>,
    handed: Arc<Handed>,
    ids: Box<[SubscriptionId]>,
) -> bool {
    let taken = link.with_inbox(|inbox| {
        if inbox.closed || inbox.message_bytes > HANDED_BYTES_MAX {
            return false;
        }
        inbox.message_bytes += handed.cost();
        inbox.messages.push((handed, ids));
        true
    });
    if taken {
        link.outlet.wake();
    } else {
        port.core.counters.dropped.fetch_add(1, Ordering::Relaxed);
    }
    taken
}

/// A subscription that has had its last delivery is removed by its owner.
fn retire_if_spent(entry: &Arc<Entry>) {
    if entry.is_spent() {
        entry.link.with_inbox(|inbox| inbox.spent.push(entry.id));
        entry.link.outlet.wake();
    }
}

/// A step of xorshift: spreads load, decides nothing else.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 11
}
