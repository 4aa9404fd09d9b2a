//! SUB and UNSUB.
//!
//! Clients number their subscriptions, so a sid that is a plain number *is* the subscription's id and nothing is
//! remembered for it here; other sids get a number.

use super::NatsSession;
use super::rare::{NAMED, Rare};
use crate::NatsFormat;
use crate::codec::encode;
use crate::codec::integer::Digits;
use std::sync::Arc;
use stele_model::{Filter, Subscribe, SubscribeDelivery, SubscriptionId, Turn};

impl NatsSession {
    pub(super) fn on_subscribe(
        &mut self,
        filter: &[u8],
        group: Option<&[u8]>,
        sid: &[u8],
        turn: &mut Turn<'_, '_>,
    ) {
        if group == Some(SYSTEM_GROUP) {
            let filter = String::from_utf8_lossy(filter);
            let text =
                format!("Permissions Violation for Subscription to \"{filter}\" using queue \"_sys_\"");
            encode::error(&text, turn.send());
            return;
        }
        let subscriptions_max = self.settings.subscriptions_max as usize;
        if subscriptions_max > 0 && turn.subscriptions() >= subscriptions_max {
            encode::error("maximum subscriptions exceeded", turn.send());
            return;
        }
        let known = self.subscription_id(sid);
        if known.is_some_and(|id| turn.is_subscribed(id)) {
            // nats-server keeps the first subscription of a sid.
            self.acknowledge(turn);
            return;
        }
        let Ok(filter) = Filter::new(filter) else {
            encode::error("Invalid Subject", turn.send());
            return;
        };
        let id = known.unwrap_or_else(|| self.rare().name(sid, turn));
        turn.subscribe(Subscribe {
            id,
            filter,
            group: group.map(Arc::from),
            delivery: SubscribeDelivery::Encoded(Arc::new(NatsFormat::new(sid, self.options.headers()))),
            hides_internal: false,
            no_local: false,
            volatile_only: false,
        });
        self.acknowledge(turn);
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        sid: &[u8],
        deliveries_max: Option<u64>,
        turn: &mut Turn<'_, '_>,
    ) {
        self.acknowledge(turn);
        let Some(id) = self.subscription_id(sid) else { return };
        match deliveries_max {
            Some(deliveries) => turn.unsubscribe_after(id, deliveries),
            None => {
                turn.unsubscribe(id);
                if let Some(rare) = &mut self.rare {
                    rare.forget(sid);
                }
            }
        }
    }

    /// Tells a requester on its own subscription to `reply` that nobody listens on `subject`.
    pub(super) fn send_no_responders(&self, subject: &[u8], reply: &[u8], turn: &mut Turn<'_, '_>) {
        if !self.options.no_responders() {
            return;
        }
        let Some(id) = turn.own_subscription(reply) else { return };
        let digits = Digits::new(id.0);
        let sid = if id.0 < NAMED {
            digits.as_bytes()
        } else {
            self.rare.as_deref().and_then(|rare| rare.sid_of(id)).unwrap_or_default()
        };
        encode::no_responders(subject, sid, reply, turn.send());
    }

    fn subscription_id(&self, sid: &[u8]) -> Option<SubscriptionId> {
        plain_number(sid).or_else(|| self.rare.as_deref().and_then(|rare: &Rare| rare.id_of(sid)))
    }
}

/// The number that these digits and no others write.
fn plain_number(sid: &[u8]) -> Option<SubscriptionId> {
    let fits = matches!(sid, [b'0'] | [b'1'..=b'9', ..]) && sid.len() <= SID_DIGITS_MAX;
    if !fits || !sid.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(SubscriptionId(sid.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))))
}

/// So many digits stay below [`NAMED`].
const SID_DIGITS_MAX: usize = 18;

/// nats-server keeps this group for itself.
const SYSTEM_GROUP: &[u8] = b"_sys_";
