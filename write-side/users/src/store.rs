//! All SQL of the users service.

use std::collections::{HashMap, HashSet};

use esteira_aggregate::{Aggregates, WriteError};
use esteira_events::{OrderId, UserId};
use esteira_sql::bulk::{self, InsertedIds};
use esteira_sql::{Conn, Timestamp, on};
use sqlx::QueryBuilder;

use crate::domain::User;

const COLUMNS: &str = "id, name, email, created_at, updated_at, version";

esteira_sql::row! {
    /// A row of `users`.
    #[derive(Clone, Debug)]
    pub struct UserRow {
        pub id: UserId,
        pub name: String,
        pub email: String,
        pub created_at: Timestamp,
        /// Go's `init.sql` has no value here.
        pub updated_at: Option<Timestamp>,
        pub version: i64,
    }
}

impl UserRow {
    pub fn into_state(self) -> User {
        let updated_at = self.updated_at.unwrap_or(self.created_at);
        User { name: self.name, email: self.email, created_at: self.created_at, updated_at }
    }
}

/// Loads and locks users, ids ascending.
pub async fn load_for_update(conn: &mut Conn<'_>, ids: &[i64]) -> Result<Vec<UserRow>, sqlx::Error> {
    let lock = conn.for_update();
    let mut rows = Vec::with_capacity(ids.len());
    for list in bulk::key_lists(ids) {
        rows.extend::<Vec<UserRow>>(on!(conn, c => {
            let mut query = QueryBuilder::new(format!("select {COLUMNS} from users where id in "));
            bulk::push_list(&mut query, &list);
            query.push(" order by id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    Ok(rows)
}

/// Who has these emails, compared as the engine's unique key compares them.
pub async fn owners(conn: &mut Conn<'_>, emails: &[&str]) -> Result<Vec<(UserId, String)>, sqlx::Error> {
    let mut rows = Vec::new();
    for list in bulk::key_lists(emails) {
        rows.extend::<Vec<(UserId, String)>>(on!(conn, c => {
            let mut query = QueryBuilder::new("select id, email from users where email in ");
            bulk::push_texts(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    Ok(rows)
}

/// Those of `ids` that an order refers to.
pub async fn with_orders(conn: &mut Conn<'_>, ids: &[i64]) -> Result<HashSet<i64>, sqlx::Error> {
    let mut found = HashSet::new();
    for list in bulk::key_lists(ids) {
        found.extend::<Vec<i64>>(
            on!(conn, c => {
                let mut query = QueryBuilder::new("select distinct user_id from orders where user_id in ");
                bulk::push_list(&mut query, &list);
                query.build_query_scalar::<UserId>().fetch_all(&mut *c).await
            })
            .map(|ids| ids.into_iter().map(|id| id.0).collect())?,
        );
    }
    Ok(found)
}

/// The orders of `ids` that are under way or wait for a refund, by user. What Go stored as a status and nobody knows counts
/// as under way.
pub async fn open_orders(conn: &mut Conn<'_>, ids: &[i64]) -> Result<HashMap<i64, Vec<i64>>, sqlx::Error> {
    let mut open: HashMap<i64, Vec<i64>> = HashMap::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<(UserId, OrderId)> = on!(conn, c => {
            let mut query = QueryBuilder::new("select user_id, id from orders where user_id in ");
            bulk::push_list(&mut query, &list);
            query.push(" and (status not in ('DELIVERED', 'CANCELED') or refund_due) order by id");
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        for (user, order) in rows {
            open.entry(user.0).or_default().push(order.0);
        }
    }
    Ok(open)
}

/// Writes every change of the batch.
pub async fn write(conn: &mut Conn<'_>, users: &mut Aggregates<User>) -> Result<(), WriteError> {
    insert(conn, users).await?;
    update(conn, users).await?;
    delete(conn, users).await
}

async fn insert(conn: &mut Conn<'_>, users: &mut Aggregates<User>) -> Result<(), WriteError> {
    let mut assigned = Vec::new();
    for chunk in bulk::chunks(&users.created()) {
        let ids = on!(conn, c => {
            let mut query = QueryBuilder::new("insert into users (name, email, created_at, updated_at, version) ");
            query.push_values(chunk, |mut row, (slot, user)| {
                row.push_bind(user.name.clone())
                    .push_bind(user.email.clone())
                    .push_bind(user.created_at)
                    .push_bind(user.updated_at)
                    .push_bind(users.version(*slot));
            });
            query.build().execute(&mut *c).await?.inserted_ids(chunk.len())
        });
        assigned.extend(chunk.iter().map(|(slot, _)| *slot).zip(ids));
    }
    for (slot, id) in assigned {
        users.assign(slot, id);
    }
    Ok(())
}

async fn update(conn: &mut Conn<'_>, users: &Aggregates<User>) -> Result<(), WriteError> {
    for chunk in bulk::chunks(&users.changed()) {
        let written = on!(conn, c => {
            bulk::Update::new("users", chunk, |row| row.id)
                .set("name", |row| row.state.name.clone())
                .set("email", |row| row.state.email.clone())
                .set("updated_at", |row| row.state.updated_at)
                .set("version", |row| row.version)
                .guarded(|row| row.loaded)
                .build()
                .execute(&mut *c)
                .await?
                .rows_affected()
        });
        WriteError::check(written, chunk.len())?;
    }
    Ok(())
}

async fn delete(conn: &mut Conn<'_>, users: &Aggregates<User>) -> Result<(), WriteError> {
    for (id, loaded) in users.deleted() {
        let written = on!(conn, c => {
            sqlx::query("delete from users where id = ? and version = ?").bind(id).bind(loaded).execute(&mut *c).await
                .map(|done| done.rows_affected())
        })?;
        WriteError::check(written, 1)?;
    }
    Ok(())
}

/// One user, for a read.
pub async fn find(conn: &mut Conn<'_>, id: i64) -> Result<Option<UserRow>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as("select id, name, email, created_at, updated_at, version from users where id = ?")
            .bind(id)
            .fetch_optional(&mut *c)
            .await
    })
}

/// A page of users by id, and how many there are.
pub async fn list(conn: &mut Conn<'_>, after: i64, limit: i64) -> Result<(Vec<UserRow>, i64), sqlx::Error> {
    on!(conn, c => {
        let rows = sqlx::query_as(
            "select id, name, email, created_at, updated_at, version from users where id > ? order by id limit ?",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *c)
        .await?;
        let total = sqlx::query_scalar("select count(*) from users").fetch_one(&mut *c).await?;
        Ok((rows, total))
    })
}
