//! Stream commands: the directory first, then the shard.

use super::directory::Place;
use super::stream::{PurgeOrder, Stream, check_spec};
use super::{Answer, Store};
use crate::journal::Lsn;
use crate::store::context::Context;
use stele_model::{Error, Now, Outcome, StreamCommand, StreamInfo, StreamName, StreamReply, StreamSpec};

/// What a command came to, and what that depends on.
type Decided = Result<(Lsn, StreamReply), (Lsn, Error)>;

impl Store {
    /// Answers a stream command.
    pub(crate) fn stream(&self, now: Now, command: StreamCommand) -> Answer {
        let decided = match command {
            StreamCommand::Create(spec) => self.create_stream(now, *spec),
            StreamCommand::Update(spec) => self.update_stream(now, *spec),
            StreamCommand::Delete(name) => self.delete_stream(now, &name),
            StreamCommand::Info(name) => self.stream_info(now, &name),
            StreamCommand::List => {
                let places = self.directory().read().expect("no panic holds the lock").all();
                Ok(self.list_streams(&places))
            }
            StreamCommand::Capturing(filter) => {
                let places = self.directory().read().expect("no panic holds the lock").capturing(&filter);
                Ok(self.list_streams(&places))
            }
            StreamCommand::Subjects { stream, filter, after, count_max } => {
                self.at(&stream, |place, stream, _| {
                    let subjects = stream.subjects(place.view, &filter, after.as_deref(), count_max);
                    Ok(StreamReply::Subjects(subjects))
                })
            }
            StreamCommand::Purge { stream, partition, filter, below, keep, by_client } => {
                self.at(&stream, |place, stream, context| {
                    let partition = place.view.filter(|_| stream.partitions.len() > 1).or(partition);
                    let filter = filter.as_ref();
                    let order = PurgeOrder { partition, filter, below, keep, by_client };
                    let purged = stream.purge(context, &order)?;
                    stream.deliver_everywhere(context, now);
                    Ok(StreamReply::Purged(purged))
                })
            }
            StreamCommand::DeleteRecord { stream, partition, offset } => {
                self.at(&stream, |place, stream, context| {
                    stream.delete_record(context, place.view.unwrap_or(partition), offset)?;
                    Ok(StreamReply::Done)
                })
            }
            StreamCommand::Get { stream, partition, selector } => {
                self.at(&stream, |place, stream, context| {
                    let record = stream.get(context, place.view.unwrap_or(partition), &selector)?;
                    Ok(StreamReply::Record(Box::new(record)))
                })
            }
            StreamCommand::GetMany { stream, partition, selector, count_max, bytes_max } => {
                self.at(&stream, |place, stream, context| {
                    let partition = place.view.unwrap_or(partition);
                    stream.get_many(context, partition, &selector, count_max, bytes_max)
                })
            }
        };
        match decided {
            Ok((lsn, reply)) => Answer::Ready { lsn, outcome: Outcome::Stream(reply) },
            Err((lsn, error)) => Answer::Ready { lsn, outcome: Outcome::Failed(error) },
        }
    }

    /// Does something at a stream; the answer depends on all that was written about it.
    fn at(
        &self,
        name: &StreamName,
        work: impl FnOnce(Place, &mut Stream, &mut Context) -> Result<StreamReply, Error>,
    ) -> Decided {
        let missing = || Error::StreamNotFound(name.clone());
        let Some(place) = self.find(name) else { return Err((Lsn(0), missing())) };
        self.enter(place.shard, |shard| {
            let lsn = shard.context.lsn;
            let Some((stream, context)) = shard.stream(place) else { return Err((lsn, missing())) };
            match work(place, stream, context) {
                Ok(reply) => Ok((stream.lsn, reply)),
                Err(error) => Err((stream.lsn, error)),
            }
        })
    }

    fn stream_info(&self, now: Now, name: &StreamName) -> Decided {
        let _ = now;
        self.at(name, |place, stream, context| {
            // What was acknowledged is told when it is durable.
            stream.write(context, Vec::new())?;
            let mut info = stream.info(place.view, true);
            show_as(&mut info, place, name);
            Ok(StreamReply::Info { info: Box::new(info), created: false })
        })
    }

    fn list_streams(&self, places: &[Place]) -> (Lsn, StreamReply) {
        let mut infos = Vec::with_capacity(places.len());
        let mut lsn = Lsn(0);
        for place in places {
            self.enter(place.shard, |shard| {
                let Some((stream, context)) = shard.stream(*place) else { return };
                if let Err(error) = stream.write(context, Vec::new()) {
                    tracing::error!(%error, "delivery state could not be written");
                }
                lsn = lsn.max(stream.lsn);
                infos.push(stream.info(None, false));
            });
        }
        (lsn, StreamReply::List(infos))
    }

