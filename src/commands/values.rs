//! Values of arguments.

use chrono::{DateTime, Utc};

/// The id of an aggregate or a row.
pub fn id(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|id| *id > 0).ok_or_else(|| "expected an id, a whole number from 1".to_owned())
}

/// A moment.
pub fn time(text: &str) -> Result<DateTime<Utc>, String> {
    text.parse().map_err(|_| "expected a time as in RFC 3339, such as 2026-11-22T12:43:00Z".to_owned())
}
