//! The list of a checkpoint: where it began, and which machines there are. What is not on it is gone.

use crate::journal::Lsn;
use crate::store::image::{Reader, Writer};
use crate::store::machine::{ID_BYTES, Machine};

/// What snapshots know the list by.
pub(super) const ID: &[u8] = b"\0checkpoint";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Every image covers what lies below.
    pub(super) start: Lsn,
    /// Where the checkpoint before began; the log reaches back to here.
    pub(super) before: Lsn,
    pub(super) machines: Vec<Listed>,
}

/// A machine that there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) machine: Machine,
    /// What its newest image covers, so that a missing one is noticed.
    pub(super) lsn: Lsn,
    /// It has no older image: its first frame lies at or behind `before`.
    pub(super) is_new: bool,
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.start.0);
        out.u64(self.before.0);
        out.count(self.machines.len());
        for listed in &self.machines {
            out.raw(&listed.machine.id());
            out.u64(listed.lsn.0);
            out.flag(listed.is_new);
        }
        out.finish()
    }

    /// `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut image = Reader::new(bytes).ok()?;
        let (start, before) = (Lsn(image.u64().ok()?), Lsn(image.u64().ok()?));
        let mut machines = Vec::new();
        for _ in 0..image.count(ID_BYTES + 2).ok()? {
            let machine = Machine::of_id(image.raw(ID_BYTES).ok()?)?;
            machines.push(Listed { machine, lsn: Lsn(image.u64().ok()?), is_new: image.flag().ok()? });
        }
        image.finish().ok()?;
        Some(Self { start, before, machines })
    }
}

#[test]
fn golden() {
    let groups = Listed { machine: Machine { shard: 1, log: 1 }, lsn: Lsn(7), is_new: false };
    let stream = Listed { machine: Machine::stream(1, 3), lsn: Lsn(9), is_new: true };
    let manifest = Manifest { start: Lsn(300), before: Lsn(5), machines: vec![groups, stream] };
    let bytes = manifest.encode();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "01ac0205020100010000000000000001070001000100000000030000000901");
    assert_eq!(Manifest::decode(&bytes), Some(manifest));
    assert!((0..bytes.len()).all(|end| Manifest::decode(&bytes[..end]).is_none()));
}
