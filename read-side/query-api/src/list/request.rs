//! What a list was asked for: filters, order, page.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use esteira_views::{DocId, Document, Filter, Query, Scalar, Sort};
use esteira_web::Problem;
use utoipa::IntoParams;

use super::cursor;
use super::params::Params;

/// The most documents of a page, and the default: a small system sees its whole list, as in Go.
const LIMIT_MAX: u32 = 500;
const PAGE: [&str; 4] = ["limit", "cursor", "sort", "order"];

/// A field that a list can be sorted by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sortable {
    /// What `sort` calls it.
    pub(crate) name: &'static str,
    /// Where it is in the document.
    pub(crate) path: &'static str,
    pub(crate) kind: SortKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortKind {
    Id,
    Date,
    Amount,
}

impl Sortable {
    pub(crate) const ID: Self = Self { name: "id", path: "_id", kind: SortKind::Id };
    pub(crate) const CREATED_AT: Self = Self { name: "created_at", path: "created_at", kind: SortKind::Date };
}

/// The filters of a list: its parameters beside those of the page.
pub(crate) trait Filters {
    /// The names of the parameters.
    const NAMES: &'static [&'static str];
    /// What the list can be sorted by; the first is the default.
    const SORTS: &'static [Sortable];

    /// Reads the parameters; what is wrong is noted in `params`.
    fn read(params: &mut Params) -> Vec<Filter>;
}

/// The parameters that every list has.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the parameters; ListRequest reads them")]
pub(crate) struct PageParams {
    /// The most entries to answer.
    #[param(minimum = 1, maximum = 500, default = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier answer; valid with the same sort and filters only.
    #[param(pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// `asc` (the default) or `desc`.
    #[param(pattern = "^(asc|desc)$")]
    order: Option<String>,
}

/// A list request with parameters that were checked.
#[derive(Debug)]
pub(crate) struct ListRequest<F> {
    pub(crate) limit: u32,
    filters: Vec<Filter>,
    sort: Sortable,
    descending: bool,
    after: Option<(Scalar, DocId)>,
    /// Of everything that a cursor must not be carried over.
    fingerprint: u32,
    list: PhantomData<F>,
}

impl<F: Filters> ListRequest<F> {
    /// One document more than the page has.
    pub(crate) fn query(&self) -> Query {
        Query {
            filters: self.filters.clone(),
            sort: Sort { path: self.sort.path.to_owned(), descending: self.descending },
            after: self.after.clone(),
            limit: self.limit + 1,
        }
    }

    pub(crate) fn cursor_after(&self, last: &Document) -> String {
        cursor::encode(self.fingerprint, &self.sort, last)
    }

    fn read(mut params: Params) -> Result<Self, Problem> {
        let filters = F::read(&mut params);
        let limit = params.integer("limit", 1, LIMIT_MAX.into());
        let limit = limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(LIMIT_MAX);
        let (sort, descending) = order::<F>(&mut params);
        let fingerprint = fingerprint::<F>(&params, &sort, descending);
        let mut after = None;
        if let Some(text) = params.raw("cursor") {
            match cursor::decode(&text, fingerprint, &sort) {
                Ok(position) => after = Some(position),
                Err(allowed) => params.refuse("cursor", &text, allowed),
            }
        }
        params.0.finish()?;
        Ok(Self { limit, filters, sort, descending, after, fingerprint, list: PhantomData })
    }
}

/// `sort=created_at`, with `-` before it or `order=desc` beside it for the highest first.
fn order<F: Filters>(params: &mut Params) -> (Sortable, bool) {
    let direction = params.raw("order");
    let named_descending = match direction.as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => {
            params.refuse("order", other, "must be asc or desc");
            false
        }
    };
    let Some(text) = params.raw("sort") else {
        return (F::SORTS[0], named_descending);
    };
    let (name, minus) = text.strip_prefix('-').map_or((text.as_str(), false), |name| (name, true));
    if minus && direction.as_deref() == Some("asc") {
        params.refuse("order", "asc", "must not contradict the minus sign of sort");
    }
    if let Some(sortable) = F::SORTS.iter().find(|sortable| sortable.name == name) {
        return (*sortable, minus || named_descending);
    }
    let names: Vec<_> = F::SORTS.iter().map(|sortable| sortable.name).collect();
    let allowed = format!("must be one of {}, with a minus sign for the highest first", names.join(", "));
    params.refuse("sort", &text, &allowed);
    (F::SORTS[0], minus)
}

fn fingerprint<F: Filters>(params: &Params, sort: &Sortable, descending: bool) -> u32 {
    let list = (F::NAMES, sort.path, descending, params.without(&PAGE));
    crc32fast::hash(serde_json::to_string(&list).unwrap_or_default().as_bytes())
}

/// The filters alone, without a page.
#[derive(Debug)]
pub(crate) struct FilterRequest<F> {
    pub(crate) filters: Vec<Filter>,
    list: PhantomData<F>,
}

impl<S: Send + Sync, F: Filters> FromRequestParts<S> for FilterRequest<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut params = Params::read(&parts.uri, F::NAMES)?;
        let filters = F::read(&mut params);
        params.0.finish()?;
        Ok(Self { filters, list: PhantomData })
    }
}

impl<S: Send + Sync, F: Filters> FromRequestParts<S> for ListRequest<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let allowed: Vec<_> = F::NAMES.iter().chain(&PAGE).copied().collect();
        Self::read(Params::read(&parts.uri, &allowed)?)
    }
}
