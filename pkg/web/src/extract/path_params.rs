//! Several parameters of a path.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::json_error::in_words;
use crate::problem::Problem;

/// The parameters of the path as a tuple, in their order. Rejects with 400 naming the first that is not of its type.
#[derive(Clone, Copy, Debug)]
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let rejection = match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(values)) => return Ok(Self(values)),
            Err(rejection) => rejection,
        };
        let params = RawPathParams::from_request_parts(parts, state).await;
        let names = params.iter().flatten().map(|(name, _)| name).collect::<Vec<_>>();
        Err(refused(&rejection, &names))
    }
}

fn refused(rejection: &PathRejection, names: &[&str]) -> Problem {
    if let PathRejection::FailedToDeserializePathParams(failed) = rejection
        && let ErrorKind::ParseErrorAtIndex { index, value, expected_type } = failed.kind()
        && let Some(name) = names.get(*index)
    {
        return Problem::invalid_field(*name, value, format!("must be {}", in_words(expected_type)));
    }
    Problem::internal(rejection)
}
