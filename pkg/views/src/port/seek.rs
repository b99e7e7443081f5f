//! Where a page begins, as conditions that every engine can answer from an index.
//!
//! Null and absent values come first ascending and last descending, and engines do not compare them with values.
//! A page that may hold both is therefore read in two parts, one after the other.

use super::document::DocId;
use super::query::{Query, Scalar};

/// One part of a page, read in the order of the query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seek<'a> {
    /// From the first document.
    Start,
    /// Documents beyond this id; the sort is by `_id`.
    BeyondId(&'a DocId),
    /// Documents with a value, beyond this one or equal to it and beyond the id.
    Beyond(&'a Scalar, &'a DocId),
    /// Documents without a value, beyond this id.
    MissingBeyond(&'a DocId),
    /// Every document without a value.
    Missing,
    /// Every document with a value.
    Present,
}

/// The parts of the page, in order; a later one is read only when the earlier ones do not fill the page.
pub(crate) fn seeks(query: &Query) -> Vec<Seek<'_>> {
    let Some((value, id)) = &query.after else {
        return vec![Seek::Start];
    };
    if query.sort.path == "_id" {
        return vec![Seek::BeyondId(id)];
    }
    match (value, query.sort.descending) {
        (Scalar::Null, false) => vec![Seek::MissingBeyond(id), Seek::Present],
        (Scalar::Null, true) => vec![Seek::MissingBeyond(id)],
        (value, false) => vec![Seek::Beyond(value, id)],
        (value, true) => vec![Seek::Beyond(value, id), Seek::Missing],
    }
}