    fn create_stream(&self, now: Now, spec: StreamSpec) -> Decided {
        let fail = |error| Err((Lsn(0), error));
        if let Err(error) = check_spec(&spec, None, self.settings()) {
            return fail(error);
        }
        let mut directory = self.directory().write().expect("no panic holds the lock");
        if let Some(place) = directory.find(&spec.name).filter(|place| place.view.is_none()) {
            return self.enter(place.shard, |shard| {
                let lsn = shard.context.lsn;
                match shard.streams.get(&place.stream) {
                    Some(stream) if *stream.spec == spec => {
                        let info = Box::new(stream.info(None, false));
                        Ok((stream.lsn, StreamReply::Info { info, created: false }))
                    }
                    _ => Err((lsn, Error::StreamExists(spec.name.clone()))),
                }
            });
        }
        if let Err(error) = directory.check(&spec) {
            return fail(error);
        }
        let number = self.shard_for(&spec.name);
        let made = self.enter(number, |shard| {
            let stream = shard.create(now, &spec).map_err(|error| (shard.context.lsn, error))?;
            Ok((stream, shard.streams.get(&stream).map(|stream| (stream.lsn, stream.info(None, false)))))
        });
        let (stream, made) = made?;
        let Some((lsn, info)) = made else { return fail(Error::Internal("a new stream is missing")) };
        directory.put(&spec, number, stream);
        self.captures().set(&spec.name, &spec.subjects, spec.acknowledges);
        Ok((lsn, StreamReply::Info { info: Box::new(info), created: true }))
    }

    fn update_stream(&self, now: Now, spec: StreamSpec) -> Decided {
        let mut directory = self.directory().write().expect("no panic holds the lock");
        let found = directory.find(&spec.name).filter(|place| place.view.is_none());
        let Some(place) = found else { return Err((Lsn(0), Error::StreamNotFound(spec.name))) };
        if let Err(error) = directory.check(&spec) {
            return Err((Lsn(0), error));
        }
        let updated = self.enter(place.shard, |shard| {
            let settings = shard.context.settings.clone();
            let lsn = shard.context.lsn;
            let missing = || (lsn, Error::StreamNotFound(spec.name.clone()));
            let (stream, context) = shard.stream(place).ok_or_else(missing)?;
            let fail = |error| (lsn, error);
            check_spec(&spec, Some(&stream.spec), &settings).map_err(fail)?;
            let mut put = stream.put_frame();
            put.spec = spec.clone();
            let frame = context.delta(&put);
            stream.write(context, vec![frame]).map_err(fail)?;
            stream.update(&spec);
            stream.arm(context, now);
            Ok((stream.lsn, stream.info(None, false)))
        });
        let (lsn, info) = updated?;
        directory.put(&spec, place.shard, place.stream);
        self.captures().set(&spec.name, &spec.subjects, spec.acknowledges);
        Ok((lsn, StreamReply::Info { info: Box::new(info), created: false }))
    }

    fn delete_stream(&self, now: Now, name: &StreamName) -> Decided {
        let mut directory = self.directory().write().expect("no panic holds the lock");
        let Some(place) = directory.find(name) else {
            return Err((Lsn(0), Error::StreamNotFound(name.clone())));
        };
        let single = |shard: &mut super::shard::Shard| {
            shard
                .streams
                .get(&place.stream)
                .map(|stream| (stream.spec.name.clone(), stream.partitions.len() as u32))
        };
        let Some((own_name, partitions)) = self.enter(place.shard, single) else {
            return Err((Lsn(0), Error::StreamNotFound(name.clone())));
        };
        if place.view.is_some() && partitions > 1 {
            return Err((Lsn(0), Error::NotAllowed("a partition cannot be deleted alone")));
        }
        let lsn = self.enter(place.shard, |shard| {
            let lsn = shard.context.lsn;
            shard.delete(place.stream).map_err(|error| (lsn, error))?;
            Ok(shard.context.lsn)
        })?;
        directory.remove(&own_name);
        self.captures().set(&own_name, &[], false);
        self.forget_faults(&own_name);
        drop(directory);
        let gone: Vec<_> = (0..partitions).map(|partition| (place.stream, partition)).collect();
        self.settle_reads(now, place.shard, &gone);
        let lsn = lsn.max(self.forget_committed(&own_name));
        Ok((lsn, StreamReply::Done))
    }
}

/// A view bears the name under which it was asked for.
fn show_as(info: &mut StreamInfo, place: Place, name: &StreamName) {
    if place.view.is_some() && info.spec.name != *name {
        let mut spec = (*info.spec).clone();
        spec.name = name.clone();
        spec.partitions = 1;
        info.spec = spec.into();
    }
}
