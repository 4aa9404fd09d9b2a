//! CONNECT (§3.1) and CONNACK (§3.2).

use super::Rejection;
use super::inbound::Inbound;
use super::live::{KeepAlive, Live, PeerLimits};
use super::outbound::Outbound;
use super::subscribe::Subscriptions;
use super::will;
use crate::codec::{ConnAck, Connect, Packet, Properties, Property, PropertyBuffer};
use crate::{CloseWith, Fault, MqttSettings, ReasonCode, Version};
use bytes::Bytes;
use std::fmt::Write;
use stele_model::{
    Close, Error, Now, Order, Outcome, Request, SessionCommand, SessionOpened, SessionReply, Ticket, Turn,
};

/// A CONNECT that waits for the core to open its session.
#[derive(Debug)]
pub(super) struct Opening {
    live: Box<Live>,
    clean: bool,
    /// The client id was chosen here.
    assigned: bool,
    /// The session expiry that was asked for, where another was given.
    expiry_changed: bool,
    /// The keep alive that is imposed.
    keep_alive_s: Option<u16>,
}

impl Opening {
    /// Checks CONNECT and asks the core for the session.
    pub(super) fn begin(
        settings: &MqttSettings,
        now: Now,
        connect: &Connect<'_>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Self, Rejection> {
        let version = connect.version;
        if connect.properties.authentication_method().is_some() {
            return Err(refuse(
                version,
                ReasonCode::BAD_AUTHENTICATION_METHOD,
                "unknown authentication method",
            ));
        }
        let will = connect.will.as_ref().map(|will| will::read(will, version)).transpose()?;
        let assigned = connect.client_id.is_empty();
        let client = if assigned {
            choose_client_id(turn)
        } else {
            Bytes::copy_from_slice(connect.client_id.as_bytes())
        };
        let expiry_asked = expiry_asked(connect);
        let expiry_s = expiry_asked.min(settings.session_expiry_max_s);
        let keep_alive_s = imposed_keep_alive(settings, connect.keep_alive_seconds);
        let command = SessionCommand::Open {
            // A shared name costs an idle connection more than its copy.
            client: Bytes::copy_from_slice(&client),
            clean: connect.clean_start,
            expiry_s,
            // The core publishes it only if this process cannot: a session that ends with its connection needs none.
            will: will.clone().filter(|_| expiry_s > 0),
        };
        let open = turn.request(Request::Session(command), Order::InTurn);
        let peer = PeerLimits::of(connect.properties);
        let inflight_max =
            settings.inflight_max.min(connect.properties.receive_maximum().unwrap_or(u16::MAX));
        let alias_max =
            connect.properties.topic_alias_maximum().unwrap_or(0).min(settings.topic_alias_out_max);
        let live = Box::new(Live {
            client,
            version,
            open,
            expiry_s,
            stored: expiry_s > 0,
            keep_alive: KeepAlive::new(keep_alive_s.unwrap_or(connect.keep_alive_seconds), now),
            will,
            peer,
            acks: Vec::new(),
            inbound: Inbound::default(),
            outbound: Outbound::new(inflight_max.max(1), alias_max),
            subscriptions: Subscriptions::default(),
            said_goodbye: false,
        });
        let clean = connect.clean_start;
        Ok(Self { live, clean, assigned, expiry_changed: expiry_s != expiry_asked, keep_alive_s })
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.live.open
    }

    /// The core's answer: CONNACK, and what an earlier connection left.
    pub(super) fn finish(
        self,
        settings: &MqttSettings,
        now: Now,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Box<Live>, Rejection> {
        let version = self.live.version;
        let opened = match outcome {
            Outcome::Session(SessionReply::Opened(opened)) => *opened,
            Outcome::Session(SessionReply::TakenOver { .. }) => {
                return Err(refuse(version, ReasonCode::SERVER_BUSY, "another connection was faster"));
            }
            Outcome::Failed(Error::QuotaExceeded) => {
                return Err(refuse(version, ReasonCode::QUOTA_EXCEEDED, "as many sessions as may be"));
            }
            _ => return Err(refuse(version, ReasonCode::SERVER_UNAVAILABLE, "the session cannot be opened")),
        };
        self.send_connack(settings, &opened, turn)?;
        let mut live = self.live;
        live.keep_alive.heard(now);
        live.stored |= opened.present;
        live.resume(settings, now, opened, turn);
        Ok(live)
    }

    /// The connection ended before the core answered.
    pub(super) fn abandon(self, turn: &mut Turn<'_, '_>) {
        self.live.detach(None, true, turn);
    }

    fn send_connack(
        &self,
        settings: &MqttSettings,
        opened: &SessionOpened,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Rejection> {
        let live = &self.live;
        let mut properties = PropertyBuffer::new();
        if live.version == Version::V5 {
            self.write_properties(settings, &mut properties);
        }
        let connack = ConnAck {
            session_present: opened.present && !self.clean,
            reason: ReasonCode::SUCCESS,
            properties: properties.as_properties(),
        };
        Packet::ConnAck(connack)
            .encode_within(live.peer.packet_bytes_max, live.version, turn.send())
            .map_err(|_| Rejection::Close(Close::Refused("the client takes no CONNACK")))
    }

    /// Only what differs from the defaults.
    fn write_properties(&self, settings: &MqttSettings, out: &mut PropertyBuffer) {
        let mut push = |property: Property<'_>| {
            let pushed = out.push(property);
            debug_assert!(pushed.is_ok(), "values of ours are in range");
        };
        if self.expiry_changed {
            push(Property::SessionExpiryInterval(self.live.expiry_s));
        }
        if settings.receive_max < u16::MAX {
            push(Property::ReceiveMaximum(settings.receive_max.max(1)));
        }
        push(Property::MaximumPacketSize(settings.packet_bytes_max));
        if self.assigned
            && let Ok(client) = std::str::from_utf8(&self.live.client)
        {
            push(Property::AssignedClientIdentifier(client));
        }
        if settings.topic_alias_max > 0 {
            push(Property::TopicAliasMaximum(settings.topic_alias_max));
        }
        if let Some(seconds) = self.keep_alive_s {
            push(Property::ServerKeepAlive(seconds));
        }
    }
}

/// A CONNACK that says why not.
fn refuse(version: Version, reason: ReasonCode, text: &'static str) -> Rejection {
    Rejection::Fault(Fault { close: CloseWith::ConnAck(version), reason, text })
}

/// Below MQTT 5 a session is kept for ever or ends with its connection.
fn expiry_asked(connect: &Connect<'_>) -> u32 {
    match connect.version {
        Version::V5 => connect.properties.session_expiry_seconds().unwrap_or(0),
        _ if connect.clean_start => 0,
        _ => u32::MAX,
    }
}

/// The server's maximum where the client asks for more, or for none.
fn imposed_keep_alive(settings: &MqttSettings, asked_s: u16) -> Option<u16> {
    let max_s = settings.keep_alive_max_s;
    (max_s > 0 && (asked_s == 0 || asked_s > max_s)).then_some(max_s)
}

fn choose_client_id(turn: &mut Turn<'_, '_>) -> Bytes {
    let mut client = String::from("auto-");
    for _ in 0..2 {
        write!(client, "{:016x}", turn.random()).expect("writing to a string does not fail");
    }
    client.into()
}

impl PeerLimits {
    fn of(properties: Properties<'_>) -> Self {
        Self {
            packet_bytes_max: properties.maximum_packet_bytes().unwrap_or(u32::MAX),
            problem_information: properties.request_problem_information().unwrap_or(true),
        }
    }
}
