//! Finding out what snapshots there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use stele_io::{Disk, DiskFile};

use super::entry::{ENTRY_HEAD_BYTES, Entry, FILE_HEAD_BYTES, FILE_VERSION, file_version};
use super::{Kept, MACHINE_BYTES_MAX, SnapshotDamage, SnapshotError, SnapshotStore, StoredFile};

impl SnapshotStore {
    /// Reads the heads of all snapshots whose file names start with `prefix` (lower case letters, digits,
    /// `-`). States are read when asked for. Files that were not finished are removed.
    ///
    /// # Errors
    /// See [`SnapshotError`]. Damage is returned beside the store: the rest of a damaged file is unknown and
    /// the file stays; the machines in it fall back to their older states.
    pub fn open(disk: Arc<dyn Disk>, prefix: &str) -> Result<(Self, Vec<SnapshotDamage>), SnapshotError> {
        let mut store = Self {
            disk,
            prefix: prefix.to_owned(),
            files: BTreeMap::new(),
            machines: BTreeMap::new(),
            next_file: 1,
        };
        let mut damage = Vec::new();
        // What was renamed without a directory sync must not be lost after others were removed for it.
        store.disk.sync_dir()?;
        for name in store.disk.list()? {
            let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) else {
                continue;
            };
            if let Some(unfinished) = rest.strip_suffix(".snap.new")
                && let Some(number) = number(unfinished)
            {
                store.next_file = store.next_file.max(number + 1);
                store.disk.remove(&name)?;
            } else if let Some(number) = rest.strip_suffix(".snap").and_then(number) {
                store.next_file = store.next_file.max(number.saturating_add(1));
                store.load(&name, number, &mut damage)?;
            }
        }
        store.remove_unneeded()?;
        Ok((store, damage))
    }

    fn load(
        &mut self,
        name: &str,
        number: u64,
        damage: &mut Vec<SnapshotDamage>,
    ) -> Result<(), SnapshotError> {
        let file = self.disk.open(name)?;
        let length = file.length()?;
        let head = read(&*file, 0, FILE_HEAD_BYTES)?;
        let mut position = FILE_HEAD_BYTES as u64;
        let mut entries = Vec::new();
        let sound = match file_version(&head) {
            Some(FILE_VERSION) => loop {
                if position == length {
                    break true;
                }
                let head = read(&*file, position, ENTRY_HEAD_BYTES + MACHINE_BYTES_MAX)?;
                let Some(entry) = Entry::decode(&head) else { break false };
                let state = position + entry.head_bytes() as u64;
                let end = state + u64::from(entry.state_bytes);
                if end > length {
                    break false;
                }
                entries.push(Kept { file: number, position: state, entry });
                position = end;
            },
            Some(version) => return Err(SnapshotError::NewerVersion { name: name.to_owned(), version }),
            None => {
                position = 0;
                false
            }
        };
        if !sound {
            damage.push(SnapshotDamage { name: name.to_owned(), position });
        }
        self.files.insert(number, StoredFile { name: name.to_owned(), file, kept: 0, damaged: !sound });
        for kept in entries {
            self.keep(kept);
        }
        Ok(())
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

fn read(file: &dyn DiskFile, position: u64, bytes: usize) -> Result<Vec<u8>, SnapshotError> {
    let mut buffer = vec![0; bytes];
    let count = file.read_at(position, &mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}
