//! A start, as the binary makes it: images of the machines first, then the log behind them.

use crate::Mutation;
use std::sync::Arc;
use stele_core::store::{Checkpoints, Opening, Settings, Store};
use stele_core::{Journal, LaneJournal, Lsn, Replayed, Router};
use stele_io::Disk;
use stele_log::{FileLane, Lane, OpenLane, SnapshotError, SnapshotStore};
use stele_model::Now;

/// How the files of snapshots begin.
const SNAPSHOTS_PREFIX: &str = "snap-0000";

/// Why a start failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The disk did not do what it was asked.
    #[error("{0}")]
    Disk(String),
    /// The disk did, and what it holds is taken for damaged.
    #[error("damage where nothing was damaged: {0}")]
    Damaged(String),
}

/// What a start came to.
pub(crate) struct Opened {
    pub(crate) store: Arc<Store>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) checkpoints: Checkpoints,
    /// The log does not begin with its first frame any more.
    pub(crate) is_shortened: bool,
    /// For a person who replays the seed.
    pub(crate) found: String,
}

/// Opens the lane and the store on it. Nothing that a simulated disk holds is damaged, only cut off somewhere.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    lane: &Arc<FileLane>,
    mutation: Mutation,
    router: Arc<Router>,
    settings: Settings,
    now: Now,
) -> Result<Opened, Refused> {
    let (snapshots, damage) = SnapshotStore::open(disk, SNAPSHOTS_PREFIX)?;
    if let Some(damage) = damage.first() {
        return Err(Refused::Damaged(format!("snapshots: {damage:?}")));
    }
    let mut checkpoints = Checkpoints::new(snapshots, lane.clone());
    let journal = mutation.journal(LaneJournal::new(lane.clone()));
    let mut opening = Opening::new(journal.clone(), router, settings);
    let from = checkpoints.restore(&mut opening)?;
    let mut replayed = Replayed::default();
    let request = OpenLane { from: stele_log::Lsn(from.0), ..OpenLane::default() };
    let recovery = lane.open(request, &mut replayed)?;
    if let Some(damage) = replayed.damage.first() {
        return Err(Refused::Damaged(format!("log: {damage:?}")));
    }
    mutation.replay(&mut replayed.frames);
    for (stored, frame) in &replayed.frames {
        opening.frame(*stored, frame);
    }
    opening.log_starts_at(Lsn(recovery.log_start.0));
    let store = opening.finish(now, i32::try_from(recovery.epoch.0).unwrap_or(i32::MAX));
    if let Some(fault) = store.damaged().first() {
        return Err(Refused::Damaged(format!("{}: {}", fault.what, fault.reason)));
    }
    Ok(Opened {
        store: Arc::new(store),
        journal,
        checkpoints,
        is_shortened: recovery.log_start.0 > 0,
        found: format!(
            "{} frames from {} to {}, cut {:?}",
            recovery.frames, from.0, recovery.end, recovery.cut
        ),
    })
}

impl From<SnapshotError> for Refused {
    fn from(error: SnapshotError) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<stele_log::OpenError> for Refused {
    fn from(error: stele_log::OpenError) -> Self {
        Self::Disk(error.to_string())
    }
}
