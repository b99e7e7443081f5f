//! The documents: one file a view, and the belt's own collections.

pub(crate) mod belt;
pub(crate) mod go;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod users;

use chrono::DateTime;
use esteira_sql::{Money, Timestamp};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::port::collection::Collection;
use crate::port::document::{DocId, Document};
use crate::port::error::ViewsError;

/// Every collection of the platform, for [`crate::Views::prepare`].
pub const ALL_COLLECTIONS: &[&Collection] = &[
    &users::USERS,
    &products::PRODUCTS,
    &orders::ORDERS,
    &belt::TOMBSTONES,
    &belt::PARKED,
    &belt::APPLIED,
    &go::TAKEOVERS,
    &go::GO_PROCESSED,
];

/// A model as a document: its `id` becomes the `_id`. Fields that are `None` are left out, so a put of the whole
/// model leaves them untouched.
pub fn to_document<T: Serialize>(model: &T) -> Result<Document, ViewsError> {
    let Value::Object(mut body) = serde_json::to_value(model).map_err(|e| rejected(&e.to_string()))? else {
        return Err(rejected("a model must be a JSON object"));
    };
    match body.remove("id") {
        Some(Value::Number(id)) => match id.as_i64() {
            Some(id) => Ok(Document { id: DocId::Int(id), body }),
            None => Err(rejected("an id must be a 64-bit integer")),
        },
        Some(Value::String(id)) => Ok(Document { id: DocId::Text(id), body }),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            Err(rejected("a model must have an id"))
        }
    }
}

/// A document as a model. Null counts as absent at any depth, and models give absent fields a default, so that
/// documents of the Go projector are readable.
pub fn from_document<T: DeserializeOwned>(document: Document) -> Result<T, ViewsError> {
    let Document { id, mut body } = document;
    let described = id.to_string();
    let id = match id {
        DocId::Int(id) => Value::from(id),
        DocId::Text(id) => Value::from(id),
    };
    body.insert("id".to_owned(), id);
    let mut fields = Value::Object(body);
    drop_nulls(&mut fields);
    serde_json::from_value(fields)
        .map_err(|e| rejected(&format!("document {described} is not readable: {e}")))
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rejected(reason: &str) -> ViewsError {
    ViewsError::Rejected(reason.to_owned())
}

/// The Go services computed with doubles, so that their documents have amounts such as 269.70000000000005.
fn nearest_cent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    Money::nearest(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What a document without its date shows.
fn epoch() -> Timestamp {
    Timestamp::from(DateTime::UNIX_EPOCH)
}
