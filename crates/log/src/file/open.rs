//! Opening: take the lock, read what is there, make the accepted tail durable, begin an epoch.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::{Arc, PoisonError};

use stele_io::{DiskError, DiskFile};

use super::spares::Spare;
use super::writer::{Active, Writer};
use super::{FileLane, LaneFile, names};
use crate::format::commit::FLAG_EPOCH_START;
use crate::format::file_header::{FILE_HEADER_BYTES, FILE_VERSION, FileHeader, FileHeaderFault};
use crate::format::frame::FrameHeader;
use crate::group::{Marks, PendingGroup};
use crate::lane::{Damage, OpenLane, Recovery, Replay};
use crate::recovery::Scanner;
use crate::scan::Medium;
use crate::{Epoch, Lsn, OpenError};

/// Files by first LSN.
type Files = BTreeMap<u64, Arc<LaneFile>>;

/// A file with the lane's name for it, and what its first page says.
struct Candidate {
    index: u64,
    file: Arc<dyn DiskFile>,
    length: u64,
    header: Result<FileHeader, Unreadable>,
}

/// The first page is damaged.
struct Unreadable {
    /// The first frame's header, which says most of what the page said.
    first_frame: Option<FrameHeader>,
}

/// The last file as the scan left it.
struct Tail {
    file: Arc<LaneFile>,
    bytes: Vec<u8>,
    /// Its first page is damaged: nothing more goes into it.
    sealed: bool,
}

impl FileLane {
    pub(super) fn recover(
        &self,
        request: OpenLane,
        replay: &mut dyn Replay,
    ) -> Result<(Writer, Recovery), OpenError> {
        self.take_lock()?;
        // A rename or creation whose directory sync failed must be durable before anything relies on it.
        self.disk.sync_dir()?;
        let candidates = self.list()?;
        let last_index = candidates.last().map_or(0, |candidate| candidate.index);
        let mut scanner = Scanner::new(request.from, replay);
        let (files, tail) = self.scan_all(candidates, &mut scanner)?;
        let oldest = files.first_key_value().map_or(0, |(first, _)| *first);
        let needed = scanner.log_start.max(scanner.from);
        if !files.is_empty() && needed < oldest {
            scanner.report(Damage::Range { from: Lsn(needed), to: Lsn(oldest) });
        }
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = files;
        let writer = self.begin(request, &mut scanner, tail, last_index)?;
        let recovery = Recovery {
            epoch: Epoch(writer.epoch),
            log_start: Lsn(scanner.log_start),
            end: Lsn(scanner.end),
            frames: scanner.frames,
            cut: scanner.cut.map(Lsn),
            clean: scanner.clean,
            damage: scanner.damage,
        };
        Ok((writer, recovery))
    }

