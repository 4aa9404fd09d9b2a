//! QoS 2 publishes between PUBLISH and PUBREL: what of them is stored.

use super::super::context::Context;
use super::super::frames::Delta;
use super::frames::{PacketClaimed, PacketPartlyClaimed};
use super::state::{Claimed, State};
use super::{Decided, Sessions};
use crate::journal::Lsn;
use crate::store::{Attempt, Caller, Keeper};
use bytes::Bytes;
use stele_model::{Claim, Error, SessionReply};

/// What is known of a publish that comes.
pub(crate) enum Known {
    /// It is stored; whoever says so waits for this position.
    Whole(Lsn),
    /// These have it: nobody, as a rule.
    Partly(Vec<Keeper>),
}

impl Sessions {
    /// What is stored under a claim.
    ///
    /// # Errors
    /// `SessionFenced`: the caller does not hold the session.
    pub(crate) fn known(
        &self,
        context: &Context,
        caller: &Caller,
        claim: &Claim<'_>,
    ) -> Result<Known, Error> {
        self.holds(caller, claim.client)?;
        let session = self.state.sessions.get(claim.client);
        Ok(match session.and_then(|session| session.claimed.get(&claim.packet)) {
            None => Known::Partly(Vec::new()),
            Some(Claimed::Partly(kept)) => Known::Partly(kept.clone()),
            Some(Claimed::Whole) => Known::Whole(context.sessions_lsn),
        })
    }

    /// Writes down what an attempt came to; the journal is held. The position that covers it.
    ///
    /// # Errors
    /// The journal's: what was stored before will not be durable either.
    pub(crate) fn claim(
        &mut self,
        context: &mut Context,
        claim: &Claim<'_>,
        before: Vec<Keeper>,
        attempt: &Attempt,
    ) -> Result<Lsn, Error> {
        if !self.state.sessions.contains_key(claim.client) {
            return Ok(Lsn(0));
        }
        let client = claim.client.to_vec();
        if attempt.refused.is_none() {
            let claimed = PacketClaimed { client, packet: claim.packet, claimed: true };
            return self.write_held(context, &claimed, |state, delta| {
                state.claimed(delta);
            });
        }
        if attempt.kept.is_empty() {
            return Ok(Lsn(0));
        }
        let kept = before.into_iter().chain(attempt.kept.iter().cloned()).collect();
        let partly = PacketPartlyClaimed { client, packet: claim.packet, kept };
        self.write_held(context, &partly, State::partly_claimed)
    }

    /// Forgets a claim; nothing is written where there is none.
    pub(super) fn release(&mut self, context: &mut Context, client: &Bytes, packet: u16) -> Decided {
        let session = self.state.sessions.get(&client[..]);
        if session.is_none_or(|session| !session.claimed.contains_key(&packet)) {
            return Ok(SessionReply::Released { known: false });
        }
        let released = PacketClaimed { client: client.to_vec(), packet, claimed: false };
        Ok(SessionReply::Released { known: self.write(context, &released, State::claimed)? })
    }

    fn write_held<D: Delta>(
        &mut self,
        context: &mut Context,
        delta: &D,
        apply: impl FnOnce(&mut State, &D),
    ) -> Result<Lsn, Error> {
        let frame = context.delta(delta);
        let stored = context.append_held(&[frame])?;
        apply(&mut self.state, delta);
        Ok(stored.lsn)
    }
}

impl State {
    /// Did this change anything?
    pub(crate) fn claimed(&mut self, claimed: &PacketClaimed) -> bool {
        let Some(session) = self.sessions.get_mut(claimed.client.as_slice()) else { return false };
        if claimed.claimed {
            session.claimed.insert(claimed.packet, Claimed::Whole).is_none()
        } else {
            session.claimed.remove(&claimed.packet).is_some()
        }
    }

    pub(crate) fn partly_claimed(&mut self, partly: &PacketPartlyClaimed) {
        if let Some(session) = self.sessions.get_mut(partly.client.as_slice())
            && !partly.kept.is_empty()
        {
            session.claimed.insert(partly.packet, Claimed::Partly(partly.kept.clone()));
        }
    }

    /// What is stored in part, as frames would say it.
    pub(crate) fn partly(&self) -> Vec<PacketPartlyClaimed> {
        let mut all = Vec::new();
        for (client, session) in &self.sessions {
            for (packet, claimed) in &session.claimed {
                if let Claimed::Partly(kept) = claimed {
                    let (client, kept) = (client.to_vec(), kept.clone());
                    all.push(PacketPartlyClaimed { client, packet: *packet, kept });
                }
            }
        }
        all
    }
}
