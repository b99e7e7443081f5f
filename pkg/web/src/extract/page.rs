//! Pages of the command-side lists.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::problem::Problem;
use crate::query_params::QueryParams;

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
        let mut params = QueryParams::read(&parts.uri, &["limit", "after"])?;
        let page = Self {
            limit: params.integer("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_MAX),
            after: params.integer("after", 0..=i64::MAX).unwrap_or(0),
        };
        params.finish().map(|()| page)
    }
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
        assert_eq!(page("?limit=1&after=7").await, Ok(ListPage { limit: 1, after: 7 }));
        assert_eq!(page("?limit=500").await, Ok(ListPage { limit: 500, after: 0 }));
    }

    #[tokio::test]
    async fn a_wrong_page_names_the_parameter() {
        for query in ["?limit=0", "?limit=501", "?limit=-1", "?limit=x", "?limit=", "?limit=1&limit=2"] {
            assert_eq!(page(query).await, Err(vec!["limit".into()]), "{query}");
        }
        assert_eq!(page("?after=-1&limit=0").await, Err(vec!["limit".into(), "after".into()]));
        assert_eq!(page("?limt=1&after=x").await, Err(vec!["limt".into(), "after".into()]));
    }
}
