//! Groups as Kafka's clients see them, with a clock of the tests' own.

mod members;
mod offsets;
mod replay;

use crate::store::Answer;
use crate::store::tests::{SECOND, World};
use bytes::Bytes;
use stele_model::*;

/// A member as a test drives it.
#[derive(Clone, Debug)]
struct Client {
    id: String,
    instance: Option<String>,
    protocols: Vec<(String, Bytes)>,
}

fn client(protocols: &[(&str, &str)]) -> Client {
    let protocol =
        |(name, metadata): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(metadata.as_bytes()));
    Client { id: String::new(), instance: None, protocols: protocols.iter().map(protocol).collect() }
}

fn plain() -> Client {
    client(&[("range", "m")])
}

fn fixed(instance: &str) -> Client {
    Client { instance: Some(instance.to_owned()), ..plain() }
}

impl World {
    fn group(&mut self, command: GroupCommand) -> Answer {
        self.ask(Request::Group(command))
    }

    fn group_now(&mut self, command: GroupCommand) -> Result<GroupReply, Error> {
        match self.now(Request::Group(command))? {
            Outcome::Group(reply) => Ok(reply),
            other => panic!("not about groups: {other:?}"),
        }
    }

    /// Joins without the round for an id.
    fn join(&mut self, client: &Client) -> Answer {
        let join = Join {
            group: "g".to_owned(),
            member: client.id.clone(),
            instance: client.instance.clone(),
            client: ("me".to_owned(), "/10.0.0.9".to_owned()),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: client.protocols.clone(),
            id_required: false,
        };
        self.group(GroupCommand::Join(Box::new(join)))
    }

    /// What came for those who waited, in order.
    fn arrived(&mut self) -> Vec<Result<GroupReply, Error>> {
        let flat = |outcome| match outcome {
            Outcome::Group(reply) => Ok(reply),
            Outcome::Failed(error) => Err(error),
            other => panic!("not about groups: {other:?}"),
        };
        self.outcomes().into_iter().map(|(_, outcome)| flat(outcome)).collect()
    }

    fn arrived_joins(&mut self) -> Vec<Joined> {
        let joined = |reply| match reply {
            Ok(GroupReply::Joined(joined)) => *joined,
            other => panic!("no join: {other:?}"),
        };
        self.arrived().into_iter().map(joined).collect()
    }

    fn sync_with(&mut self, client: &Client, generation: i32, assignments: &[(&str, &str)]) -> Answer {
        let assignment =
            |(id, bytes): &(&str, &str)| ((*id).to_owned(), Bytes::copy_from_slice(bytes.as_bytes()));
        self.group(GroupCommand::Sync {
            group: "g".to_owned(),
            member: client.id.clone(),
            instance: client.instance.clone(),
            generation,
            protocol: (Some("consumer".to_owned()), None),
            assignments: assignments.iter().map(assignment).collect(),
        })
    }

    fn heartbeat(&mut self, client: &Client, generation: i32) -> Result<GroupReply, Error> {
        self.group_now(GroupCommand::Heartbeat {
            group: "g".to_owned(),
            member: client.id.clone(),
            instance: client.instance.clone(),
            generation,
        })
    }

    fn state(&mut self) -> Option<GroupState> {
        match self.group_now(GroupCommand::Describe(vec!["g".to_owned()])) {
            Ok(GroupReply::Described(groups)) => groups[0].as_ref().map(|group| group.state),
            other => panic!("no description: {other:?}"),
        }
    }

    /// One member, alone and stable.
    fn alone(&mut self, mut client: Client) -> (Client, i32) {
        assert!(matches!(self.join(&client), Answer::Waiting));
        let joined = self.arrived_joins().remove(0);
        client.id = joined.member;
        self.assign(&client, joined.generation);
        (client, joined.generation)
    }

    /// The leader syncs; it is given `mine`.
    fn assign(&mut self, leader: &Client, generation: i32) {
        let id = leader.id.clone();
        assert!(matches!(self.sync_with(leader, generation, &[(&id, "mine")]), Answer::Waiting));
        let answers = self.arrived();
        assert!(matches!(answers.last(), Some(Ok(GroupReply::Assignment { .. }))), "{answers:?}");
    }
}

fn assignment(reply: Result<GroupReply, Error>) -> Bytes {
    match reply {
        Ok(GroupReply::Assignment { assignment, .. }) => assignment,
        other => panic!("no assignment: {other:?}"),
    }
}

fn error(answer: Answer) -> Error {
    match answer {
        Answer::Ready { outcome: Outcome::Failed(error), .. } => error,
        other => panic!("no error: {other:?}"),
    }
}
