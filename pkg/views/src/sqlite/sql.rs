//! The statements: names and paths are quoted into the text, because an expression index serves only the very same
//! expression; values are always bound.

use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite};

use super::condition::{push_filters, push_scalar, push_seek};
use crate::port::Fields;
use crate::port::collection::{Collection, Index};
use crate::port::document::DocId;
use crate::port::error::ViewsError;
use crate::port::query::{Filter, Query};
use crate::port::seek::Seek;

/// The table and index statements of a collection.
pub(super) fn schema(collection: &Collection) -> Result<Vec<String>, ViewsError> {
    let table = table(collection);
    // `id` has no declared type on purpose: it keeps integers and text apart.
    let mut statements = vec![format!(
        "create table if not exists {table} (id not null primary key, \
         version integer generated always as (json_extract(body, '$.\"version\"')) virtual, body text not null)"
    )];
    for index in collection.indexes.iter().filter(|index| !index.through_array) {
        statements.push(index_statement(collection, index)?);
    }
    Ok(statements)
}

fn index_statement(collection: &Collection, index: &Index) -> Result<String, ViewsError> {
    let fields = index.fields.iter().map(|path| field(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "create index if not exists {} on {} ({})",
        quoted(&format!("{}.{}", collection.name, index.name)),
        table(collection),
        fields.join(", ")
    ))
}

pub(super) fn select(
    collection: &Collection,
    query: &Query,
    seek: &Seek<'_>,
    limit: usize,
) -> Result<QueryBuilder<Sqlite>, ViewsError> {
    let mut statement = QueryBuilder::new(format!("select id, body from {} where ", table(collection)));
    push_filters(&mut statement, &query.filters)?;
    push_seek(&mut statement, &query.sort, seek)?;
    let direction = if query.sort.descending { "desc" } else { "asc" };
    statement.push(" order by ");
    if query.sort.path != "_id" {
        statement.push(format!("{} {direction}, ", field(&query.sort.path)?));
    }
    statement.push(format!("id {direction} limit "));
    statement.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(statement)
}

pub(super) fn count(
    collection: &Collection,
    filters: &[Filter],
    limit: u64,
) -> Result<QueryBuilder<Sqlite>, ViewsError> {
    let mut statement =
        QueryBuilder::new(format!("select count(*) from (select 1 from {} where ", table(collection)));
    push_filters(&mut statement, filters)?;
    statement.push(" limit ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX)).push(")");
    Ok(statement)
}

pub(super) fn delete(
    collection: &Collection,
    filters: &[Filter],
) -> Result<QueryBuilder<Sqlite>, ViewsError> {
    let mut statement = QueryBuilder::new(format!("delete from {} where ", table(collection)));
    push_filters(&mut statement, filters)?;
    Ok(statement)
}

/// Sets and removes dotted paths; parents that are missing are made.
pub(super) fn update(
    collection: &Collection,
    filters: &[Filter],
    set: &Fields,
) -> Result<QueryBuilder<Sqlite>, ViewsError> {
    let (removed, set): (Vec<_>, Vec<_>) = set.iter().partition(|(_, value)| value.is_null());
    let mut statement = QueryBuilder::new(format!("update {} set body = json_set(", table(collection)));
    statement.push("json_remove(body");
    for (path, _) in removed {
        statement.push(format!(", {}", json_path(path)?));
    }
    statement.push(")");
    for (path, value) in set {
        statement.push(format!(", {}, json(", json_path(path)?));
        statement.push_bind(value.to_string()).push(")");
    }
    statement.push(") where ");
    push_filters(&mut statement, filters)?;
    Ok(statement)
}

/// The document with one id.
pub(super) fn load_one(collection: &Collection, id: &DocId) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(format!("select id, body from {} where id = ", table(collection)));
    push_id(&mut statement, id);
    statement
}

/// The documents with the ids in one bound JSON array.
pub(super) fn load(collection: &Collection, ids: &[DocId]) -> QueryBuilder<Sqlite> {
    let mut statement =
        QueryBuilder::new(format!("select id, body from {} where id in (", table(collection)));
    push_ids(&mut statement, ids.iter());
    statement.push(")");
    statement
}

/// Stores the documents in one bound JSON array of `[id, body text]`.
pub(super) fn store(collection: &Collection, rows: Vec<(&DocId, String)>) -> QueryBuilder<Sqlite> {
    let rows: Vec<Value> =
        rows.into_iter().map(|(id, body)| Value::from(vec![json_id(id), body.into()])).collect();
    let mut statement = QueryBuilder::new(format!(
        "insert into {} (id, body) select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(",
        table(collection)
    ));
    statement.push_bind(Value::from(rows).to_string());
    // `where true` keeps the parser from taking `on conflict` for a join condition.
    statement.push(") where true on conflict (id) do update set body = excluded.body");
    statement
}

pub(super) fn remove(collection: &Collection, ids: Vec<&DocId>) -> QueryBuilder<Sqlite> {
    let mut statement = QueryBuilder::new(format!("delete from {} where id in (", table(collection)));
    push_ids(&mut statement, ids.into_iter());
    statement.push(")");
    statement
}

fn push_ids<'a>(statement: &mut QueryBuilder<Sqlite>, ids: impl Iterator<Item = &'a DocId>) {
    let ids: Vec<Value> = ids.map(json_id).collect();
    statement.push("select value from json_each(").push_bind(Value::from(ids).to_string()).push(")");
}

pub(super) fn push_id(statement: &mut QueryBuilder<Sqlite>, id: &DocId) {
    match id {
        DocId::Int(id) => push_scalar(statement, &(*id).into()),
        DocId::Text(id) => push_scalar(statement, &id.as_str().into()),
    }
}

fn json_id(id: &DocId) -> Value {
    match id {
        DocId::Int(id) => (*id).into(),
        DocId::Text(id) => id.as_str().into(),
    }
}

/// The expression of a dotted path's value.
pub(super) fn field(path: &str) -> Result<String, ViewsError> {
    if path == "_id" {
        return Ok("id".to_owned());
    }
    Ok(format!("json_extract(body, {})", json_path(path)?))
}

/// A dotted path as a quoted SQLite JSON path.
pub(super) fn json_path(path: &str) -> Result<String, ViewsError> {
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !path.split('.').all(plain) {
        return Err(ViewsError::Rejected(format!("`{path}` is not a path of field names")));
    }
    Ok(format!("'$.\"{}\"'", path.replace('.', "\".\"")))
}

pub(super) fn table(collection: &Collection) -> String {
    quoted(collection.name)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
