//! What the operations of a group work with: time, settings, answers on their way out.

use super::GroupSettings;
use super::Waits;
use crate::store::Caller;
use crate::store::context::Context;
use std::hash::{DefaultHasher, Hasher};
use stele_model::{Now, Outcome};

pub(super) struct Bench<'c> {
    pub(super) now: Now,
    pub(super) context: &'c mut Context,
    /// Member ids made so far in this process.
    pub(super) ids_made: &'c mut u64,
    /// Who waits, at which group.
    pub(super) waits: &'c mut Waits,
}

impl Bench<'_> {
    /// The monotonic clock.
    pub(super) fn now_ns(&self) -> u64 {
        self.now.monotonic_ns
    }

    pub(super) fn settings(&self) -> &GroupSettings {
        &self.context.settings.groups
    }

    /// Answers somebody who waits.
    pub(super) fn answer(&mut self, caller: Caller, outcome: Outcome) {
        self.waits.remove(&(caller.link.id, caller.ticket));
        self.context.answers.push((caller.link, caller.ticket, outcome));
    }

    /// A member id that nobody had: the client's or the instance's name, and a UUID over what makes it unique.
    pub(super) fn member_id(&mut self, name: &str) -> String {
        *self.ids_made += 1;
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write_u16(self.context.shard);
            for part in [self.context.settings.seed, *self.ids_made, self.now.wall_ns] {
                hasher.write_u64(part);
            }
            hasher.finish()
        };
        let (high, low) = (half(3) & !0xf000 | 0x8000, half(4) & !(3 << 62) | 2 << 62);
        format!(
            "{name}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
