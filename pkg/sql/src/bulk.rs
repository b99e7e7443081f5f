//! Statements over many rows, in few sizes: the statement cache is keyed by the SQL text.

use sqlx::mysql::MySqlQueryResult;
use sqlx::sqlite::SqliteQueryResult;
use sqlx::{Database, Encode, QueryBuilder, Type};

/// The largest number of rows that one statement carries.
pub const MAX_ROWS: usize = 64;

/// Cuts `rows` into runs of 64, 32, 16, … 1, so that at most seven texts of a statement exist.
pub fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = MAX_ROWS.min(1 << rows.len().checked_ilog2()?);
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

/// Cuts `keys` into lists for `in (…)`, each padded to a power of two with its last key.
pub fn key_lists<T: Copy>(keys: &[T]) -> impl Iterator<Item = Vec<T>> {
    keys.chunks(MAX_ROWS).map(|chunk| {
        let mut list = chunk.to_vec();
        list.resize(chunk.len().next_power_of_two(), chunk[chunk.len() - 1]);
        list
    })
}

/// The ids that an insert of many rows gave.
pub trait InsertedIds {
    /// The ids of the `rows` rows, in the order in which they were inserted.
    fn inserted_ids(&self, rows: usize) -> std::ops::Range<i64>;
}

impl InsertedIds for MySqlQueryResult {
    /// The first id; an insert of a known number of rows has consecutive ids in every lock mode of InnoDB.
    fn inserted_ids(&self, rows: usize) -> std::ops::Range<i64> {
        let first = self.last_insert_id().cast_signed();
        first..first + rows.cast_signed() as i64
    }
}

impl InsertedIds for SqliteQueryResult {
    /// The last id; there is one writer.
    fn inserted_ids(&self, rows: usize) -> std::ops::Range<i64> {
        let end = self.last_insert_rowid() + 1;
        end - rows.cast_signed() as i64..end
    }
}

/// Pushes `(?, ?, …)` with `keys` bound.
pub fn push_list<DB, T>(query: &mut QueryBuilder<DB>, keys: &[T])
where
    DB: Database,
    T: Copy + for<'t> Encode<'t, DB> + Type<DB> + Send + 'static,
{
    query.push("(");
    let mut separated = query.separated(", ");
    for key in keys {
        separated.push_bind(*key);
    }
    query.push(")");
}

/// Pushes `(?, ?, …)` with texts bound.
pub fn push_texts<DB>(query: &mut QueryBuilder<DB>, texts: &[&str])
where
    DB: Database,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    query.push("(");
    let mut separated = query.separated(", ");
    for text in texts {
        separated.push_bind((*text).to_owned());
    }
    query.push(")");
}

/// One `update` of many rows, each to values of its own, guarded by each row's version.
///
/// `update t set c = case id when ? then ? … end, … where id in (…) and version = case id when ? then ? … end`:
/// the form that MySQL, MariaDB and SQLite share. A stale row is left out, which the number of affected rows shows.
pub struct Update<'r, DB: Database, R> {
    query: QueryBuilder<DB>,
    rows: &'r [R],
    key: fn(&R) -> i64,
    columns: usize,
}

impl<'r, DB, R> Update<'r, DB, R>
where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
{
    pub fn new(table: &'static str, rows: &'r [R], key: fn(&R) -> i64) -> Self {
        Self { query: QueryBuilder::new(format!("update {table} set ")), rows, key, columns: 0 }
    }

    /// Sets `column` to `value` of each row.
    #[must_use]
    pub fn set<T>(mut self, column: &'static str, value: impl Fn(&'r R) -> T) -> Self
    where
        T: for<'t> Encode<'t, DB> + Type<DB> + Send + 'static,
    {
        self.separate();
        self.query.push(column).push(" = ");
        push_case(&mut self.query, self.rows, self.key, value);
        self
    }

    /// Sets `column` to the same `value` in every row.
    #[must_use]
    pub fn set_all<T>(mut self, column: &'static str, value: T) -> Self
    where
        T: for<'t> Encode<'t, DB> + Type<DB> + Send + 'static,
    {
        self.separate();
        self.query.push(column).push(" = ").push_bind(value);
        self
    }

    /// Finishes with `where id in (…)`, to which the caller may add a condition.
    pub fn finish(mut self) -> QueryBuilder<DB> {
        let keys: Vec<i64> = self.rows.iter().map(self.key).collect();
        self.query.push(" where id in ");
        push_list(&mut self.query, &keys);
        self.query
    }

    /// Finishes with the guard on `version`, the version that each row was loaded with.
    pub fn guarded(self, version: impl Fn(&'r R) -> i64) -> QueryBuilder<DB> {
        let (rows, key) = (self.rows, self.key);
        let mut query = self.finish();
        query.push(" and version = ");
        push_case(&mut query, rows, key, version);
        query
    }

    fn separate(&mut self) {
        if self.columns > 0 {
            self.query.push(", ");
        }
        self.columns += 1;
    }
}

fn push_case<'r, DB, R, T>(
    query: &mut QueryBuilder<DB>,
    rows: &'r [R],
    key: fn(&R) -> i64,
    value: impl Fn(&'r R) -> T,
) where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    T: for<'t> Encode<'t, DB> + Type<DB> + Send + 'static,
{
    query.push("case id");
    for row in rows {
        query.push(" when ").push_bind(key(row));
        query.push(" then ").push_bind(value(row));
    }
    query.push(" end");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_row_once_in_order() {
        let rows: Vec<usize> = (0..1_000).collect();
        for length in [0, 1, 2, 3, 63, 64, 65, 127, 1_000] {
            let sizes: Vec<usize> = chunks(&rows[..length]).map(<[_]>::len).collect();
            assert!(sizes.iter().all(|size| size.is_power_of_two() && *size <= MAX_ROWS));
            assert_eq!(chunks(&rows[..length]).flatten().copied().collect::<Vec<_>>(), rows[..length]);
        }
    }

    #[test]
    fn key_lists_are_padded_with_a_key_that_is_there() {
        let lists: Vec<Vec<i64>> = key_lists(&[1, 2, 3]).collect();
        assert_eq!(lists, [[1, 2, 3, 3]]);
    }
}
