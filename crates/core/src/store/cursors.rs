//! Cursor commands: the directory first, then the shard.

use super::context::Context;
use super::directory::Place;
use super::stream::Stream;
use super::{Answer, Caller, Store};
use crate::journal::Lsn;
use stele_model::{
    CursorCommand, CursorInfo, CursorName, CursorReply, Error, Now, Outcome, PartitionIndex, StreamName,
};

impl Store {
    /// Answers a cursor command.
    pub(crate) fn cursor(&self, now: Now, caller: &Caller, command: CursorCommand) -> Answer {
        match command {
            CursorCommand::Put { stream: name, spec, mode } => {
                self.at_stream(&name, |partition, stream, context| {
                    let number = stream.put_cursor(context, now, partition, &spec, mode)?;
                    reply_info(stream, context, number, &name)
                })
            }
            CursorCommand::Delete { stream, name } => {
                self.at_cursor(&stream, &name, |number, stream, context| {
                    stream.delete_cursor(context, now, number)?;
                    Ok(Some(CursorReply::Done))
                })
            }
            CursorCommand::Info { stream: of, name } => {
                self.at_cursor(&of, &name, |number, stream, context| reply_info(stream, context, number, &of))
            }
            CursorCommand::List(name) => self.at_stream(&name, |partition, stream, context| {
                stream.write(context, Vec::new())?;
                let numbers: Vec<u64> = stream.cursors.of(partition).map(|cursor| cursor.number).collect();
                let infos = numbers.into_iter().filter_map(|number| stream.cursor_info(number));
                Ok(Some(CursorReply::List(infos.map(|info| named(info, &name)).collect())))
            }),
            CursorCommand::Pull(pull) => {
                self.at_cursor(&pull.stream, &pull.name, |number, stream, context| {
                    stream.pull(context, now, number, caller, &pull)?;
                    Ok(None)
                })
            }
            CursorCommand::Ack { stream, name, offset, delivery: _, kind, confirm } => {
                let answer = self.at_cursor(&stream, &name, |number, stream, context| {
                    stream.ack(context, now, number, offset, &kind);
                    if confirm {
                        stream.write(context, Vec::new())?;
                    }
                    Ok(Some(CursorReply::Done))
                });
                if confirm { answer } else { Answer::Silent }
            }
            CursorCommand::Pause { stream: of, name, until_ns } => {
                self.at_cursor(&of, &name, |number, stream, context| {
                    stream.pause_cursor(context, now, number, until_ns)?;
                    reply_info(stream, context, number, &of)
                })
            }
            CursorCommand::WatchPush => self.watch_push(caller),
        }
    }

    fn watch_push(&self, caller: &Caller) -> Answer {
        self.watchers().push(caller.clone());
        for number in 0..self.shards() {
            let infos = self.enter(number, |shard| {
                let mut infos: Vec<CursorInfo> = Vec::new();
                for stream in shard.streams.values_mut() {
                    let pushing = stream.cursors.all_mut().filter(|cursor| cursor.spec.push.is_some());
                    let numbers: Vec<u64> = pushing.map(|cursor| cursor.number).collect();
                    infos.extend(numbers.into_iter().filter_map(|number| stream.cursor_info(number)));
                }
                infos
            });
            for info in infos {
                let reply = CursorReply::Push { info: Box::new(info), alive: true };
                caller.link.complete(caller.ticket, Outcome::Cursor(reply));
            }
        }
        Answer::Waiting
    }

    fn at_cursor(
        &self,
        stream: &StreamName,
        name: &CursorName,
        work: impl FnOnce(u64, &mut Stream, &mut Context) -> Result<Option<CursorReply>, Error>,
    ) -> Answer {
        self.at_stream(stream, |partition, stream, context| {
            let number = stream.cursors.find(partition, name).ok_or(Error::CursorNotFound)?;
            work(number, stream, context)
        })
    }

    /// Does something at a stream's shown partition; the answer depends on all that was written about the stream.
    fn at_stream(
        &self,
        name: &StreamName,
        work: impl FnOnce(PartitionIndex, &mut Stream, &mut Context) -> Result<Option<CursorReply>, Error>,
    ) -> Answer {
        let failed = |lsn, error| Answer::Ready { lsn, outcome: Outcome::Failed(error) };
        let missing = || Error::StreamNotFound(name.clone());
        let Some(place @ Place { shard, view, .. }) = self.find(name) else {
            return failed(Lsn(0), missing());
        };
        self.enter(shard, |shard| {
            let lsn = shard.context.lsn;
            let Some((stream, context)) = shard.stream(place) else { return failed(lsn, missing()) };
            match work(view.unwrap_or(0), stream, context) {
                Ok(Some(reply)) => Answer::Ready { lsn: stream.lsn, outcome: Outcome::Cursor(reply) },
                Ok(None) => Answer::Waiting,
                Err(error) => failed(stream.lsn, error),
            }
        })
    }
}

/// A cursor as it is; what it tells is written first, so that the answer leaves when it is durable.
fn reply_info(
    stream: &mut Stream,
    context: &mut Context,
    number: u64,
    name: &StreamName,
) -> Result<Option<CursorReply>, Error> {
    stream.write(context, Vec::new())?;
    let info = stream.cursor_info(number).ok_or(Error::CursorNotFound)?;
    Ok(Some(CursorReply::Info(Box::new(named(info, name)))))
}

/// A view's cursors bear the name under which the view was asked for.
fn named(mut info: CursorInfo, name: &StreamName) -> CursorInfo {
    info.stream = name.clone();
    info
}
