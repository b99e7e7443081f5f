//! The oracle: ledger = state = outbox = log = views, sequences contiguous, stock adds up.

use std::collections::{BTreeMap, BTreeSet};

use esteira_bus::Log;
use esteira_events::{Event, EventType, Topics};
use esteira_sql::{Db, on};
use esteira_views::{ORDERS, PARKED, PRODUCTS, Query, Sort, USERS, Views};
use sqlx::{AssertSqlSafe, FromRow};

use super::client::Receipt;
use super::platform::Platform;

esteira_sql::row! {
    struct OutboxRow {
        aggregate: String,
        aggregate_id: i64,
        sequence: i64,
        event_id: String,
    }
}

esteira_sql::row! {
    struct OrderRow {
        id: i64,
        status: String,
        reservation: String,
        refund_due: bool,
    }
}

/// What a platform has, read from its stores.
pub struct Oracle {
    db: Db,
    log: std::sync::Arc<dyn Log>,
    views: std::sync::Arc<dyn Views>,
    topics: Topics,
}

type Verdict = Result<(), String>;

fn check(ok: bool, what: impl FnOnce() -> String) -> Verdict {
    if ok { Ok(()) } else { Err(what()) }
}

impl Oracle {
    pub async fn of(platform: &Platform) -> Self {
        Self {
            db: platform.db().await,
            log: platform.log().await,
            views: platform.views().await,
            topics: Topics::with_prefix(platform.topic_prefix.clone()),
        }
    }

    /// Every guarantee that can be read off the stores once all is quiet.
    pub async fn agrees(&self, ledger: &[Receipt], stock: &BTreeMap<i64, i64>) -> Verdict {
        let outbox = self.outbox().await?;
        contiguous(&outbox)?;
        self.state_is_the_end_of_its_events(&outbox).await?;
        self.ledger_is_state(ledger).await?;
        self.stock_adds_up(ledger, stock).await?;
        self.log_is_outbox(&outbox).await?;
        self.views_are_state().await
    }

    async fn outbox(&self) -> Result<Vec<OutboxRow>, String> {
        let waiting = self.ints("select count(*) from outbox where processed_at is null").await[0];
        check(waiting == 0, || format!("{waiting} outbox rows are not published"))?;
        Ok(self.rows("select aggregate, aggregate_id, sequence, event_id from outbox order by id").await)
    }

    async fn state_is_the_end_of_its_events(&self, outbox: &[OutboxRow]) -> Verdict {
        for (kind, table) in [("user", "users"), ("product", "products"), ("order", "orders")] {
            let mut ends: BTreeMap<i64, i64> = BTreeMap::new();
            for row in outbox.iter().filter(|row| row.aggregate == kind) {
                ends.insert(row.aggregate_id, row.sequence);
            }
            let state: Vec<(i64, i64)> =
                self.rows(&format!("select id, version from {table} order by id")).await;
            check(state == ends.into_iter().collect::<Vec<_>>(), || format!("{table} are not their events"))?;
        }
        Ok(())
    }

    async fn ledger_is_state(&self, ledger: &[Receipt]) -> Verdict {
        let orders = self.orders().await;
        check(orders.len() == ledger.len(), || {
            format!("{} orders, {} acknowledged", orders.len(), ledger.len())
        })?;
        for receipt in ledger {
            let order = orders.get(&receipt.order_id).ok_or(format!("order {} is lost", receipt.order_id))?;
            let rejected = order.reservation == "REJECTED";
            let expected = match (receipt.paid, receipt.canceled) {
                (_, Some(true)) => "CANCELED",
                _ if rejected => "CANCELED",
                (Some(true), _) => "PAID",
                (_, _) => "CREATED",
            };
            check(order.status == expected, || {
                format!("order {} is {}, not {expected}", order.id, order.status)
            })?;
            let refund = rejected && receipt.paid == Some(true);
            check(order.refund_due == refund, || {
                format!("order {}: refund_due {}", order.id, order.refund_due)
            })?;
            let decided = order.status == "CANCELED" || order.reservation == "RESERVED";
            check(decided, || format!("order {} still waits for its stock", order.id))?;
        }
        Ok(())
    }

