//! Stored sessions: durable identities of clients, with their subscriptions and queues.
//!
//! ```text
//!  enqueue ─→ MessageQueued, once ─→ an entry in the queue of every session that matches there in the log
//!  Fetch ─→ durable entries in order ─→ Ack, Received ─→ entries end ─→ a message without holders is forgotten
//! ```
//!
//! Invariant: [`State`] is a function of the frames. What lives beside it (who holds a session, who waits for what)
//! ends with the process, and a session whose holder is gone counts as detached since the last frame.
//!
//! A session that ends with its connection writes nothing; its holder is known all the same, because a client id has
//! one connection (MQTT-3.1.4-3).

mod claims;
mod deliver;
mod ends;
mod frames;
mod image;
mod state;
#[cfg(test)]
mod tests;

use super::context::Context;
use super::frames::Delta;
use super::{Answer, Caller};
use crate::journal::{Lsn, StoredFrame};
use bytes::Bytes;
pub(crate) use claims::Known;
use deliver::Waiting;
use frames::{
    FilterPut, FilterRemoved, MessageQueued, MessageReceived, MessagesDone, PacketClaimed,
    PacketPartlyClaimed, RecordQueued, SessionDetached, SessionPut, SessionRemoved, WillDone,
};
use state::{Claimed, Progress, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stele_model::{
    ConnectionId, Error, Filter, Now, Outcome, SessionCommand, SessionOpened, SessionReply, Will,
};

/// The stored sessions of a shard.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub(super) state: State,
    /// Who has a session now, stored or not, by client id.
    holders: BTreeMap<Arc<[u8]>, Holder>,
    clients: BTreeMap<ConnectionId, Arc<[u8]>>,
    /// Questions for queues that were empty.
    waiting: BTreeMap<Bytes, Waiting>,
    /// Clients whose queues grew since the last commit.
    grown: BTreeSet<Arc<[u8]>>,
    /// Messages kept in memory.
    cache: deliver::MessageCache,
    /// When a session or its will ends (ns of the shard's time).
    ends: BTreeSet<(u64, Arc<[u8]>)>,
    /// Who publishes wills, and wills that wait for that.
    publisher: Option<Caller>,
    wills: Vec<(Bytes, Will)>,
}

/// The connection that has a session.
#[derive(Debug)]
struct Holder {
    caller: Caller,
    /// Ordinals below this were handed out.
    sent_below: u64,
}

/// A decision: what was written, or that nothing was.
type Decided = Result<SessionReply, Error>;

impl Sessions {
    /// Decides a command.
    pub(crate) fn request(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        command: SessionCommand,
    ) -> Answer {
        let before = context.lsn;
        let decided = match command {
            SessionCommand::Open { client, clean, expiry_s, will } => {
                self.open(context, now, caller, client, clean, expiry_s, will)
            }
            SessionCommand::Detach { client, expiry_s, drop_will } => {
                self.detach(context, now, caller, &client, expiry_s, drop_will)
            }
            SessionCommand::Fetch { client, from, count_max, bytes_max } => {
                let waiting = Waiting { caller: caller.clone(), from, count_max, bytes_max };
                return self.fetch(context, client, waiting);
            }
            SessionCommand::Ack { client, ordinals } => {
                if self.holds(caller, &client).is_ok() {
                    self.acknowledge(context, &client, ordinals);
                }
                return Answer::Silent;
            }
            SessionCommand::Wills => {
                self.publisher = Some(caller.clone());
                self.tell_wills(context);
                return Answer::Waiting;
            }
            SessionCommand::WillSent { client } => {
                self.write_known(context, &client, &WillDone { client: client.to_vec() }, State::will_done);
                return Answer::Silent;
            }
            command => self.change(context, caller, command),
        };
        // What was found without writing depends on what was written before.
        let lsn = if context.lsn > before { context.lsn } else { self.depends_on(before) };
        let outcome = match decided {
            Ok(reply) => Outcome::Session(reply),
            Err(error) => Outcome::Failed(error),
        };
        Answer::Ready { lsn, outcome }
    }