    fn take_lock(&self) -> Result<(), DiskError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            *lock = Some(self.disk.lock(&names::lock(self.id))?);
        }
        Ok(())
    }

    /// Opens the lane's files, oldest first, and sets the spares aside.
    fn list(&self) -> Result<Vec<Candidate>, OpenError> {
        let mut candidates = Vec::new();
        let mut spares = self.spares();
        spares.clear();
        for name in self.disk.list()? {
            match names::parse(self.id, &name) {
                None => {}
                Some(names::Name::Log { index }) => candidates.push(self.candidate(&name, index)?),
                Some(names::Name::Spare { number }) => {
                    spares.next_number = spares.next_number.max(number);
                    let file = self.disk.open(&name)?;
                    let bytes = file.length()?;
                    if bytes >= self.settings.file_bytes_min && spares.has_room() {
                        let handles = self.handles(&name, &file)?;
                        spares.put(Spare { name, file, handles, bytes });
                    } else {
                        self.disk.remove(&name)?;
                    }
                }
            }
        }
        candidates.sort_by_key(|candidate| candidate.index);
        Ok(candidates)
    }

    fn candidate(&self, name: &str, index: u64) -> Result<Candidate, OpenError> {
        let file = self.disk.open(name)?;
        let length = file.length()?;
        let mut page = vec![0; FILE_HEADER_BYTES + crate::format::frame::HEADER_BYTES];
        let count = file.read_at(0, &mut page)?;
        let page = &page[..count];
        let header = match FileHeader::decode(page) {
            Ok(header) if header.lane == self.id.0 && header.index == index => Ok(header),
            Err(FileHeaderFault::Newer(version)) => {
                let name = name.to_owned();
                return Err(OpenError::NewerVersion { name, version, supported: FILE_VERSION });
            }
            _ => {
                let frame = page.get(FILE_HEADER_BYTES..).map(FrameHeader::decode);
                Err(Unreadable { first_frame: frame.and_then(Result::ok).filter(|f| f.lane == self.id.0) })
            }
        };
        Ok(Candidate { index, file, length, header })
    }

    fn scan_all(
        &self,
        candidates: Vec<Candidate>,
        scanner: &mut Scanner<'_>,
    ) -> Result<(Files, Option<Tail>), OpenError> {
        let firsts: Vec<Option<u64>> = candidates.iter().map(Candidate::first_lsn).collect();
        // The newest file that begins at or before the first wanted frame; a page that cannot be read hides
        // where its file begins, so everything from the oldest on is read then.
        let start = if firsts.contains(&None) {
            0
        } else {
            firsts.iter().rposition(|first| first.is_some_and(|first| first <= scanner.from)).unwrap_or(0)
        };
        let mut files = BTreeMap::new();
        let mut tail = None;
        let count = candidates.len();
        for (place, candidate) in candidates.into_iter().enumerate() {
            let next_first = firsts.get(place + 1).copied().flatten();
            let sealed = candidate.header.is_err();
            let header = match self.trusted(&candidate, place > start, scanner) {
                Some(header) => header,
                None => {
                    scanner.skip_file(candidate.length, next_first);
                    continue;
                }
            };
            let file = Arc::new(candidate.into_file(&header, names::log(self.id, header.index)));
            files.insert(header.first_lsn, Arc::clone(&file));
            if place < start {
                continue;
            }
            if place == start {
                scanner.epoch = header.epoch;
                scanner.end = header.first_lsn;
            }
            scanner.enter(&header);
            let bytes = read_whole(&file)?;
            scanner.scan(&file.medium(&bytes, self.id.0), &file.name, next_first)?;
            if place + 1 == count {
                tail = Some(Tail { file, bytes, sealed });
            }
        }
        Ok((files, tail))
    }

    /// What the file's first page says, or said: `None` when neither it nor the first frame tells.
    fn trusted(&self, candidate: &Candidate, follows: bool, scanner: &mut Scanner<'_>) -> Option<FileHeader> {
        let unreadable = match &candidate.header {
            Ok(header) => return Some(*header),
            Err(unreadable) => unreadable,
        };
        scanner.report(Damage::FileHeader { index: candidate.index });
        // In a recycled file this may be an old frame: only one that continues the lane is believed.
        let first = unreadable.first_frame.filter(|first| !follows || first.lsn == scanner.end)?;
        Some(FileHeader {
            lane: self.id.0,
            index: candidate.index,
            incarnation: first.incarnation,
            first_lsn: first.lsn,
            epoch: first.epoch,
            log_start: 0,
        })
    }

    /// Writes the accepted tail once more and the record that starts the new epoch, and syncs both.
    ///
    /// Once more, because after a failed sync the pages that the scan read may never have reached the disk;
    /// their next write makes the kernel store them. The record makes older epochs' leftovers behind it void.
    fn begin(
        &self,
        request: OpenLane,
        scanner: &mut Scanner<'_>,
        tail: Option<Tail>,
        last_index: u64,
    ) -> Result<Writer, OpenError> {
        let epoch = request.epoch_min.0.max(scanner.epoch_seen + 1);
        if request.from.0 > scanner.end {
            // The user knows of frames that are gone. Their positions must not be given out again.
            scanner.report(Damage::Range { from: Lsn(scanner.end), to: request.from });
            scanner.end = request.from.0;
            scanner.clean = false;
        }
        let mut record = PendingGroup::empty(scanner.end, self.id.0, epoch);
        let marks = Marks {
            known_synced: scanner.known_synced.min(scanner.end),
            log_start: scanner.log_start,
            flags: FLAG_EPOCH_START,
        };
        let in_tail = tail.filter(|tail| !tail.sealed && tail.covers(scanner.end));
        let active = match in_tail {
            Some(tail) => {
                let from = scanner.known_synced.clamp(tail.file.first_lsn, scanner.end);
                let accepted = tail.accepted(from, scanner.end);
                record.finish(tail.file.incarnation, marks);
                let mut slices = vec![IoSlice::new(accepted)];
                slices.extend(record.slices());
                tail.file.file.write_at(tail.file.position(from), &slices)?;
                tail.file.file.sync_data()?;
                let capacity = self.target_bytes(tail.file.index).max(tail.file.allocated);
                let handles = self.handles(&tail.file.name, &tail.file.file)?;
                Active { file: tail.file, capacity, handles }
            }
            None => {
                let active = self.begin_file(epoch, scanner, last_index + 1)?;
                record.finish(active.file.incarnation, marks);
                active.file.file.write_at(active.file.position(scanner.end), &record.slices())?;
                active.file.file.sync_data()?;
                active
            }
        };
        Ok(Writer::new(epoch, active, record.end()))
    }

    fn begin_file(&self, epoch: u64, scanner: &Scanner<'_>, index: u64) -> Result<Active, OpenError> {
        if self.spares().largest() == 0 {
            let spare = self.create_spare(self.target_bytes(index))?;
            self.spares().put(spare);
        }
        let header = FileHeader {
            lane: self.id.0,
            index,
            incarnation: self.incarnation(index, epoch),
            first_lsn: scanner.end,
            epoch,
            log_start: scanner.log_start,
        };
        Ok(self.activate(header, 0)?)
    }
}