    async fn stock_adds_up(&self, ledger: &[Receipt], initial: &BTreeMap<i64, i64>) -> Verdict {
        let orders = self.orders().await;
        let mut expected = initial.clone();
        for receipt in ledger.iter().filter(|receipt| orders[&receipt.order_id].status != "CANCELED") {
            *expected.entry(receipt.product_id).or_default() -= receipt.quantity;
        }
        let stock: Vec<(i64, i64)> = self.rows("select id, stock from products order by id").await;
        let expected: Vec<(i64, i64)> = expected.into_iter().collect();
        check(stock == expected, || format!("stock is {stock:?}, not {expected:?}"))
    }

    /// Every event is in the log; twice is allowed, since its id is the same.
    async fn log_is_outbox(&self, outbox: &[OutboxRow]) -> Verdict {
        let mut found = BTreeSet::new();
        for event_type in EventType::ALL {
            let topic = self.topics.name(event_type);
            for partition in 0..3 {
                found.extend(self.event_ids(event_type, &topic, partition).await);
                let letters = self.log.read(&Topics::dead_letters(&topic), partition, 0, 1).await.unwrap();
                check(letters.is_empty(), || format!("{topic} has dead letters"))?;
            }
        }
        let written: BTreeSet<String> = outbox.iter().map(|row| row.event_id.clone()).collect();
        check(found == written, || {
            format!("the log has {} events, the outbox {}", found.len(), written.len())
        })
    }

    async fn event_ids(&self, event_type: EventType, topic: &str, partition: i32) -> Vec<String> {
        let mut ids = Vec::new();
        let mut offset = 0;
        loop {
            let records = self.log.read(topic, partition, offset, 1_000).await.unwrap();
            let Some(last) = records.last() else { return ids };
            offset = last.offset + 1;
            ids.extend(records.iter().map(|record| {
                Event::decode(event_type, record.value.as_deref()).unwrap().meta.event_id.to_string()
            }));
        }
    }

    async fn views_are_state(&self) -> Verdict {
        let parked = self.views.count(&PARKED, &[], 1_000).await.unwrap();
        check(parked == 0, || format!("{parked} events are parked"))?;
        for (collection, table) in [(&USERS, "users"), (&PRODUCTS, "products"), (&ORDERS, "orders")] {
            let state: Vec<(i64, i64)> =
                self.rows(&format!("select id, version from {table} order by id")).await;
            let query = Query { filters: vec![], sort: Sort::ascending("_id"), after: None, limit: 10_000 };
            let documents = self.views.find(collection, &query).await.unwrap();
            let views: Vec<(i64, i64)> = documents
                .iter()
                .map(|document| (document.id.to_string().parse().unwrap(), document.version()))
                .collect();
            check(views == state, || format!("{} views of {} {table} differ", views.len(), state.len()))?;
            if table == "orders" {
                self.order_views_are_state(&documents).await?;
            }
        }
        Ok(())
    }

    async fn order_views_are_state(&self, documents: &[esteira_views::Document]) -> Verdict {
        let orders = self.orders().await;
        for document in documents {
            let order = &orders[&document.id.to_string().parse().unwrap()];
            let text =
                |field: &str| document.body.get(field).and_then(|value| value.as_str()).unwrap_or_default();
            let same = text("status") == order.status && text("reservation") == order.reservation;
            check(same, || format!("the view of order {} shows {}", order.id, text("status")))?;
        }
        Ok(())
    }

    async fn orders(&self) -> BTreeMap<i64, OrderRow> {
        let rows: Vec<OrderRow> = self.rows("select id, status, reservation, refund_due from orders").await;
        rows.into_iter().map(|row| (row.id, row)).collect()
    }

    async fn ints(&self, sql: &str) -> Vec<i64> {
        self.rows::<(i64,)>(sql).await.into_iter().map(|row| row.0).collect()
    }

    async fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: Send
            + Unpin
            + for<'r> FromRow<'r, sqlx::mysql::MySqlRow>
            + for<'r> FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        let mut reader = self.db.read().await.unwrap();
        on!(&mut reader.conn(), c => sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *c).await)
            .unwrap()
    }
}

/// Sequences are 1, 2, 3… of every aggregate, in the order of the outbox.
fn contiguous(outbox: &[OutboxRow]) -> Verdict {
    let mut next: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for row in outbox {
        let expected = next.entry((&row.aggregate, row.aggregate_id)).or_insert(1);
        let (kind, id) = (&row.aggregate, row.aggregate_id);
        check(row.sequence == *expected, || {
            format!("{kind} {id}: {} comes where {expected} should", row.sequence)
        })?;
        *expected += 1;
    }
    Ok(())
}
