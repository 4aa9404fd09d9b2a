//! Cursors are made, changed and removed.

use super::machine::Cursor;
use crate::store::context::Context;
use crate::store::frames::{CursorDeleted, CursorPut};
use crate::store::stream::{Partition, Stream};
use stele_model::{
    AckPolicy, CursorInfo, CursorSpec, DeliveryEnd, Error, Filter, Now, Offset, PartitionIndex, PutMode,
    Retention, StartAt,
};

impl Stream {
    /// Makes a cursor or changes it; its number.
    ///
    /// # Errors
    /// `CursorExists`, `CursorNotFound`, `CursorsExceeded`, `CursorNotUnique`, `InvalidSpec`; the journal's.
    pub(crate) fn put_cursor(
        &mut self,
        context: &mut Context,
        now: Now,
        partition: PartitionIndex,
        spec: &CursorSpec,
        mode: PutMode,
    ) -> Result<u64, Error> {
        self.partition(partition)?;
        let known = self.cursors.find(partition, &spec.name).and_then(|number| self.cursors.get(number));
        let put = match known {
            Some(cursor) if *cursor.spec == *spec => return Ok(cursor.number),
            Some(_) if mode == PutMode::Create => return Err(Error::CursorExists),
            Some(cursor) => {
                check_update(&cursor.spec, spec)?;
                self.check_cursor(partition, spec)?;
                let (cursor_number, created_ns, next) = (cursor.number, cursor.created_ns, cursor.next);
                self.put_frame_for(partition, cursor_number, created_ns, next, spec)
            }
            None if mode == PutMode::Update => return Err(Error::CursorNotFound),
            None => {
                let max = self.spec.limits.cursors_max;
                if max.is_some_and(|max| self.cursors.count(partition) >= max) {
                    return Err(Error::CursorsExceeded);
                }
                self.check_cursor(partition, spec)?;
                let next = begin(&self.partitions[partition as usize], spec);
                let created_ns = context.time(now);
                self.put_frame_for(partition, self.cursors.next_number(), created_ns, next, spec)
            }
        };
        if !spec.memory {
            let frame = context.delta(&put);
            self.write(context, vec![frame])?;
        }
        self.apply_cursor_put(&put);
        if let Some(cursor) = self.cursors.get_mut(put.cursor) {
            cursor.used_ns = now.monotonic_ns;
        }
        self.tell_push(context, put.cursor, true);
        self.deliver(context, now, put.cursor);
        Ok(put.cursor)
    }

    /// A frame makes or changes a cursor.
    pub(crate) fn apply_cursor_put(&mut self, put: &CursorPut) {
        if let Some(cursor) = self.cursors.get_mut(put.cursor) {
            return cursor.update(&put.spec);
        }
        let volatile = self.is_volatile();
        if let Some(partition) = self.partitions.get(put.partition as usize) {
            self.cursors.insert(Cursor::new(put, partition, volatile));
        }
    }

    /// Removes a cursor; its pulls end.
    ///
    /// # Errors
    /// The journal's.
    pub(crate) fn delete_cursor(
        &mut self,
        context: &mut Context,
        now: Now,
        number: u64,
    ) -> Result<(), Error> {
        let Some(cursor) = self.cursors.get(number) else { return Ok(()) };
        let at = cursor.partition as usize;
        if !cursor.spec.memory {
            let frame = context.delta(&CursorDeleted { stream: self.number, cursor: number });
            self.write(context, vec![frame])?;
        }
        self.tell_push(context, number, false);
        if let Some(cursor) = self.cursors.forget(number) {
            end(context, now, self.number, cursor);
        }
        self.release_all(context, at);
        Ok(())
    }

    /// Stops deliveries until a wall time (ns).
    ///
    /// # Errors
    /// `CursorNotFound`; the journal's.
    pub(crate) fn pause_cursor(
        &mut self,
        context: &mut Context,
        now: Now,
        number: u64,
        until_ns: u64,
    ) -> Result<(), Error> {
        let cursor = self.cursors.get(number).ok_or(Error::CursorNotFound)?;
        let mut spec = (*cursor.spec).clone();
        spec.paused_until_ns = until_ns;
        let put = self.put_frame_for(cursor.partition, number, cursor.created_ns, cursor.next, &spec);
        if !spec.memory {
            let frame = context.delta(&put);
            self.write(context, vec![frame])?;
        }
        self.apply_cursor_put(&put);
        self.tell_push(context, number, true);
        self.deliver(context, now, number);
        Ok(())
    }