    /// A delta is replayed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn apply(&mut self, stored: StoredFrame, kind: u8, body: &[u8]) -> Result<(), &'static str> {
        let state = &mut self.state;
        match kind {
            SessionPut::KIND => state.put(&SessionPut::decode(body)?),
            SessionDetached::KIND => state.detached(&SessionDetached::decode(body)?),
            SessionRemoved::KIND => state.removed(&SessionRemoved::decode(body)?),
            FilterPut::KIND => {
                state.filter_put(&FilterPut::decode(body)?, stored.position);
            }
            FilterRemoved::KIND => {
                state.filter_removed(&FilterRemoved::decode(body)?);
            }
            MessageQueued::KIND => {
                let length = u32::try_from(body.len() + 1).map_err(|_| "a message is too long")?;
                state.queued(&MessageQueued::decode(body)?, None, stored, length);
            }
            RecordQueued::KIND => {
                let length = u32::try_from(body.len() + 1).map_err(|_| "a record is too long")?;
                let RecordQueued { origin, message } = RecordQueued::decode(body)?;
                state.queued(&message, Some(&origin), stored, length);
            }
            MessagesDone::KIND => state.done(&MessagesDone::decode(body)?),
            MessageReceived::KIND => state.received(&MessageReceived::decode(body)?),
            PacketClaimed::KIND => {
                state.claimed(&PacketClaimed::decode(body)?);
            }
            PacketPartlyClaimed::KIND => state.partly_claimed(&PacketPartlyClaimed::decode(body)?),
            WillDone::KIND => state.will_done(&WillDone::decode(body)?),
            _ => return Err("a delta of sessions of an unknown kind"),
        }
        Ok(())
    }

    /// The filters by which queues are fed, if they changed since they were asked for.
    pub(crate) fn take_wanted(&mut self) -> Option<Vec<Filter>> {
        std::mem::take(&mut self.state.wanted_changed).then(|| self.state.wanted())
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one command")]
    fn open(
        &mut self,
        context: &mut Context,
        now: Now,
        caller: &Caller,
        client: Bytes,
        clean: bool,
        expiry_s: u32,
        will: Option<Box<Will>>,
    ) -> Decided {
        let taken_over = self.take_over(context, &client, clean);
        let stored = self.state.sessions.contains_key(&client[..]);
        if stored && clean {
            self.end_session(context, &client, !taken_over)?;
        }
        let present = stored && !clean;
        if present || expiry_s > 0 {
            let put = SessionPut {
                client: client.to_vec(),
                time_ns: context.time(now),
                expiry_s,
                queued_max: context.settings.session_queue_max,
                will: will.map(|will| *will),
            };
            let frame = context.delta(&put);
            context.append(&[frame])?;
            self.state.put(&put);
        }
        let mut opened = SessionOpened { present, ..SessionOpened::default() };
        if let Some(session) = self.state.sessions.get(&client[..]) {
            opened.filters.clone_from(&session.filters);
            opened.first = session.first;
            opened.sent_below = session.sent_below;
            // What is stored in part is stored further when it comes again.
            let whole = session.claimed.iter().filter(|(_, claimed)| **claimed == Claimed::Whole);
            opened.claimed = whole.map(|(packet, _)| *packet).collect();
            let received = (session.first..)
                .zip(&session.queue)
                .filter(|(_, entry)| entry.progress == Progress::Received);
            opened.received = received.map(|(ordinal, _)| ordinal).collect();
        }
        let client: Arc<[u8]> = (&client[..]).into();
        self.clients.insert(caller.link.id, client.clone());
        self.holders.insert(client, Holder { caller: caller.clone(), sent_below: 0 });
        Ok(SessionReply::Opened(Box::new(opened)))
    }

    /// An older holder hears that it is none any more.
    fn take_over(&mut self, context: &mut Context, client: &Bytes, ended: bool) -> bool {
        self.waiting.remove(client);
        let Some(holder) = self.holders.remove(&client[..]) else { return false };
        self.clients.remove(&holder.caller.link.id);
        let outcome = Outcome::Session(SessionReply::TakenOver { ended });
        context.answers.push((holder.caller.link, holder.caller.ticket, outcome));
        true
    }

    /// Everything that changes a session and is answered when that is durable.
    fn change(&mut self, context: &mut Context, caller: &Caller, command: SessionCommand) -> Decided {
        match command {
            SessionCommand::Subscribe { client, filter } => {
                self.holds(caller, &client)?;
                let put = FilterPut { client: client.to_vec(), filter: *filter };
                let frame = context.delta(&put);
                let stored = context.append(&[frame])?;
                let existed = self.state.filter_put(&put, stored.position);
                Ok(SessionReply::Subscribed { existed })
            }
            SessionCommand::Unsubscribe { client, name } => {
                self.holds(caller, &client)?;
                let removed = FilterRemoved { client: client.to_vec(), name: name.to_vec() };
                let existed = self.write(context, &removed, State::filter_removed)?;
                Ok(SessionReply::Subscribed { existed })
            }
            SessionCommand::Received { client, ordinal } => {
                self.holds(caller, &client)?;
                self.write(context, &MessageReceived { client: client.to_vec(), ordinal }, State::received)?;
                Ok(SessionReply::Done)
            }
            SessionCommand::Release { client, packet } => {
                self.holds(caller, &client)?;
                self.release(context, &client, packet)
            }
            _ => Err(Error::Internal("a session command was decided elsewhere")),
        }
    }

    fn acknowledge(&mut self, context: &mut Context, client: &Bytes, ordinals: Vec<u64>) {
        let done = MessagesDone { client: client.to_vec(), ordinals };
        self.write_known(context, client, &done, State::done);
        self.cache.forget_below(&self.state);
    }

    /// Writes a frame and applies it.
    fn write<D: Delta, R>(
        &mut self,
        context: &mut Context,
        delta: &D,
        apply: impl FnOnce(&mut State, &D) -> R,
    ) -> Result<R, Error> {
        let frame = context.delta(delta);
        context.append(&[frame])?;
        Ok(apply(&mut self.state, delta))
    }

    /// As `write`, for a session that may be gone, and for nobody who waits.
    fn write_known<D: Delta, R>(
        &mut self,
        context: &mut Context,
        client: &[u8],
        delta: &D,
        apply: impl FnOnce(&mut State, &D) -> R,
    ) {
        if self.state.sessions.contains_key(client)
            && let Err(error) = self.write(context, delta, apply)
        {
            tracing::error!(%error, "a session's state could not be written");
        }
    }

    fn holds(&self, caller: &Caller, client: &[u8]) -> Result<(), Error> {
        match self.holders.get(client) {
            Some(holder) if holder.caller.link.id == caller.link.id => Ok(()),
            _ => Err(Error::SessionFenced),
        }
    }

    /// Nobody stored here means nothing to wait for: a broker without stored sessions answers CONNECT at once.
    fn depends_on(&self, lsn: Lsn) -> Lsn {
        if self.state.sessions.is_empty() { Lsn(0) } else { lsn }
    }
}
