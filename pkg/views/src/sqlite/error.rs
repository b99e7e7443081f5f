use crate::port::error::ViewsError;

/// The primary result codes that say nothing about the input: busy, locked, out of memory, read-only, interrupted,
/// I/O error, corrupt, full, cannot open, protocol, not a database.
const NOT_THE_INPUT: [i32; 11] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26];

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` wants")]
pub(crate) fn views_error(error: sqlx::Error) -> ViewsError {
    if is_at_fault(&error) {
        ViewsError::Rejected(error.to_string())
    } else {
        ViewsError::Unavailable(error.to_string())
    }
}

/// Whether the input made the statement fail.
fn is_at_fault(error: &sqlx::Error) -> bool {
    if let Some(database) = error.as_database_error() {
        let code = database.code().and_then(|code| code.parse::<i32>().ok());
        return code.is_none_or(|code| !NOT_THE_INPUT.contains(&(code & 0xff)));
    }
    matches!(
        error,
        sqlx::Error::Encode(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::InvalidArgument(_)
    )
}
