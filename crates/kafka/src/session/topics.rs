//! Topics as Kafka clients see them: which streams are topics, their names, their ids.
//!
//! A JetStream stream is a topic where Kafka can hold its name. The views under which JetStream shows single
//! partitions are none: a stream made by Kafka keeps its own name in its document, so a view is told from it.

use super::config::TopicDocument;
use crate::codec::Uuid;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use stele_model::{Outcome, StreamInfo, StreamName, StreamReply, StreamSpec, Wire};

/// The longest name of a topic (Kafka's rule).
const NAME_BYTES_MAX: usize = 249;

/// Why a name cannot be a topic's; `None`: it can.
pub(super) fn name_fault(name: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() {
        Some("Topic name is invalid: it can't be empty".into())
    } else if name == "." || name == ".." {
        Some("Topic name is invalid: '.' or '..' is not allowed".into())
    } else if name.len() > NAME_BYTES_MAX {
        Some(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length {NAME_BYTES_MAX}"
        ))
    } else if !name.bytes().all(legal) {
        Some(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ))
    } else {
        None
    }
}

/// A stream as a topic.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) name: StreamName,
    pub(super) id: Uuid,
    pub(super) partitions: u32,
    pub(super) spec: Arc<StreamSpec>,
}

impl Topic {
    /// `None`: Kafka shows no such topic.
    pub(super) fn of(info: &StreamInfo) -> Option<Self> {
        let spec = &info.spec;
        if name_fault(spec.name.as_str()).is_some() {
            return None;
        }
        if spec.made_by == Wire::Kafka && TopicDocument::of(spec).name != spec.name.as_str() {
            return None;
        }
        Some(Self {
            name: spec.name.clone(),
            id: Uuid(info.id),
            partitions: spec.partitions,
            spec: spec.clone(),
        })
    }

    /// The topic of an answer to a question about one stream.
    pub(super) fn of_outcome(outcome: Outcome) -> Result<Option<(Self, StreamInfo)>, stele_model::Error> {
        match outcome {
            Outcome::Stream(reply) => {
                let info = reply.into_info()?;
                Ok(Self::of(&info).map(|topic| (topic, info)))
            }
            Outcome::Failed(stele_model::Error::StreamNotFound(_)) => Ok(None),
            Outcome::Failed(error) => Err(error),
            _ => Err(stele_model::Error::Internal("an answer about a stream was expected")),
        }
    }
}

/// What is remembered of a topic between requests, so that producing and fetching need no question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: StreamName,
    pub(super) id: Uuid,
}

/// Topics that sessions have seen. A hint: the core checks names and ids again.
#[derive(Debug, Default)]
pub(super) struct Topics {
    inner: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    by_name: BTreeMap<StreamName, Uuid>,
    by_id: BTreeMap<Uuid, StreamName>,
}

impl Topics {
    /// A topic by its name.
    pub(super) fn named(&self, name: &str) -> Option<Known> {
        let maps = self.read();
        let (name, id) = maps.by_name.get_key_value(&StreamName::new(name))?;
        Some(Known { name: name.clone(), id: *id })
    }

    /// A topic by its id.
    pub(super) fn with_id(&self, id: Uuid) -> Option<Known> {
        let name = self.read().by_id.get(&id).cloned()?;
        Some(Known { name, id })
    }

    /// The topic is so.
    pub(super) fn learn(&self, topic: &Topic) {
        if self.read().by_name.get(&topic.name) == Some(&topic.id) {
            return;
        }
        self.write().put(topic);
    }

    /// These are all topics.
    pub(super) fn learn_all<'t>(&self, topics: impl Iterator<Item = &'t Topic>) {
        let mut maps = Maps::default();
        topics.for_each(|topic| maps.put(topic));
        *self.write() = maps;
    }

    /// The topic is gone.
    pub(super) fn forget(&self, name: &StreamName) {
        let mut maps = self.write();
        if let Some(id) = maps.by_name.remove(name) {
            maps.by_id.remove(&id);
        }
    }

    // The maps are never left half changed, so a panic elsewhere under the lock does no harm.
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maps {
    fn put(&mut self, topic: &Topic) {
        if let Some(before) = self.by_name.insert(topic.name.clone(), topic.id) {
            self.by_id.remove(&before);
        }
        self.by_id.insert(topic.id, topic.name.clone());
    }
}

/// All topics of an answer to a question for all streams.
pub(super) fn topics_of(outcome: Outcome) -> Result<Vec<(Topic, StreamInfo)>, stele_model::Error> {
    match outcome {
        Outcome::Stream(StreamReply::List(infos)) => {
            Ok(infos.into_iter().filter_map(|info| Topic::of(&info).map(|topic| (topic, info))).collect())
        }
        Outcome::Failed(error) => Err(error),
        _ => Err(stele_model::Error::Internal("a list of streams was expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for (name, legal) in [
            ("a", true),
            ("A.b_c-9", true),
            ("KV_bucket", true),
            ("", false),
            (".", false),
            ("..", false),
            ("...", true),
            ("a/b", false),
            ("ü", false),
        ] {
            assert_eq!(name_fault(name).is_none(), legal, "{name}");
        }
        assert!(name_fault(&"x".repeat(249)).is_none());
        assert!(name_fault(&"x".repeat(250)).is_some());
    }
}
