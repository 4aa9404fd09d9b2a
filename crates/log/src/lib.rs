//! The durable log: lanes with group commit, recovery, snapshots.
