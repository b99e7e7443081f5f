//! Consistency tokens: what a list or view has to have seen before it answers.

use std::fmt;
use std::str::FromStr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::HeaderName;
use axum::http::request::Parts;

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Schema, Type};

use crate::problem::Problem;

/// The header that a command answers with and a query may carry.
pub const CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("x-consistency-token");

/// One aggregate at one sequence, as text `<aggregate>:<id>:<sequence>` (`order:7:3`).
///
/// As an extractor, `Option<ConsistencyToken>` is absent without the header; malformed → 400.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConsistencyToken {
    /// The aggregate's type: `user`, `product`, `order`.
    pub aggregate: String,
    /// Its id.
    pub id: i64,
    /// The sequence (= the version) that has to be visible.
    pub sequence: i64,
}

impl ConsistencyToken {
    /// The token of an aggregate after its change to `sequence`.
    pub fn new(aggregate: impl Into<String>, id: i64, sequence: i64) -> Self {
        Self { aggregate: aggregate.into(), id, sequence }
    }
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.aggregate, self.id, self.sequence)
    }
}

impl FromStr for ConsistencyToken {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        parse(text).ok_or_else(|| {
            let field = "X-Consistency-Token";
            Problem::invalid_field(
                field,
                text,
                "must be <aggregate>:<id>:<sequence>, as a command answered it",
            )
        })
    }
}

fn parse(text: &str) -> Option<ConsistencyToken> {
    let mut parts = text.splitn(3, ':');
    let aggregate =
        parts.next().filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()))?;
    let mut number = || parts.next()?.parse::<i64>().ok().filter(|n| *n > 0);
    Some(ConsistencyToken::new(aggregate, number()?, number()?))
}

impl IntoParams for ConsistencyToken {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let pattern = "^(user|product|order):[1-9][0-9]{0,17}:[1-9][0-9]{0,17}$";
        let schema = Object::builder().schema_type(Type::String).pattern(Some(pattern));
        let token = ParameterBuilder::new()
            .name("X-Consistency-Token")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The token of a command's answer: waits until this change can be seen"))
            .schema(Some(Schema::from(schema)))
            .example(Some("order:7:3".into()));
        vec![token.build()]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ConsistencyToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(CONSISTENCY_TOKEN).iter();
        let value = values.next();
        if values.next().is_some() {
            return Err(Problem::invalid_field("X-Consistency-Token", (), "must be given once"));
        }
        value.map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default().parse()
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for ConsistencyToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(CONSISTENCY_TOKEN) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_it_was_written() {
        let token = ConsistencyToken::new("order", 7, 3);
        assert_eq!(token.to_string(), "order:7:3");
        assert_eq!("order:7:3".parse(), Ok(token));
    }

    #[test]
    fn a_malformed_token_is_a_400_that_names_the_header() {
        for text in [
            "",
            "order",
            "order:7",
            ":7:3",
            "order:0:3",
            "order:7:-1",
            "order:7:3:1",
            "Order:7:3",
            "o\u{e9}:1:1",
        ] {
            let problem = text.parse::<ConsistencyToken>().unwrap_err();
            assert_eq!(
                (problem.status, problem.errors[0].field.as_str()),
                (400, "X-Consistency-Token"),
                "{text}"
            );
        }
    }
}
