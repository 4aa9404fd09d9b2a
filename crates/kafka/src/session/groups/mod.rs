//! The group coordinator's wire side: each request becomes one command of the core, each answer one response.

mod describe;
mod join;
mod offsets;
mod sync;

pub(super) use describe::{delete, describe, list};
pub(super) use join::join;
pub(super) use offsets::{commit, fetch};
pub(super) use sync::{heartbeat, leave, sync};

use super::errors;
use crate::codec::ErrorCode;
use stele_model::{GroupReply, Outcome};

/// What the core says about groups, or the code of its refusal.
fn reply(outcome: Outcome) -> Result<GroupReply, ErrorCode> {
    match outcome {
        Outcome::Group(reply) => Ok(reply),
        Outcome::Failed(error) => Err(errors::group_code(&error)),
        _ => Err(ErrorCode::UnknownServerError),
    }
}

/// The code of a result.
fn code_of(result: &Result<(), stele_model::Error>) -> ErrorCode {
    result.as_ref().err().map_or(ErrorCode::None, errors::group_code)
}
