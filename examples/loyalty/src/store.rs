//! All SQL of the service, the same text for MySQL and SQLite.

use esteira_aggregate::WriteError;
use esteira_sql::{Conn, Timestamp, bulk, on};
use sqlx::QueryBuilder;

use crate::domain::PointsEvent;
use crate::service::{Held, World};

esteira_sql::row! {
    /// A row of `loyalty_accounts`; a closed account has no points.
    #[derive(Clone, Debug)]
    pub struct AccountRow {
        pub user_id: i64,
        pub points: Option<i64>,
        pub version: i64,
    }
}

esteira_sql::row! {
    /// A row of `loyalty_events`.
    #[derive(Clone, Debug)]
    pub struct EventRow {
        pub kind: String,
        pub points: i64,
        pub occurred_at: Timestamp,
    }
}

/// Loads and locks accounts, ids ascending.
pub async fn load_for_update(conn: &mut Conn<'_>, users: &[i64]) -> Result<Vec<AccountRow>, sqlx::Error> {
    let lock = conn.for_update();
    let mut rows = Vec::with_capacity(users.len());
    for list in bulk::key_lists(users) {
        rows.extend::<Vec<AccountRow>>(on!(conn, c => {
            let mut query =
                QueryBuilder::new("select user_id, points, version from loyalty_accounts where user_id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by user_id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    Ok(rows)
}

/// Writes state and events of the batch: both, or neither, since the executor alone commits.
pub async fn write(conn: &mut Conn<'_>, world: &World) -> Result<(), WriteError> {
    let changed = || world.accounts.iter().filter(|(_, held)| !held.events.is_empty());
    insert(conn, &changed().filter(|(_, held)| held.loaded == 0).collect::<Vec<_>>()).await?;
    update(conn, &changed().filter(|(_, held)| held.loaded > 0).collect::<Vec<_>>()).await?;
    let events: Vec<(i64, i64, PointsEvent)> = changed()
        .flat_map(|(user, held)| {
            (held.loaded + 1..).zip(&held.events).map(|(sequence, event)| (*user, sequence, *event))
        })
        .collect();
    append(conn, &events, world.at).await
}

async fn insert(conn: &mut Conn<'_>, accounts: &[(&i64, &Held)]) -> Result<(), WriteError> {
    for chunk in bulk::chunks(accounts) {
        on!(conn, c => {
            let mut query = QueryBuilder::new("insert into loyalty_accounts (user_id, points, version) ");
            query.push_values(chunk, |mut row, (user, held)| {
                row.push_bind(**user).push_bind(held.points()).push_bind(held.version());
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}

async fn update(conn: &mut Conn<'_>, accounts: &[(&i64, &Held)]) -> Result<(), WriteError> {
    for (user, held) in accounts {
        let written = on!(conn, c => {
            sqlx::query("update loyalty_accounts set points = ?, version = ? where user_id = ? and version = ?")
                .bind(held.points())
                .bind(held.version())
                .bind(**user)
                .bind(held.loaded)
                .execute(&mut *c)
                .await
                .map(|done| done.rows_affected())
        })?;
        WriteError::check(written, 1)?;
    }
    Ok(())
}

async fn append(
    conn: &mut Conn<'_>,
    events: &[(i64, i64, PointsEvent)],
    at: Timestamp,
) -> Result<(), WriteError> {
    for chunk in bulk::chunks(events) {
        on!(conn, c => {
            let mut query =
                QueryBuilder::new("insert into loyalty_events (user_id, sequence, kind, points, occurred_at) ");
            query.push_values(chunk, |mut row, (user, sequence, event)| {
                let (kind, points) = stored(*event);
                row.push_bind(*user).push_bind(*sequence).push_bind(kind).push_bind(points).push_bind(at);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}

fn stored(event: PointsEvent) -> (&'static str, i64) {
    match event {
        PointsEvent::Opened { points } => ("opened", points),
        PointsEvent::Redeemed { points } => ("redeemed", points),
        PointsEvent::Closed => ("closed", 0),
    }
}

/// The events of one account, in their order.
pub async fn events(conn: &mut Conn<'_>, user: i64) -> Result<Vec<EventRow>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as("select kind, points, occurred_at from loyalty_events where user_id = ? order by sequence")
            .bind(user)
            .fetch_all(&mut *c)
            .await
    })
}
