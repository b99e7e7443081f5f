//! The query string: every parameter known, given once, and of its kind; all faults are named at once.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::fields::Fields;
use crate::problem::Problem;

/// The parameters of a request while they are read.
#[derive(Debug)]
pub struct QueryParams {
    pairs: Vec<(String, String)>,
    /// What is wrong with them.
    pub fields: Fields,
}

impl QueryParams {
    /// Refuses names that are not `allowed`, and ones that are given twice.
    ///
    /// # Errors
    /// 400 `invalid_query` if there are no names and values in it.
    pub fn read(uri: &Uri, allowed: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::unreadable("invalid_query", "the query string cannot be read".into()))?;
        let mut fields = Fields::new();
        for (position, (name, value)) in pairs.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                fields.refuse(name, value, not_a_parameter(allowed));
            } else if pairs[..position].iter().any(|(earlier, _)| earlier == name) {
                fields.refuse(name, value, "must be given once");
            }
        }
        Ok(Self { pairs, fields })
    }

    /// Names and values, in the request's order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The value of `name`, if it is given.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What `parse` makes of `name`, if it is given; where that is nothing, `allowed` says what would be.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.value(name)?.to_owned();
        let value = parse(&text);
        self.fields.check(value.is_some(), name, &text, allowed);
        value
    }

    /// An integer within `range`.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let (low, high) = (range.start(), range.end());
        let bounds =
            if *high == i64::MAX { format!("of at least {low}") } else { format!("from {low} to {high}") };
        self.parsed(name, &format!("must be an integer {bounds}"), |text| {
            text.parse().ok().filter(|value| range.contains(value))
        })
    }

    /// # Errors
    /// 400 `invalid_data` with every refused parameter.
    pub fn finish(self) -> Result<(), Problem> {
        self.fields.finish()
    }
}

fn not_a_parameter(allowed: &[&str]) -> String {
    if allowed.is_empty() {
        return "is not a parameter; none is allowed".to_owned();
    }
    format!("is not a parameter; allowed are {}", allowed.join(", "))
}

/// The query string of a route without parameters. Rejects with 400 naming each that is given.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        QueryParams::read(&parts.uri, &[])?.finish().map(|()| Self)
    }
}