    /// A cursor as it is.
    pub(crate) fn cursor_info(&mut self, number: u64) -> Option<CursorInfo> {
        let name = self.spec.name.clone();
        let cursor = self.cursors.get_mut(number)?;
        let partition = &self.partitions[cursor.partition as usize];
        Some(cursor.info(&name, partition))
    }

    /// The stream goes: all pulls end.
    pub(crate) fn close(&mut self, context: &mut Context) {
        let numbers: Vec<u64> = self.cursors.all_mut().map(|cursor| cursor.number).collect();
        for number in numbers {
            self.tell_push(context, number, false);
            if let Some(cursor) = self.cursors.forget(number) {
                end(context, Now::default(), self.number, cursor);
            }
        }
        if let Some(timer) = self.timer.take() {
            context.timers.remove(&(timer, self.number, 0));
        }
        context.lazy.remove(&self.number);
        context.unsettled.remove(&self.number);
    }

    fn tell_push(&mut self, context: &mut Context, number: u64, alive: bool) {
        if let Some(info) = self.cursor_info(number).filter(|info| info.spec.push.is_some()) {
            context.pushes.push((info, alive));
        }
    }

    fn put_frame_for(
        &self,
        partition: PartitionIndex,
        cursor: u64,
        created_ns: u64,
        next: Offset,
        spec: &CursorSpec,
    ) -> CursorPut {
        CursorPut { stream: self.number, partition, cursor, created_ns, next, spec: spec.clone() }
    }

    /// What a work queue asks of its cursors.
    fn check_cursor(&self, partition: PartitionIndex, spec: &CursorSpec) -> Result<(), Error> {
        if self.spec.retention != Retention::WorkQueue {
            return Ok(());
        }
        if spec.ack_policy != AckPolicy::Explicit {
            return Err(Error::InvalidSpec("workqueue stream requires explicit ack".to_owned()));
        }
        if spec.start != StartAt::All {
            return Err(Error::InvalidSpec("consumer must be deliver all on workqueue stream".to_owned()));
        }
        let all = Filter::new(b">").expect("it is a filter");
        let filters = |spec: &CursorSpec| match spec.filters.is_empty() {
            true => vec![all.clone()],
            false => spec.filters.clone(),
        };
        let own = filters(spec);
        for other in self.cursors.of(partition).filter(|other| other.spec.name != spec.name) {
            if filters(&other.spec).iter().any(|theirs| own.iter().any(|own| own.overlaps(theirs))) {
                return Err(Error::CursorNotUnique);
            }
        }
        Ok(())
    }
}

/// Ends the pulls of a cursor that is gone.
fn end(context: &mut Context, now: Now, stream: u64, cursor: Cursor) {
    let last = (cursor.delivered.0, cursor.delivered.1);
    if let Some(timer) = cursor.timer {
        context.timers.remove(&(timer, stream, cursor.number));
    }
    for mut pull in cursor.pulls {
        pull.send(context, now, last, Some(DeliveryEnd::CursorDeleted));
    }
}

/// Where a new cursor begins.
fn begin(partition: &Partition, spec: &CursorSpec) -> Offset {
    let (start, end) = (partition.table.start(), partition.table.end());
    match &spec.start {
        StartAt::All => start,
        StartAt::New | StartAt::LastPerSubject => end,
        StartAt::Offset(offset) => (*offset).clamp(start, end),
        StartAt::Time(time_ns) => partition.batches.since(*time_ns).unwrap_or(end).max(start),
        StartAt::Last => {
            let all = [Filter::new(b">").expect("it is a filter")];
            let filters = if spec.filters.is_empty() { &all[..] } else { &spec.filters[..] };
            filters.iter().filter_map(|filter| partition.last(filter)).max().unwrap_or(end)
        }
    }
}

/// What may not change, with nats-server's words.
fn check_update(before: &CursorSpec, after: &CursorSpec) -> Result<(), Error> {
    let fixed = [
        (before.start == after.start, "deliver policy can not be updated"),
        (before.ack_policy == after.ack_policy, "ack policy can not be updated"),
        (before.replay_original == after.replay_original, "replay policy can not be updated"),
        (before.durable == after.durable, "durable can not be updated"),
        (before.memory == after.memory, "memory storage can not be updated"),
        (before.push.is_some() == after.push.is_some(), "can not update push consumer to pull based or back"),
    ];
    match fixed.iter().find(|(same, _)| !same) {
        Some((_, text)) => Err(Error::InvalidSpec((*text).to_owned())),
        None => Ok(()),
    }
}
