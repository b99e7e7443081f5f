//! What a filter says of a document in hand: the same as the engines.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::cases::other_case;
use super::document::{DocId, Document};
use super::query::{Filter, Scalar, rfc3339};

impl Filter {
    /// Whether an engine would find `document` by this filter.
    pub fn matches(&self, document: &Document) -> bool {
        let at = |path: &str| at(document, path);
        match self {
            Self::Missing(path) | Self::Eq(path, Scalar::Null) => at(path).is_none(),
            Self::Eq(path, value) => at(path).is_some_and(|found| equal(&found, value)),
            Self::In(path, values) => {
                at(path).is_some_and(|found| values.iter().any(|value| equal(&found, value)))
            }
            Self::Range { path, from, to } => at(path).is_some_and(|found| {
                let above =
                    from.as_ref().is_none_or(|from| compare(&found, from).is_some_and(Ordering::is_ge));
                above && to.as_ref().is_none_or(|to| compare(&found, to).is_some_and(Ordering::is_le))
            }),
            Self::LessThan(path, value) => {
                at(path).is_some_and(|found| compare(&found, value).is_some_and(Ordering::is_lt))
            }
            Self::Contains(path, text) => {
                at(path).is_some_and(|found| found.as_str().is_some_and(|it| contains(it, text)))
            }
            Self::EqIgnoreCase(path, text) => {
                at(path).is_some_and(|found| found.as_str().is_some_and(|it| same(it, text)))
            }
            Self::AnyElement { array, field, equals } => {
                let holds = |element: &Value| element.get(field).is_some_and(|found| equal(found, equals));
                at(array).is_some_and(|found| found.as_array().is_some_and(|found| found.iter().any(holds)))
            }
        }
    }
}

/// What is at a dotted path, if it is not null.
fn at<'d>(document: &'d Document, path: &str) -> Option<Cow<'d, Value>> {
    if path == "_id" {
        return Some(Cow::Owned(match &document.id {
            DocId::Int(id) => Value::from(*id),
            DocId::Text(id) => Value::from(id.as_str()),
        }));
    }
    let mut names = path.split('.');
    let first = document.body.get(names.next()?)?;
    let found = names.try_fold(first, |found, name| found.get(name))?;
    (!found.is_null()).then_some(Cow::Borrowed(found))
}

fn equal(found: &Value, value: &Scalar) -> bool {
    match (found, value) {
        (Value::Bool(found), Scalar::Bool(value)) => found == value,
        _ => compare(found, value).is_some_and(Ordering::is_eq),
    }
}

/// `None` where the two are of different types. Dates are text whose order is time.
fn compare(found: &Value, value: &Scalar) -> Option<Ordering> {
    match value {
        Scalar::Null | Scalar::Bool(_) => None,
        Scalar::Int(value) => match found.as_i64() {
            Some(found) => Some(found.cmp(value)),
            #[expect(clippy::cast_precision_loss, reason = "as the engines compare")]
            None => found.as_f64()?.partial_cmp(&(*value as f64)),
        },
        Scalar::Double(value) => found.as_f64()?.partial_cmp(value),
        Scalar::Text(value) => Some(found.as_str()?.cmp(value.as_str())),
        Scalar::Date(value) => Some(found.as_str()?.cmp(rfc3339(value).as_str())),
    }
}

fn same(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if alike(one, other) => {}
            (Some(_) | None, _) => return false,
        }
    }
}

fn contains(text: &str, part: &str) -> bool {
    let length = part.chars().count();
    let text: Vec<char> = text.chars().collect();
    length == 0
        || text
            .windows(length)
            .any(|window| window.iter().zip(part.chars()).all(|(one, other)| alike(*one, other)))
}

fn alike(one: char, other: char) -> bool {
    one == other || other_case(other) == Some(one)
}