impl Candidate {
    fn first_lsn(&self) -> Option<u64> {
        self.header.as_ref().ok().map(|header| header.first_lsn)
    }

    fn into_file(self, header: &FileHeader, name: String) -> LaneFile {
        LaneFile {
            name,
            index: header.index,
            incarnation: header.incarnation,
            first_lsn: header.first_lsn,
            file: self.file,
            allocated: self.length,
        }
    }
}

impl LaneFile {
    fn medium<'a>(&self, bytes: &'a [u8], lane: u16) -> Medium<'a> {
        Medium {
            bytes,
            lane,
            incarnation: self.incarnation,
            first: FILE_HEADER_BYTES.min(bytes.len()),
            first_lsn: self.first_lsn,
        }
    }
}

impl Tail {
    fn covers(&self, end: u64) -> bool {
        end >= self.file.first_lsn && self.file.position(end) <= self.bytes.len() as u64
    }

    fn accepted(&self, from: u64, to: u64) -> &[u8] {
        let index = |lsn| usize::try_from(self.file.position(lsn)).expect("inside bytes in memory");
        &self.bytes[index(from)..index(to)]
    }
}

impl Scanner<'_> {
    fn enter(&mut self, header: &FileHeader) {
        self.epoch = self.epoch.max(header.epoch);
        self.epoch_seen = self.epoch_seen.max(header.epoch);
        self.known_synced = self.known_synced.max(header.first_lsn);
        self.log_start = self.log_start.max(header.log_start);
        // What follows a file proves that the file was whole.
        self.cut = None;
        if header.first_lsn > self.end {
            self.report(Damage::Range { from: Lsn(self.end), to: Lsn(header.first_lsn) });
        }
    }

    /// A file of which nothing can be trusted: the range that it may have held is lost. For the last file that
    /// is as much as its length, so that none of its positions is given out again.
    fn skip_file(&mut self, length: u64, next_first: Option<u64>) {
        let to = next_first.unwrap_or(self.end + length);
        if to > self.end {
            self.report(Damage::Range { from: Lsn(self.end), to: Lsn(to) });
            self.end = to;
        }
        self.known_synced = self.known_synced.max(to);
        self.clean = false;
    }
}

fn read_whole(file: &LaneFile) -> Result<Vec<u8>, DiskError> {
    let length = usize::try_from(file.file.length()?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let count = file.file.read_at(0, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}
