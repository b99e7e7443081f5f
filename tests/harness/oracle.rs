//! The oracle: ledger = state = outbox = log = views, sequences contiguous, stock adds up.

use std::collections::{BTreeMap, BTreeSet};

use esteira_bus::{Log, Record};
use esteira_events::{Event, EventType, Topics};
use esteira_sql::{Db, on};
use esteira_testkit::eventually;
use esteira_views::{
    Collection, Document, Filter, ORDERS, PARKED, PRODUCTS, Query, Scalar, Sort, USERS, Views,
};
use sqlx::{AssertSqlSafe, FromRow};

use super::client::Receipt;
use super::platform::Platform;

/// Of every topic.
const PARTITIONS: i32 = 3;
const PAGE: usize = 10_000;

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
    pub log: std::sync::Arc<dyn Log>,
    views: std::sync::Arc<dyn Views>,
    pub topics: Topics,
    /// Whether dead letters are part of the story: then they are no difference, nor what is no event.
    pub letters: bool,
}

/// What [`Oracle::losses`] counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    pub lost: usize,
    pub doubled: usize,
    /// Records that are in the log more than once, under one event id: allowed, and told.
    pub sent_again: usize,
    pub events: usize,
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
            letters: false,
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

    /// As [`Self::agrees`], without reading the log: cheap enough to ask again and again.
    pub async fn is_quiet(&self, ledger: &[Receipt], stock: &BTreeMap<i64, i64>) -> Verdict {
        let outbox = self.outbox().await?;
        self.ledger_is_state(ledger).await?;
        self.stock_adds_up(ledger, stock).await?;
        self.state_is_the_end_of_its_events(&outbox).await?;
        self.views_are_state().await
    }

    /// What was acknowledged or written and is nowhere to be found, and what is there though nobody asked for it.
    pub async fn losses(&self, ledger: &[Receipt]) -> Losses {
        let acknowledged: BTreeSet<i64> = ledger.iter().map(|receipt| receipt.order_id).collect();
        let orders: BTreeSet<i64> = self.orders().await.into_keys().collect();
        let written: BTreeSet<String> = self.texts("select event_id from outbox").await.into_iter().collect();
        let published = self.published().await;
        let known: BTreeSet<String> = published.iter().cloned().collect();
        let views: BTreeSet<i64> = self.versions(&ORDERS).await.into_iter().map(|(id, _)| id).collect();
        Losses {
            lost: acknowledged.difference(&orders).count()
                + written.difference(&known).count()
                + orders.difference(&views).count(),
            doubled: orders.difference(&acknowledged).count()
                + (ledger.len() - acknowledged.len())
                + known.difference(&written).count()
                + views.difference(&orders).count(),
            sent_again: published.len() - known.len(),
            events: written.len(),
        }
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
        for event_type in EventType::ALL.into_iter().filter(|_| !self.letters) {
            let topic = Topics::dead_letters(&self.topics.name(event_type));
            for partition in 0..PARTITIONS {
                let letters = self.read(&topic, partition, 0, 1).await;
                check(letters.is_empty(), || format!("{topic} has dead letters"))?;
            }
        }
        let found: BTreeSet<String> = self.published().await.into_iter().collect();
        let written: BTreeSet<String> = outbox.iter().map(|row| row.event_id.clone()).collect();
        check(found == written, || {
            format!("the log has {} events, the outbox {}", found.len(), written.len())
        })
    }

    /// The event ids of the whole log, as often as they are there.
    pub async fn published(&self) -> Vec<String> {
        let mut found = Vec::new();
        for event_type in EventType::ALL {
            for partition in 0..PARTITIONS {
                found.extend(self.event_ids(event_type, &self.topics.name(event_type), partition).await);
            }
        }
        found
    }

    /// Whether each key's records stand in each topic in the order of their sequences, copies aside.
    pub async fn log_is_in_order(&self) -> Verdict {
        for event_type in EventType::ALL {
            let topic = self.topics.name(event_type);
            for partition in 0..PARTITIONS {
                let mut last: BTreeMap<String, i64> = BTreeMap::new();
                let mut seen = BTreeSet::new();
                for record in self.records(&topic, partition).await {
                    let Some(sequence) = record.header("ce_sequence").and_then(|text| text.parse().ok())
                    else {
                        continue;
                    };
                    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
                    if seen.insert((key.clone(), sequence)) {
                        let before = last.insert(key.clone(), sequence);
                        check(before < Some(sequence), || {
                            format!("{topic}: {sequence} of {key} comes after {before:?}")
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Every record of a partition.
    pub async fn records(&self, topic: &str, partition: i32) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let offset = records.last().map_or(0, |last| last.offset + 1);
            let page = self.read(topic, partition, offset, PAGE).await;
            if page.is_empty() {
                return records;
            }
            records.extend(page);
        }
    }

    /// A topic that has just been made, or whose broker has just come back, is read a little later.
    async fn read(&self, topic: &str, partition: i32, offset: i64, max: usize) -> Vec<Record> {
        eventually(&format!("{topic} can be read"), || async {
            self.log.read(topic, partition, offset, max).await.ok()
        })
        .await
    }

    async fn event_ids(&self, event_type: EventType, topic: &str, partition: i32) -> Vec<String> {
        let mut ids = Vec::new();
        for record in self.records(topic, partition).await {
            match Event::decode(event_type, record.value.as_deref()) {
                Ok(event) => ids.push(event.meta.event_id.to_string()),
                Err(error) => assert!(self.letters, "{topic}/{partition}/{}: {error}", record.offset),
            }
        }
        ids
    }

    async fn views_are_state(&self) -> Verdict {
        let of_state = |state: &str| vec![Filter::eq("state", state)];
        let filters = if self.letters { of_state("waiting") } else { vec![] };
        let parked = self.views.count(&PARKED, &filters, 100_000).await.unwrap();
        check(parked == 0, || format!("{parked} events are parked"))?;
        for (collection, table) in [(&USERS, "users"), (&PRODUCTS, "products"), (&ORDERS, "orders")] {
            let state: Vec<(i64, i64)> =
                self.rows(&format!("select id, version from {table} order by id")).await;
            let documents = self.documents(collection).await;
            let views = versions(&documents);
            check(views == state, || format!("{} views of {} {table} differ", views.len(), state.len()))?;
            if table == "orders" {
                self.order_views_are_state(&documents).await?;
            }
        }
        Ok(())
    }

    async fn versions(&self, collection: &'static Collection) -> Vec<(i64, i64)> {
        versions(&self.documents(collection).await)
    }

    async fn documents(&self, collection: &'static Collection) -> Vec<Document> {
        let mut documents: Vec<Document> = Vec::new();
        loop {
            let after = documents.last().map(|last| (Scalar::Null, last.id.clone()));
            let query = Query { filters: vec![], sort: Sort::ascending("_id"), after, limit: 5_000 };
            let page = self.views.find(collection, &query).await.unwrap();
            if page.is_empty() {
                return documents;
            }
            documents.extend(page);
        }
    }

    async fn order_views_are_state(&self, documents: &[Document]) -> Verdict {
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

    pub async fn ints(&self, sql: &str) -> Vec<i64> {
        self.rows::<(i64,)>(sql).await.into_iter().map(|row| row.0).collect()
    }

    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.rows::<(String,)>(sql).await.into_iter().map(|row| row.0).collect()
    }

    pub async fn rows<T>(&self, sql: &str) -> Vec<T>
    where
        T: Send
            + Unpin
            + for<'r> FromRow<'r, sqlx::mysql::MySqlRow>
            + for<'r> FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        // Connections that a killed server has left behind fail once.
        eventually("the store can be read", || async {
            let mut reader = self.db.read().await.ok()?;
            on!(&mut reader.conn(), c => {
                sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *c).await
            })
            .ok()
        })
        .await
    }
}

fn versions(documents: &[Document]) -> Vec<(i64, i64)> {
    let version = |document: &Document| (document.id.to_string().parse().unwrap(), document.version());
    documents.iter().map(version).collect()
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
