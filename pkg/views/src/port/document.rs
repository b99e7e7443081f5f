use std::fmt;

use serde_json::{Map, Value};

/// The field that guarded writes compare.
pub const VERSION: &str = "version";
/// Counts the changes that did not move the version; compared by [`crate::Guard::Unchanged`].
pub const REVISION: &str = "revision";

/// A document's `_id`: a number for views, text for the belt's own collections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocId {
    /// An aggregate's id.
    Int(i64),
    /// Such as `order:12`.
    Text(String),
}

impl fmt::Display for DocId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(id) => write!(formatter, "{id}"),
            Self::Text(id) => formatter.write_str(id),
        }
    }
}

impl From<i64> for DocId {
    fn from(id: i64) -> Self {
        Self::Int(id)
    }
}

impl From<&str> for DocId {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

impl From<String> for DocId {
    fn from(id: String) -> Self {
        Self::Text(id)
    }
}

/// A document as neutral JSON; `_id` is beside the body, not in it, and null fields are left out of the top level.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The `_id`.
    pub id: DocId,
    /// Every other field.
    pub body: Map<String, Value>,
}

impl Document {
    /// The document's version, 0 when it has none (the Go projector wrote none).
    pub fn version(&self) -> i64 {
        self.number(VERSION)
    }

    /// The document's revision, 0 when it has none.
    pub fn revision(&self) -> i64 {
        self.number(REVISION)
    }

    fn number(&self, field: &str) -> i64 {
        self.body.get(field).and_then(Value::as_i64).unwrap_or(0)
    }
}
