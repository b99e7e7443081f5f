//! librdkafka's errors, told apart by who is at fault.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::{LogError, PublishError};

/// What a failed delivery says. Whatever is not known to be the record's fault is the log's.
pub(super) fn publish_error(error: &KafkaError) -> PublishError {
    match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
            PublishError::TooLarge(error.to_string())
        }
        Some(code) if is_records_fault(code) => PublishError::Rejected(error.to_string()),
        Some(_) | None => PublishError::Unavailable(error.to_string()),
    }
}

fn is_records_fault(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidMessage
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::InvalidTimestamp
            | Code::InvalidTopic
            | Code::InvalidArgument
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::PolicyViolation
            | Code::UnsupportedForMessageFormat
    )
}

/// A broker refuses a whole batch for one of its records: whether this record is the one shows when it is sent alone.
pub(super) fn may_be_a_neighbours_fault(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageSizeTooLarge
                | Code::MessageBatchTooLarge
                | Code::InvalidDifferentRecord
                | Code::InvalidMessage
                | Code::InvalidRecord
        )
    )
}

pub(super) fn log_error(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(code) => of_code(code, error.to_string()),
        None => LogError::Unavailable(error.to_string()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "over two hundred codes, and most say that the log is away"
)]
pub(super) fn of_code(code: Code, message: String) -> LogError {
    match code {
        Code::InconsistentGroupProtocol => LogError::Conflict(message),
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::InvalidArgument
        | Code::InvalidTopic
        | Code::InvalidGroupId
        | Code::InvalidConfig
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::OffsetOutOfRange
        | Code::InvalidRequest
        | Code::PolicyViolation
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::UnsupportedVersion => LogError::Invalid(message),
        _ => LogError::Unavailable(message),
    }
}

/// A setting that cannot work.
pub(super) fn invalid(error: &KafkaError) -> LogError {
    LogError::Invalid(error.to_string())
}

pub(super) fn has_no_leader(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::NotLeaderForPartition | Code::LeaderNotAvailable))
}

/// The group has moved on, and the member will be told so at its next poll.
pub(super) fn is_outdated_member(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::RebalanceInProgress
                | Code::AssignmentLost
                | Code::FencedMemberEpoch
                | Code::StaleMemberEpoch
        )
    )
}
