use std::time::Duration;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::port::error::ViewsError;

pub(super) const DUPLICATE_KEY: i32 = 11_000;
pub(super) const IMMUTABLE_FIELD: i32 = 66;

/// Runs `call`, which is unavailable when it takes longer than `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, ViewsError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| views_error(&error)),
        Err(_) => Err(ViewsError::Unavailable(format!("no answer within {} s", limit.as_secs()))),
    }
}

pub(super) fn views_error(error: &Error) -> ViewsError {
    let text = error.to_string();
    if is_at_fault(&error.kind) { ViewsError::Rejected(text) } else { ViewsError::Unavailable(text) }
}

/// Whether a server's code says that the input made the command fail.
///
/// Every other code counts as an outage: a stage that waits can be seen and helped, while a refusal sends a good
/// event to the dead letters. Codes: MongoDB's `error_codes.yml`.
pub(super) fn refuses_input(code: i32) -> bool {
    matches!(
        code,
        2 // BadValue
        | 9 // FailedToParse
        | 14 // TypeMismatch
        | 15 // Overflow
        | 22 // InvalidBSON
        | 28 // PathNotViable
        | 40 // ConflictingUpdateOperators
        | 52 // DollarPrefixedFieldName
        | 53 // InvalidIdField
        | 54 // NotSingleValueField
        | 56 // EmptyFieldName
        | 57 // DottedFieldName
        | 66 // ImmutableField
        | 121 // DocumentValidationFailure
        | 10_334 // BSONObjectTooLarge
        | 11_000 // DuplicateKey
        | 17_280 // KeyTooLong
        | 17_419 | 17_420 // the document after the update would be too large
        | 51_091 // Regular expression is invalid
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's enum is non-exhaustive")]
fn is_at_fault(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::BsonDeserialization(_)
        | ErrorKind::BsonSerialization(_)
        | ErrorKind::Bson(_)
        | ErrorKind::InvalidTlsConfig { .. } => true,
        ErrorKind::Command(command) => refuses_input(command.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => refuses_input(error.code),
        _ => false,
    }
}
