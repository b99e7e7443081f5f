//! Neutral JSON to BSON and back, by the field rules of the collection.

use bson::{Bson, DateTime as BsonDateTime, Document as BsonDocument, doc};
use chrono::{DateTime, Utc};
use serde_json::{Number, Value};

use crate::port::Fields;
use crate::port::collection::Collection;
use crate::port::document::{DocId, Document};
use crate::port::error::ViewsError;
use crate::port::query::{Scalar, rfc3339};

/// Doubles hold every integer up to here exactly: 2^53.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

pub(super) fn id_to_bson(id: &DocId) -> Bson {
    match id {
        DocId::Int(id) => integer(*id),
        DocId::Text(id) => Bson::String(id.clone()),
    }
}

/// A value to compare with what is at `path`.
pub(super) fn scalar_to_bson(collection: &Collection, path: &str, scalar: &Scalar) -> Bson {
    to_bson(collection, path.rsplit('.').next().unwrap_or(path), &scalar.to_json())
}

/// A new document of top-level fields, without the null ones.
pub(super) fn document(collection: &Collection, id: &DocId, fields: &Fields) -> BsonDocument {
    let filled = fields.iter().filter(|(_, value)| !value.is_null());
    let fields = filled.map(|(name, value)| (name.clone(), to_bson(collection, name, value)));
    std::iter::once(("_id".to_owned(), id_to_bson(id))).chain(fields).collect()
}

/// `$set` of the fields and `$unset` of the null ones, by name or dotted path.
pub(super) fn update(collection: &Collection, fields: &Fields) -> BsonDocument {
    let (mut set, mut unset) = (BsonDocument::new(), BsonDocument::new());
    for (path, value) in fields {
        if value.is_null() {
            unset.insert(path, "");
        } else {
            let name = path.rsplit('.').next().unwrap_or(path);
            set.insert(path, to_bson(collection, name, value));
        }
    }
    // Older servers refuse an operator without fields.
    let mut update = BsonDocument::new();
    if !set.is_empty() || unset.is_empty() {
        update.insert("$set", set);
    }
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    update
}

fn to_bson(collection: &Collection, name: &str, value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(*value),
        Value::Number(number) => number_to_bson(collection.is_double(name), number),
        Value::String(text) if collection.is_date(name) => {
            date_to_bson(text).unwrap_or_else(|| Bson::String(text.clone()))
        }
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(items) => items.iter().map(|item| to_bson(collection, name, item)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| (name.clone(), to_bson(collection, name, value));
            Bson::Document(fields.iter().map(field).collect())
        }
    }
}

fn number_to_bson(double: bool, number: &Number) -> Bson {
    match number.as_i64() {
        Some(value) if !double => integer(value),
        _ => number.as_f64().map_or(Bson::Null, Bson::Double),
    }
}

fn date_to_bson(text: &str) -> Option<Bson> {
    let date = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Bson::DateTime(BsonDateTime::from_chrono(date.with_timezone(&Utc))))
}

/// Never fails for a type that this program does not write: whatever is there becomes some JSON.
pub(super) fn from_bson(collection: &Collection, mut document: BsonDocument) -> Result<Document, ViewsError> {
    let id = match document.remove("_id").map(|id| to_json(collection, "_id", id)) {
        Some(Value::Number(id)) if id.is_i64() => DocId::Int(id.as_i64().unwrap_or_default()),
        Some(Value::String(id)) => DocId::Text(id),
        other => {
            let reason = format!("a document of {} has the id {other:?}", collection.name);
            return Err(ViewsError::Rejected(reason));
        }
    };
    let mut body: Fields = document
        .into_iter()
        .map(|(name, value)| {
            let json = to_json(collection, &name, value);
            (name, json)
        })
        .collect();
    body.retain(|_, value| !value.is_null());
    Ok(Document { id, body })
}

fn to_json(collection: &Collection, name: &str, value: Bson) -> Value {
    match value {
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Boolean(value) => Value::Bool(value),
        Bson::Int32(value) => value.into(),
        Bson::Int64(value) => value.into(),
        Bson::Double(value) => double_to_json(collection.is_double(name), value),
        Bson::Decimal128(value) => value
            .to_string()
            .parse()
            .map_or(Value::Null, |value| double_to_json(collection.is_double(name), value)),
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => Value::String(text),
        Bson::DateTime(date) => Value::String(rfc3339(&date.to_chrono())),
        Bson::ObjectId(id) => Value::String(id.to_hex()),
        Bson::Array(items) => items.into_iter().map(|item| to_json(collection, name, item)).collect(),
        Bson::Document(fields) => {
            let field = |(name, value): (String, Bson)| {
                let json = to_json(collection, &name, value);
                (name, json)
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        other @ (Bson::RegularExpression(_)
        | Bson::JavaScriptCodeWithScope(_)
        | Bson::Timestamp(_)
        | Bson::Binary(_)
        | Bson::MaxKey
        | Bson::MinKey
        | Bson::DbPointer(_)) => Value::String(other.to_string()),
    }
}

/// Shells and admin tools write every number as a double, so that a whole one outside the money fields is an integer.
fn double_to_json(double: bool, value: f64) -> Value {
    if !double && value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The condition that only a document without a version fulfils.
pub(super) fn no_version() -> BsonDocument {
    doc! { "$in": [0_i64, Bson::Null] }
}

/// The condition on a version or revision, where 0 stands for none.
pub(super) fn at(version: i64) -> Bson {
    if version == 0 { no_version().into() } else { version.into() }
}

/// An int32 where it fits, as the Go projector wrote them and as Mongo Express shows them plainly.
pub(super) fn integer(value: i64) -> Bson {
    i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32)
}
