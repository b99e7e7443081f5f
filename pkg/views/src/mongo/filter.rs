//! Filters and page starts as MongoDB queries. Every value is data: no text becomes an operator.

use std::fmt::Write as _;

use bson::{Bson, Document as BsonDocument, Regex, doc};

use super::codec::{id_to_bson, scalar_to_bson};
use crate::port::cases::other_case;
use crate::port::collection::Collection;
use crate::port::error::ViewsError;
use crate::port::query::{Filter, Query};
use crate::port::seek::Seek;

/// A query that matches when all filters match.
pub(super) fn all(collection: &Collection, filters: &[Filter]) -> Result<BsonDocument, ViewsError> {
    let conditions = filters.iter().map(|filter| one(collection, filter)).collect::<Result<Vec<_>, _>>()?;
    Ok(and(conditions))
}

/// The documents of one part of a page.
pub(super) fn page(
    collection: &Collection,
    query: &Query,
    seek: &Seek<'_>,
) -> Result<BsonDocument, ViewsError> {
    let mut conditions =
        query.filters.iter().map(|filter| one(collection, filter)).collect::<Result<Vec<_>, _>>()?;
    let path = query.sort.path.as_str();
    let (beyond, at_or_beyond) = if query.sort.descending { ("$lt", "$lte") } else { ("$gt", "$gte") };
    let beyond_id = |id| doc! { "_id": { beyond: id_to_bson(id) } };
    match seek {
        Seek::Start => {}
        Seek::BeyondId(id) => conditions.push(beyond_id(id)),
        Seek::Beyond(value, id) => {
            let value = scalar_to_bson(collection, path, value);
            // The first condition is what the index seeks by; the second drops what the last page had.
            conditions.push(doc! { path: { at_or_beyond: value.clone() } });
            conditions.push(doc! { "$or": [{ path: { beyond: value } }, beyond_id(id)] });
        }
        Seek::MissingBeyond(id) => conditions.extend([doc! { path: Bson::Null }, beyond_id(id)]),
        Seek::Missing => conditions.push(doc! { path: Bson::Null }),
        Seek::Present => conditions.push(doc! { path: { "$ne": Bson::Null } }),
    }
    Ok(and(conditions))
}

fn and(mut conditions: Vec<BsonDocument>) -> BsonDocument {
    match conditions.len() {
        0 => BsonDocument::new(),
        1 => conditions.remove(0),
        _ => doc! { "$and": conditions },
    }
}

fn one(collection: &Collection, filter: &Filter) -> Result<BsonDocument, ViewsError> {
    let bson = |path: &str, scalar| scalar_to_bson(collection, path, scalar);
    Ok(match filter {
        Filter::Eq(path, value) => doc! { path: { "$eq": bson(path, value) } },
        Filter::In(path, values) => {
            doc! { path: { "$in": values.iter().map(|value| bson(path, value)).collect::<Vec<_>>() } }
        }
        Filter::Range { path, from, to } => {
            let mut bounds = doc! { "$ne": Bson::Null };
            if let Some(from) = from {
                bounds.insert("$gte", bson(path, from));
            }
            if let Some(to) = to {
                bounds.insert("$lte", bson(path, to));
            }
            doc! { path: bounds }
        }
        Filter::LessThan(path, value) => doc! { path: { "$lt": bson(path, value) } },
        Filter::Contains(path, text) => doc! { path: regex(&any_case(text))? },
        Filter::EqIgnoreCase(path, text) => doc! { path: regex(&format!("^{}\\z", any_case(text)))? },
        Filter::AnyElement { array, field, equals } => {
            doc! { format!("{array}.{field}"): { "$eq": bson(field, equals) } }
        }
        Filter::Missing(path) => doc! { path: { "$eq": Bson::Null } },
    })
}

fn regex(pattern: &str) -> Result<Regex, ViewsError> {
    let pattern = pattern.try_into().map_err(|e| ViewsError::Rejected(format!("{e}")))?;
    Ok(Regex { pattern, options: bson::raw::cstr!("").into() })
}

/// A pattern of the text in either case. Option `i` would leave letters such as `É` to the server's build.
fn any_case(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        match other_case(character) {
            Some(other) => {
                let _ = write!(pattern, "(?:{character}|{other})");
            }
            None if character == '\0' => pattern.push_str("\\x00"),
            None if character.is_ascii_punctuation() => pattern.extend(['\\', character]),
            None => pattern.push(character),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_pattern_stands_for_itself() {
        assert_eq!(any_case("é.*$1\0"), "(?:é|É)\\.\\*\\$1\\x00");
    }
}
