//! Events to append, and what the outbox says of them.

use std::time::Duration;

use esteira_events::{Payload, UserChanged, UserData, UserId};
use esteira_outbox::{Lease, Mark, NewEvent, OutboxRow, SCHEMA, Slots, acquire, append, claim};
use esteira_sql::{Db, Timestamp};
use esteira_telemetry::TraceContext;
use esteira_testkit::TestDb;

pub(crate) const LEASE: &str = "work";
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// An event of `user`.
pub(crate) fn event(user: i64, sequence: i64) -> NewEvent {
    let name = format!("{user}/{sequence}");
    let user = UserData { id: UserId(user), name, email: "ana@example.com".into(), version: None };
    NewEvent {
        payload: Payload::UserUpdated(UserChanged { user }),
        sequence,
        occurred_at: Timestamp::now(),
        trace: TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    }
}

pub(crate) async fn given(test: &TestDb, events: Vec<NewEvent>) {
    test.migrate(&[SCHEMA]).await;
    commit(&test.db, events).await.unwrap();
}

pub(crate) async fn commit(db: &Db, events: Vec<NewEvent>) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    append(&mut tx.conn(), events).await?;
    tx.commit().await
}

pub(crate) async fn claimed(test: &TestDb, after: i64, limit: u32) -> Vec<OutboxRow> {
    claim(&mut test.db.read().await.unwrap().conn(), Slots::ALL, after, limit).await.unwrap().rows
}

pub(crate) async fn ids(test: &TestDb, after: i64, limit: u32) -> Vec<i64> {
    claimed(test, after, limit).await.iter().map(|row| row.id).collect()
}

pub(crate) fn marks(ids: impl IntoIterator<Item = i64>) -> Vec<Mark> {
    ids.into_iter().map(|id| Mark { id, partition: 2, offset: 100 + id }).collect()
}

pub(crate) async fn lease(db: &Db, owner: &str, ttl: Duration) -> Option<Lease> {
    acquire(db, LEASE, owner, ttl).await.unwrap()
}

/// Lets the lease end, as the store's clock sees it.
pub(crate) async fn expire(test: &TestDb) {
    test.execute("update leases set expires_at = expires_at - 3600000").await;
}
