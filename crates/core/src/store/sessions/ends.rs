//! How connections and sessions end: detaching, expiry, wills that wait.

use super::super::context::Context;
use super::frames::{SessionDetached, SessionRemoved};
use super::state::{Kept, State};
use super::{Decided, Holder, Sessions};
use crate::store::Caller;
use bytes::Bytes;
use std::sync::Arc;
use stele_model::{ConnectionId, Error, Now, Outcome, SessionReply, Will};

impl Sessions {
    /// The holder ends its connection. Who was taken over changes nothing.
    pub(super) fn detach(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        client: &Bytes,
        expiry_s: Option<u32>,
        drop_will: bool,
    ) -> Decided {
        self.holds(caller, client)?;
        self.clients.remove(&caller.link.id);
        self.waiting.remove(client);
        let Some(Holder { sent_below, .. }) = self.holders.remove(&client[..]) else {
            return Ok(SessionReply::Done);
        };
        let Some(session) = self.state.sessions.get(&client[..]) else { return Ok(SessionReply::Done) };
        let expiry_s = expiry_s.unwrap_or(session.expiry_s);
        if expiry_s == 0 {
            self.end_session(context, client, !drop_will)?;
            return Ok(SessionReply::Done);
        }
        let detached = SessionDetached {
            client: client.to_vec(),
            time_ns: context.time(now),
            expiry_s,
            sent_below,
            drop_will,
        };
        self.write(context, &detached, State::detached)?;
        self.plan_end(context, client);
        Ok(SessionReply::Done)
    }

    /// A connection is gone; it should have detached.
    pub(crate) fn detach_link(&mut self, context: &mut Context, link: ConnectionId) {
        let now = context.clock.seen().unwrap_or_default();
        if self.publisher.as_ref().is_some_and(|publisher| publisher.link.id == link) {
            self.publisher = None;
        }
        let Some(client) = self.clients.get(&link).cloned() else { return };
        let Some(holder) = self.holders.get(&client) else { return };
        let caller = holder.caller.clone();
        let client = Bytes::copy_from_slice(&client);
        if let Err(error) = self.detach(context, now, &caller, &client, None, false) {
            tracing::error!(%error, "the end of a session's connection could not be written");
        }
    }

    /// Everything was replayed: sessions without a goodbye lost their connections when the process ended.
    pub(crate) fn opened(&mut self, context: &mut Context, now: Now) {
        let last_ns = context.clock.last_ns();
        context.time(now);
        for session in self.state.sessions.values_mut() {
            if session.detached_ns.is_none() {
                session.detached_ns = Some(last_ns);
                // Nobody knows what was sent.
                session.sent_below = session.end();
            }
        }
        for client in self.state.sessions.keys().cloned().collect::<Vec<_>>() {
            self.plan_end(context, &client);
        }
    }

    /// Ends what is due.
    pub(crate) fn wake(&mut self, context: &mut Context, now: Now) {
        let time_ns = context.time(now);
        while let Some((due_ns, client)) = self.ends.first().cloned() {
            if due_ns > time_ns {
                break;
            }
            self.ends.pop_first();
            let Some(session) = self.state.sessions.get(&client) else { continue };
            if session.detached_ns.is_none() {
                continue;
            }
            if session.session_end(context).is_some_and(|end| end <= time_ns) {
                if let Err(error) = self.end_session(context, &client, true) {
                    tracing::error!(%error, "an expired session could not be removed");
                    break;
                }
                continue;
            }
            if session.will_end(context).is_some_and(|end| end <= time_ns) {
                self.fire_will(&client);
            }
            self.plan_end_after(context, &client, time_ns);
        }
        self.tell_wills(context);
    }

    /// When `wake` has something to do (monotonic ns).
    pub(crate) fn deadline(&self, context: &Context) -> Option<u64> {
        let (due_ns, _) = self.ends.first()?;
        Some(Context::monotonic(context.clock.seen().unwrap_or_default(), *due_ns))
    }

    /// The session and all that it has goes; its will, if it is to be published, first.
    pub(super) fn end_session(
        &mut self,
        context: &mut Context,
        client: &[u8],
        with_will: bool,
    ) -> Result<(), Error> {
        if with_will {
            self.fire_will(client);
            self.tell_wills(context);
        }
        self.write(context, &SessionRemoved { client: client.to_vec() }, State::removed)
    }

    /// Hands wills to whoever publishes them.
    pub(super) fn tell_wills(&mut self, context: &mut Context) {
        let Some(publisher) = &self.publisher else { return };
        for (client, will) in self.wills.drain(..) {
            let outcome = Outcome::Session(SessionReply::Will { client, will: Box::new(will) });
            context.answers.push((publisher.link.clone(), publisher.ticket, outcome));
        }
    }

    /// A will is handed out once by a process; the frame that it was published takes it out of the state.
    fn fire_will(&mut self, client: &[u8]) {
        let waits = |(other, _): &(Bytes, Will)| other[..] == *client;
        if self.wills.iter().any(waits) {
            return;
        }
        if let Some(will) = self.state.sessions.get(client).and_then(|session| session.will.clone()) {
            self.wills.push((Bytes::copy_from_slice(client), will));
        }
    }

    fn plan_end(&mut self, context: &Context, client: &[u8]) {
        self.plan_end_after(context, client, 0);
    }

    fn plan_end_after(&mut self, context: &Context, client: &[u8], after_ns: u64) {
        let Some((client, session)) = self.state.sessions.get_key_value(client) else { return };
        let ends = [session.will_end(context), session.session_end(context)];
        if let Some(end) = ends.into_iter().flatten().filter(|end| after_ns == 0 || *end > after_ns).min() {
            self.ends.insert((end, Arc::clone(client)));
        }
    }
}

impl Kept {
    /// When the session ends by itself (ns).
    fn session_end(&self, context: &Context) -> Option<u64> {
        if self.expiry_s == u32::MAX {
            return None;
        }
        Some(context.clock.due_ns(self.detached_ns?, u64::from(self.expiry_s) * SECOND_NS))
    }

    /// When the will is published: after its delay, or with the session.
    fn will_end(&self, context: &Context) -> Option<u64> {
        let delay_s = self.will.as_ref()?.delay_s.min(self.expiry_s);
        Some(context.clock.due_ns(self.detached_ns?, u64::from(delay_s) * SECOND_NS))
    }
}

const SECOND_NS: u64 = 1_000_000_000;
