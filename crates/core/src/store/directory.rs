//! Which streams there are: names, where each lives, what it captures.
//!
//! Its lock is taken before a shard's, never after. It is written by creating, changing and deleting streams only.

use std::collections::{BTreeMap, HashMap};
use stele_model::{Error, Filter, PartitionIndex, StreamName, StreamSpec, Wire};

/// Where a stream lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its shard.
    pub shard: u16,
    /// Its number there.
    pub stream: u64,
    /// The name shows this partition only (semantics 24).
    pub view: Option<PartitionIndex>,
}

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// By name, for the hot path; never iterated.
    places: HashMap<StreamName, Place>,
    streams: BTreeMap<StreamName, Listed>,
}

#[derive(Debug)]
struct Listed {
    place: Place,
    made_by: Wire,
    subjects: Vec<Filter>,
    acknowledges: bool,
    partitions: u32,
}

impl Directory {
    /// Where a stream, or the partition that is shown under this name, lives.
    pub(crate) fn find(&self, name: &StreamName) -> Option<Place> {
        self.places.get(name).copied()
    }

    /// All streams, by name.
    pub(crate) fn all(&self) -> Vec<Place> {
        self.streams.values().map(|listed| listed.place).collect()
    }

    /// Streams that acknowledge a publish on some subject that the filter matches: those made through NATS first.
    pub(crate) fn capturing(&self, filter: &Filter) -> Vec<Place> {
        let captures = |listed: &&Listed| {
            listed.acknowledges && listed.subjects.iter().any(|subject| subject.overlaps(filter))
        };
        let mut found: Vec<&Listed> = self.streams.values().filter(captures).collect();
        found.sort_by_key(|listed| listed.made_by != Wire::Nats);
        found.into_iter().map(|listed| listed.place).collect()
    }

    /// May a stream of this specification exist beside the others?
    ///
    /// # Errors
    /// `SubjectsOverlap`, `NameCollision`.
    pub(crate) fn check(&self, spec: &StreamSpec) -> Result<(), Error> {
        let others = || self.streams.iter().filter(|(name, _)| **name != spec.name);
        if spec.made_by == Wire::Nats {
            for (name, other) in others().filter(|(_, other)| other.made_by == Wire::Nats) {
                let overlap = |left: &Filter| other.subjects.iter().any(|right| left.overlaps(right));
                if spec.subjects.iter().any(overlap) {
                    return Err(Error::SubjectsOverlap(name.clone()));
                }
            }
        }
        for shown in shown_names(&spec.name, spec.partitions) {
            let taken = self.places.get(&shown).and_then(|place| {
                let owner = |(_, other): &(&StreamName, &Listed)| {
                    (other.place.shard, other.place.stream) == (place.shard, place.stream)
                };
                others().find(owner).map(|(name, _)| name.clone())
            });
            if let Some(name) = taken {
                return Err(Error::NameCollision(name));
            }
        }
        Ok(())
    }

    /// The stream is so from now on.
    pub(crate) fn put(&mut self, spec: &StreamSpec, shard: u16, stream: u64) {
        self.remove(&spec.name);
        let place = Place { shard, stream, view: None };
        let listed = Listed {
            place,
            made_by: spec.made_by,
            subjects: spec.subjects.clone(),
            acknowledges: spec.acknowledges,
            partitions: spec.partitions,
        };
        for (partition, shown) in shown_names(&spec.name, spec.partitions).into_iter().enumerate() {
            self.places.insert(shown, Place { view: Some(partition as PartitionIndex), ..place });
        }
        self.places.insert(spec.name.clone(), place);
        self.streams.insert(spec.name.clone(), listed);
    }

    /// The stream is gone.
    pub(crate) fn remove(&mut self, name: &StreamName) {
        let Some(listed) = self.streams.remove(name) else { return };
        for shown in shown_names(name, listed.partitions) {
            self.places.remove(&shown);
        }
        self.places.remove(name);
    }
}

/// The names under which JetStream shows the partitions.
fn shown_names(name: &StreamName, partitions: u32) -> Vec<StreamName> {
    let base = name.as_str().replace('.', "_");
    (0..partitions)
        .map(|partition| match partition {
            0 => StreamName::new(&base),
            partition => StreamName::new(&format!("{base}-{partition}")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::spec;

    #[test]
    fn shows_partitions_and_refuses_collisions() {
        let mut directory = Directory::default();
        let mut topic = spec("a.b", &["a.b"]);
        (topic.partitions, topic.made_by) = (2, Wire::Kafka);
        directory.put(&topic, 1, 7);
        let view = |name: &str| directory.find(&StreamName::new(name)).map(|place| place.view);
        assert_eq!(
            (view("a.b"), view("a_b"), view("a_b-1"), view("a_b-2")),
            (Some(None), Some(Some(0)), Some(Some(1)), None)
        );
        for (name, subject, expected) in [
            ("a_b-1", "x", Err(Error::NameCollision(StreamName::new("a.b")))),
            ("a_b", "x", Err(Error::NameCollision(StreamName::new("a.b")))),
            ("c", "a.b", Ok(())),
        ] {
            assert_eq!(directory.check(&spec(name, &[subject])), expected, "{name}");
        }
        directory.put(&spec("c", &["c.>"]), 0, 8);
        assert_eq!(directory.check(&spec("d", &["c.*"])), Err(Error::SubjectsOverlap(StreamName::new("c"))));
        assert_eq!(directory.check(&spec("c", &["c.*"])), Ok(()));
        directory.remove(&StreamName::new("a.b"));
        assert_eq!(directory.find(&StreamName::new("a_b-1")), None);
    }
}
