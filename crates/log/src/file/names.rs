//! Names of lane files.

use crate::LaneId;

/// What a name in the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Log { index: u64 },
    Spare { number: u64 },
}

pub(super) fn log(lane: LaneId, index: u64) -> String {
    format!("lane-{:04x}-{index:020}.log", lane.0)
}

pub(super) fn spare(lane: LaneId, number: u64) -> String {
    format!("lane-{:04x}-spare-{number:020}.log", lane.0)
}

pub(super) fn lock(lane: LaneId) -> String {
    format!("lane-{:04x}.lock", lane.0)
}

/// `None` for files of others.
pub(super) fn parse(lane: LaneId, name: &str) -> Option<Name> {
    let rest = name.strip_prefix(&format!("lane-{:04x}-", lane.0))?.strip_suffix(".log")?;
    let (digits, spare) = match rest.strip_prefix("spare-") {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    Some(if spare { Name::Spare { number } } else { Name::Log { index: number } })
}

#[cfg(test)]
mod tests {
    use super::{Name, log, parse, spare};
    use crate::LaneId;

    #[test]
    fn names_read_back() {
        let lane = LaneId(0xab);
        assert_eq!(log(lane, 7), "lane-00ab-00000000000000000007.log");
        assert_eq!(parse(lane, &log(lane, u64::MAX)), Some(Name::Log { index: u64::MAX }));
        assert_eq!(parse(lane, &spare(lane, 9)), Some(Name::Spare { number: 9 }));
        for foreign in ["lane-00ac-00000000000000000007.log", "lane-00ab-7.log", "lane-00ab.lock", "x"] {
            assert_eq!(parse(lane, foreign), None, "{foreign}");
        }
    }
}
