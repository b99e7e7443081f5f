use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::document::DocId;

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Null or absent, as the sort value of [`Query::after`]; [`Filter::Eq`] with it is [`Filter::Missing`].
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Date(DateTime<Utc>),
}

impl Scalar {
    /// As neutral JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Double(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Date(value) => json!(rfc3339(value)),
        }
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<DateTime<Utc>> for Scalar {
    fn from(value: DateTime<Utc>) -> Self {
        Self::Date(value)
    }
}

/// The one text form of a date in neutral JSON: three decimals and `Z`, so that text order is time order.
pub fn rfc3339(date: &DateTime<Utc>) -> String {
    date.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A condition on one dotted path (`_id` included). Values of another type, null and absent fields do not match,
/// except with [`Filter::Missing`].
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// The field has this value.
    Eq(String, Scalar),
    /// The field has one of these values; none of them matches nothing.
    In(String, Vec<Scalar>),
    /// The field is within both bounds, each inclusive.
    Range { path: String, from: Option<Scalar>, to: Option<Scalar> },
    /// The field is less than this value.
    LessThan(String, Scalar),
    /// The field has this text in it, in upper or lower case; every character stands for itself.
    Contains(String, String),
    /// The field is this text, in upper or lower case; every character stands for itself.
    EqIgnoreCase(String, String),
    /// An element of the array has this value in its field.
    AnyElement { array: String, field: String, equals: Scalar },
    /// The field is null or absent.
    Missing(String),
}

impl Filter {
    pub fn eq(path: &str, value: impl Into<Scalar>) -> Self {
        Self::Eq(path.to_owned(), value.into())
    }

    pub fn less_than(path: &str, value: impl Into<Scalar>) -> Self {
        Self::LessThan(path.to_owned(), value.into())
    }
}

/// The order of a page; equal values are ordered by `_id` in the same direction. Null and absent come first
/// ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// A dotted path, or `_id`.
    pub path: String,
    /// Highest first.
    pub descending: bool,
}

impl Sort {
    pub fn ascending(path: &str) -> Self {
        Self { path: path.to_owned(), descending: false }
    }

    pub fn descending(path: &str) -> Self {
        Self { path: path.to_owned(), descending: true }
    }
}

/// A page of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// All of them must match.
    pub filters: Vec<Filter>,
    pub sort: Sort,
    /// Strictly after the document with this sort value and id, in the order of `sort`.
    pub after: Option<(Scalar, DocId)>,
    /// At most this many documents.
    pub limit: u32,
}
