//! The `{id}` of a path.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::problem::Problem;

/// The `{id}` of the path: a positive 64-bit integer.
///
/// Rejects with 400 `invalid_data` naming `id`.
#[derive(Clone, Copy, Debug, Eq, IntoParams, PartialEq)]
#[into_params(names("id"), parameter_in = Path)]
pub struct PathId(#[param(minimum = 1)] pub i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |value: Option<&str>| Problem::invalid_field("id", value, "must be a positive integer");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| refused(None))?;
        let value = params.iter().find_map(|(name, value)| (name == "id").then_some(value));
        value.and_then(parse_id).map(Self).ok_or_else(|| refused(value))
    }
}

/// Digits only: `i64::from_str` would take a sign.
fn parse_id(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id > 0)
}

#[cfg(test)]
mod tests {
    use super::parse_id;

    #[test]
    fn ids_are_positive_decimal_integers() {
        assert_eq!(parse_id("1"), Some(1));
        assert_eq!(parse_id("9223372036854775807"), Some(i64::MAX));
        for text in ["", "0", "-1", "+1", "abc", "1.0", "1e3", " 1", "9223372036854775808", "١"] {
            assert_eq!(parse_id(text), None, "{text:?}");
        }
    }
}
