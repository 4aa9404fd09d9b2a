//! What a specification may not ask for, whoever asks. What a wire forbids beyond this is the wire's to check.

use crate::store::Settings;
use stele_model::{Discard, Error, Filter, Limits, Retention, StreamSpec, Wire};

/// Checks a specification for a new stream, or a change of `before`.
///
/// # Errors
/// `InvalidSpec` with what is wrong.
pub(crate) fn check(
    spec: &StreamSpec,
    before: Option<&StreamSpec>,
    settings: &Settings,
) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::InvalidSpec(text.to_owned()));
    if spec.name.as_str().is_empty() || spec.name.as_str().len() > 255 {
        return refuse("stream name must have 1 to 255 bytes");
    }
    if spec.partitions == 0 || spec.partitions > settings.partitions_max {
        return refuse("the number of partitions is out of range");
    }
    if spec.made_by == Wire::Nats && has_overlap(&spec.subjects) {
        return refuse("duplicate subjects detected");
    }
    if spec.limits.discard_new_per_subject
        && (spec.limits.discard != Discard::New || spec.limits.records_per_subject_max.is_none())
    {
        return refuse("discard new per subject requires discard new policy and max msgs per subject");
    }
    if is_zero(&spec.limits) {
        return refuse("a limit may not be 0");
    }
    let Some(before) = before else { return Ok(()) };
    if before.sealed && !spec.sealed {
        return refuse("a sealed stream can not be unsealed");
    }
    if spec.storage != before.storage {
        return refuse("stream configuration update can not change storage type");
    }
    if spec.partitions < before.partitions {
        return refuse("partitions cannot be taken away");
    }
    if spec.retention != before.retention
        && (spec.retention == Retention::WorkQueue || before.retention == Retention::WorkQueue)
    {
        return refuse("stream configuration update can not change retention policy to/from workqueue");
    }
    Ok(())
}

fn has_overlap(subjects: &[Filter]) -> bool {
    let later = |at: usize| &subjects[at + 1..];
    subjects.iter().enumerate().any(|(at, left)| later(at).iter().any(|right| left.overlaps(right)))
}

fn is_zero(limits: &Limits) -> bool {
    [limits.records_max, limits.records_per_subject_max, limits.age_max_ns].contains(&Some(0))
}
