//! Opening on a bucket: walk the epochs by their fences, fence the last, replay, and start the elected one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;

use bytes::Bytes;

use super::object::{OBJECT_HEADER_BYTES, OBJECT_VERSION_MAX, ObjectHeader};
use super::{MemoryLane, PutAnswer, Stored, TRIMMED, Writer, is_put};
use crate::format::commit::FLAG_EPOCH_START;
use crate::group::{Marks, PendingGroup};
use crate::lane::{Damage, OpenLane, Recovery, Replay};
use crate::recovery::Scanner;
use crate::scan::Medium;
use crate::{Epoch, Lsn, OpenError};

/// Tries of one create-only put before the bucket counts as out of reach.
const TRIES_MAX: usize = 64;

impl MemoryLane {
    pub(super) fn recover(
        &self,
        request: OpenLane,
        replay: &mut dyn Replay,
    ) -> Result<(Writer, Recovery), OpenError> {
        let mut scanner = Scanner::new(request.from, replay);
        let mut objects = BTreeMap::new();
        let mut epoch = 0;
        // Each fence names one successor, so the walk is a chain whatever others try meanwhile.
        let elected = loop {
            let (successor, is_new) = self.walk(epoch, request, &mut scanner, &mut objects)?;
            scanner.epoch_seen = scanner.epoch_seen.max(epoch);
            epoch = successor;
            if is_new {
                break successor;
            }
        };
        if request.from.0 > scanner.end {
            scanner.report(Damage::Range { from: Lsn(scanner.end), to: request.from });
            scanner.end = request.from.0;
            scanner.clean = false;
        }
        let put_end = self.begin(elected, &scanner, &mut objects)?;
        *self.objects.write().unwrap_or_else(PoisonError::into_inner) = objects;
        let writer = Writer { epoch: elected, next_index: 1, put_end, in_flight: VecDeque::new() };
        let recovery = Recovery {
            epoch: Epoch(elected),
            log_start: Lsn(scanner.log_start),
            end: Lsn(scanner.end),
            frames: scanner.frames,
            cut: None,
            clean: scanner.clean,
            damage: scanner.damage,
        };
        Ok((writer, recovery))
    }

    /// Reads one epoch up to its fence, creating the fence where there is none. Returns the epoch that follows
    /// and whether our fence elected it.
    fn walk(
        &self,
        epoch: u64,
        request: OpenLane,
        scanner: &mut Scanner<'_>,
        objects: &mut BTreeMap<u64, Stored>,
    ) -> Result<(u64, bool), OpenError> {
        let mut index = 0;
        loop {
            let key = self.key(epoch, index);
            let object = match self.bucket.get(&key) {
                Some(object) => object,
                None => {
                    let successor = request.epoch_min.0.max(epoch + 1);
                    let header = ObjectHeader {
                        put_id: self.put_id(),
                        epoch,
                        index,
                        first_lsn: scanner.end,
                        end_lsn: scanner.end,
                        successor,
                    };
                    if self.create(&key, header.put_id, &header.encode(&[]))? {
                        return Ok((successor, true));
                    }
                    continue;
                }
            };
            match ObjectHeader::decode(&object) {
                Ok(header) if header.successor != 0 => return Ok((header.successor, false)),
                Ok(header) if header.put_id == TRIMMED => {
                    scanner.end = header.end_lsn;
                    scanner.epoch = header.epoch;
                }
                Ok(header) => self.read_object(&key, &header, &object, scanner, objects)?,
                Err(0) => {
                    let length = (object.len().saturating_sub(OBJECT_HEADER_BYTES)) as u64;
                    let to = Lsn(scanner.end + length);
                    scanner.report(Damage::Range { from: Lsn(scanner.end), to });
                    scanner.end = to.0;
                }
                Err(version) => {
                    return Err(OpenError::NewerVersion {
                        name: key,
                        version,
                        supported: OBJECT_VERSION_MAX,
                    });
                }
            }
            index += 1;
        }
    }

    fn read_object(
        &self,
        key: &str,
        header: &ObjectHeader,
        object: &Bytes,
        scanner: &mut Scanner<'_>,
        objects: &mut BTreeMap<u64, Stored>,
    ) -> Result<(), OpenError> {
        let stored = Stored { key: key.to_owned(), put_id: header.put_id, end: header.end_lsn };
        objects.insert(header.first_lsn, stored);
        if header.first_lsn > scanner.end {
            scanner.report(Damage::Range { from: Lsn(scanner.end), to: Lsn(header.first_lsn) });
        }
        let medium = Medium {
            bytes: object,
            lane: self.id.0,
            incarnation: header.put_id,
            first: OBJECT_HEADER_BYTES,
            first_lsn: header.first_lsn,
        };
        // An object is there as a whole, so whatever cannot be read in it is damage: its end is known.
        scanner.scan(&medium, key, Some(header.end_lsn))
    }

    /// Creates the first object of the elected epoch.
    fn begin(
        &self,
        epoch: u64,
        scanner: &Scanner<'_>,
        objects: &mut BTreeMap<u64, Stored>,
    ) -> Result<u64, OpenError> {
        let put_id = self.put_id();
        let mut group = PendingGroup::empty(scanner.end, self.id.0, epoch);
        let marks =
            Marks { known_synced: scanner.end, log_start: scanner.log_start, flags: FLAG_EPOCH_START };
        group.finish(put_id, marks);
        let header = ObjectHeader {
            put_id,
            epoch,
            index: 0,
            first_lsn: group.start(),
            end_lsn: group.end(),
            successor: 0,
        };
        let key = self.key(epoch, 0);
        if !self.create(&key, put_id, &header.encode(&group.slices()))? {
            return Err(OpenError::Fenced);
        }
        objects.insert(group.start(), Stored { key, put_id, end: group.end() });
        Ok(group.end())
    }

    /// True when our object stands under the key, false when another one does.
    fn create(&self, key: &str, put_id: u64, object: &Bytes) -> Result<bool, OpenError> {
        for _ in 0..TRIES_MAX {
            match self.bucket.put_now(key, object.clone()) {
                PutAnswer::Created => return Ok(true),
                PutAnswer::Exists | PutAnswer::TimedOut => {
                    if let Some(found) = self.bucket.get(key) {
                        return Ok(is_put(&found, put_id));
                    }
                }
            }
        }
        Err(OpenError::OutOfReach)
    }
}
