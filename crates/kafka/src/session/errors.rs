//! The one table from the core's failures to Kafka's error codes.
//!
//! A code is chosen by what clients do with it: what may work later gets a code that all of them retry.

use crate::codec::ErrorCode;
use stele_model::Error;

/// The code for a failure about topics, records or the cluster.
pub(super) fn code(error: &Error) -> ErrorCode {
    match error {
        Error::StreamNotFound(_) | Error::PartitionNotFound(..) => ErrorCode::UnknownTopicOrPartition,
        Error::StreamExists(_) => ErrorCode::TopicAlreadyExists,
        Error::NameCollision(_) => ErrorCode::InvalidTopicException,
        Error::InvalidSpec(_) | Error::SubjectsOverlap(_) => ErrorCode::InvalidConfig,
        Error::NotAllowed(_)
        | Error::RecordsExceeded
        | Error::BytesExceeded
        | Error::SubjectRecordsExceeded => ErrorCode::PolicyViolation,
        Error::OffsetOutOfRange | Error::RecordNotFound | Error::Truncated { .. } => {
            ErrorCode::OffsetOutOfRange
        }
        Error::MessageTooLarge => ErrorCode::MessageTooLarge,
        Error::WrongExpectedStream
        | Error::WrongLastSequence(_)
        | Error::WrongLastMessageId(_)
        | Error::FeatureNotAllowed(_)
        | Error::InvalidHeader(_)
        | Error::InvalidRecord(_) => ErrorCode::InvalidRecord,
        Error::CorruptBatch(_) => ErrorCode::CorruptMessage,
        Error::OutOfOrderSequence => ErrorCode::OutOfOrderSequenceNumber,
        Error::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        Error::InvalidTimestamp => ErrorCode::InvalidTimestamp,
        Error::UnknownMember => ErrorCode::UnknownMemberId,
        Error::IllegalGeneration => ErrorCode::IllegalGeneration,
        Error::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        Error::MemberIdRequired(_) => ErrorCode::MemberIdRequired,
        Error::FencedInstance => ErrorCode::FencedInstanceId,
        Error::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
        Error::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        Error::InvalidGroup => ErrorCode::InvalidGroupId,
        Error::GroupFull => ErrorCode::GroupMaxSizeReached,
        Error::GroupNotFound => ErrorCode::GroupIdNotFound,
        Error::GroupNotEmpty => ErrorCode::NonEmptyGroup,
        Error::MetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        Error::NotAuthorized => ErrorCode::TopicAuthorizationFailed,
        Error::DiskFull | Error::Storage | Error::Quarantined => ErrorCode::KafkaStorageError,
        Error::NotOwner(_) => ErrorCode::NotLeaderOrFollower,
        Error::BadRequest(_) => ErrorCode::InvalidRequest,
        // Nothing was stored, and every client tries again after a time-out.
        Error::Overloaded | Error::DedupWindowFull | Error::QuotaExceeded => ErrorCode::RequestTimedOut,
        Error::CursorNotFound
        | Error::CursorExists
        | Error::CursorsExceeded
        | Error::CursorNotUnique
        | Error::PullsExceeded
        | Error::SessionFenced
        | Error::Internal(_) => ErrorCode::UnknownServerError,
    }
}

/// The code for a failure about groups, where the coordinator answers.
pub(super) fn group_code(error: &Error) -> ErrorCode {
    match error {
        Error::NotAuthorized => ErrorCode::GroupAuthorizationFailed,
        Error::NotOwner(_) => ErrorCode::NotCoordinator,
        Error::DiskFull | Error::Storage | Error::Quarantined | Error::Overloaded => {
            ErrorCode::CoordinatorNotAvailable
        }
        other => code(other),
    }
}
