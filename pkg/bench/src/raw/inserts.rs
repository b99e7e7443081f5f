//! The write store's ceiling: an order, its lines and its event, one transaction an order.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use esteira_sql::{Conn, Db, Money, Timestamp, on};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Ids of orders that no run reaches.
const FIRST: i64 = 1 << 40;

/// Transactions a second by so many clients, each on a connection of its own.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub async fn inserts(db: &Db, clients: usize, duration: Duration) -> anyhow::Result<f64> {
    let next = Arc::new(AtomicI64::new(FIRST));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (db, next) = (db.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            while started.elapsed() < duration {
                order(&db, next.fetch_add(1, Ordering::Relaxed)).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok((next.load(Ordering::Relaxed) - FIRST) as f64 / started.elapsed().as_secs_f64())
}

async fn order(db: &Db, id: i64) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    three_inserts(&mut tx.conn(), id).await?;
    tx.commit().await
}

async fn three_inserts(conn: &mut Conn<'_>, id: i64) -> Result<(), sqlx::Error> {
    let now = Timestamp::now();
    let price = Money::nearest(19.9).unwrap_or(Money::ZERO);
    on!(conn, c => {
        sqlx::query("insert into orders (id, user_id, status, total_amount, created_at, updated_at, version, reservation) values (?, ?, 'CREATED', ?, ?, ?, 1, 'PENDING')")
            .bind(id)
            .bind(id % 500 + 1)
            .bind(price)
            .bind(now)
            .bind(now)
            .execute(&mut *c)
            .await?;
        sqlx::query("insert into order_products (order_id, product_id, quantity, unit_price) values (?, 1, 1, ?), (?, 2, 1, ?)")
            .bind(id)
            .bind(price)
            .bind(id)
            .bind(price)
            .execute(&mut *c)
            .await?;
        sqlx::query("insert into outbox (aggregate, aggregate_id, sequence, event_type, event_id, payload, created_at) values ('order', ?, 1, 'order.created', ?, ?, ?)")
            .bind(id)
            .bind(Uuid::now_v7().to_string())
            .bind(PAYLOAD)
            .bind(now)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// As long as the event of an order with two lines.
const PAYLOAD: &str = r#"{"event_id":"0193a5c0-0000-7000-8000-000000000000","occurred_at":"2026-01-01T00:00:00.000Z","sequence":1,"schema_version":1,"order":{"id":1234567,"user_id":123,"status":"CREATED","total_amount":39.8,"items":[{"product_id":1,"quantity":1,"unit_price":19.9,"product":{"id":1,"name":"Product 1","price":19.9,"stock":999999999}},{"product_id":2,"quantity":1,"unit_price":19.9,"product":{"id":2,"name":"Product 2","price":19.9,"stock":999999999}}],"user":{"id":123,"name":"User 123","email":"u123@example.com","version":1}}}"#;
