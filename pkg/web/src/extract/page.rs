//! Pages of the command-side lists.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::fields::Fields;
use crate::problem::Problem;

/// The most rows of a page, and the default: a small system sees its whole list, as in Go.
const LIMIT_MAX: i64 = 500;

/// A page of a list in the order of ids. Rejects with 400 naming the parameter.
#[derive(Clone, Copy, Debug, Eq, IntoParams, PartialEq)]
#[into_params(parameter_in = Query)]
pub struct ListPage {
    /// The most rows to answer.
    #[param(minimum = 1, maximum = 500, default = 500, required = false)]
    pub limit: i64,
    /// Only rows whose id is greater than this; 0 is the start.
    #[param(minimum = 0, default = 0, required = false)]
    pub after: i64,
}

impl Default for ListPage {
    fn default() -> Self {
        Self { limit: LIMIT_MAX, after: 0 }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ListPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::unreadable("invalid_query", "the query string cannot be read".into()))?;
        let mut fields = Fields::new();
        let page = Self {
            limit: number(&mut fields, &pairs, "limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_MAX),
            after: number(&mut fields, &pairs, "after", 0..=i64::MAX).unwrap_or(0),
        };
        fields.finish().map(|()| page)
    }
}

/// The parameter `name`, if it is given; a value out of `range` or given twice is refused.
fn number(
    fields: &mut Fields,
    pairs: &[(String, String)],
    name: &str,
    range: std::ops::RangeInclusive<i64>,
) -> Option<i64> {
    let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    let text = values.next()?;
    fields.check(values.next().is_none(), name, (), "must be given once");
    let value = text.parse().ok().filter(|value| range.contains(value));
    let (low, high) = (range.start(), range.end());
    fields.check(value.is_some(), name, text, format!("must be an integer from {low} to {high}"));
    value
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn page(query: &str) -> Result<ListPage, Vec<String>> {
        let (mut parts, ()) = Request::get(format!("/users{query}")).body(()).unwrap().into_parts();
        let found = ListPage::from_request_parts(&mut parts, &()).await;
        found.map_err(|problem| problem.errors.iter().map(|e| e.field.clone()).collect())
    }

    #[tokio::test]
    async fn a_page_has_defaults_and_bounds() {
        assert_eq!(page("").await, Ok(ListPage { limit: 500, after: 0 }));
        assert_eq!(page("?limit=1&after=7&other=x").await, Ok(ListPage { limit: 1, after: 7 }));
        assert_eq!(page("?limit=500").await, Ok(ListPage { limit: 500, after: 0 }));
    }

    #[tokio::test]
    async fn a_wrong_page_names_the_parameter() {
        for query in ["?limit=0", "?limit=501", "?limit=-1", "?limit=x", "?limit=", "?limit=1&limit=2"] {
            assert_eq!(page(query).await, Err(vec!["limit".into()]), "{query}");
        }
        assert_eq!(page("?after=-1&limit=0").await, Err(vec!["limit".into(), "after".into()]));
    }
}
