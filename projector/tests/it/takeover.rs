//! Views that a Go projector wrote.

use esteira_bus::{Handler, Outage};
use esteira_events::{Event, OrderStatus};
use esteira_sql::{Timestamp, on};
use esteira_views::{
    Collection, DocId, Fields, Filter, GO_PROCESSED, ORDERS, PRODUCTS, TOMBSTONES, USERS, Write, tombstone_id,
};
use serde_json::{Value, json};

use crate::events::{
    event, made, order_canceled, order_created, order_paid, order_updated, product_created, product_updated,
    user_created, user_deleted, user_updated,
};
use crate::fixture::Fixture;

fn fields(value: Value) -> Fields {
    let Value::Object(fields) = value else { unreachable!() };
    fields
}

impl Fixture {
    async fn put(&self, collection: &'static Collection, id: i64, body: Value) {
        let write = Write::Upsert { collection, id: DocId::Int(id), set: fields(body) };
        self.views.write(vec![write]).await.unwrap();
    }

    /// An order as the Go projector leaves it.
    async fn go_order(&self, id: i64, status: &str) {
        let body = json!({
            "user_id": 1, "status": status, "total_amount": 0.0, "user": { "id": 1, "name": "old", "email": "old" },
            "items": [{ "product_id": 1, "quantity": 2, "unit_price": 10.0 }], "created_at": "2026-11-22T12:43:09.055Z",
        });
        self.put(&ORDERS, id, body).await;
    }

    /// The Go projector's mark of an event that it handled at this second.
    async fn go_processed(&self, second: i64) {
        let at = Timestamp::from_millis(1_795_351_389_000 + second * 1_000).unwrap();
        let body =
            json!({ "event_id": format!("{second}"), "service_name": "query-service", "processed_at": at });
        let id = DocId::Text(format!("{second:024}"));
        self.views
            .write(vec![Write::Upsert { collection: &GO_PROCESSED, id, set: fields(body) }])
            .await
            .unwrap();
    }

    /// Appends to the outbox, as Go does: its rows name neither aggregate nor sequence.
    pub(crate) async fn outbox(&self, events: &[Event]) {
        let mut tx = self.store.as_ref().unwrap().begin().await.unwrap();
        for event in events {
            on!(&mut tx.conn(), c => {
                sqlx::query("insert into outbox (aggregate, event_type, payload, processed_at) values (?, ?, ?, ?)")
                    .bind(event.aggregate().as_str())
                    .bind(event.event_type().as_str())
                    .bind(event.encode().unwrap())
                    .bind(Timestamp::now())
                    .execute(&mut *c)
                    .await
                    .map(drop)
            })
            .unwrap();
        }
        tx.commit().await.unwrap();
    }

    async fn rows(&self, sql: &'static str) {
        let mut tx = self.store.as_ref().unwrap().begin().await.unwrap();
        on!(&mut tx.conn(), c => sqlx::query(sql).execute(&mut *c).await.map(drop)).unwrap();
        tx.commit().await.unwrap();
    }

    async fn take_over(&self) {
        self.projector().prepare().await.unwrap();
    }
}

async fn a_go_document_is_rebuilt_from_the_outbox(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [
        event(0, user_created(1, "ana")),
        event(0, product_created(1, 9)),
        event(0, order_created(1, 1, 2, None)),
        event(0, order_paid(1)),
        event(2, order_updated(1, OrderStatus::Processing)),
        event(3, order_updated(1, OrderStatus::Shipped)),
    ];
    fixture.outbox(&history).await;
    fixture.go_order(1, "PAID").await;
    fixture.take_over().await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version, order.revision), ("SHIPPED", 3, 1));
    assert_eq!((order.user.name.as_str(), order.total_amount.cents()), ("ana", 2_000));
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
    // What the log has of it is known already, and what comes next follows.
    fixture.handle(&history.iter().map(crate::events::record).collect::<Vec<_>>()).await;
    assert_eq!(fixture.order(1).await.unwrap(), order);
    fixture.handle(&[made(4, order_updated(1, OrderStatus::Delivered))]).await;
    assert_eq!(fixture.order(1).await.unwrap().status, "DELIVERED");
    assert_eq!(fixture.parked().await, []);
}

async fn a_document_whose_creation_the_outbox_does_not_have_goes_on_from_there(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.go_order(1, "PAID").await;
    fixture.outbox(&[event(2, order_updated(1, OrderStatus::Processing))]).await;
    fixture.take_over().await;
    fixture.sweep().await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version), ("PROCESSING", 2));
    assert_eq!(order.user.name, "old");
    assert_eq!(fixture.parked().await, []);
}

/// Go was swapped in again for a while: it moved the status, not the version.
async fn what_go_wrote_into_our_documents_is_rebuilt_once(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [
        event(1, user_created(1, "ana")),
        event(1, product_created(1, 9)),
        event(1, order_created(1, 1, 2, None)),
        event(2, order_paid(1)),
        event(2, user_updated(1, "eva")),
        event(3, order_updated(1, OrderStatus::Processing)),
    ];
    fixture.outbox(&history).await;
    let records: Vec<_> = history.iter().map(crate::events::record).collect();
    fixture.handle(&records[..3]).await;
    fixture.put(&ORDERS, 1, json!({ "status": "PROCESSING" })).await;
    fixture.put(&USERS, 1, json!({ "name": "Eva by Go" })).await;
    fixture.go_processed(1).await;
    fixture.take_over().await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.version, order.payment_method.as_deref()), (3, Some("PIX")));
    assert_eq!(order.user.name, "eva");
    assert_eq!(fixture.user(1).await.unwrap().name, "eva");
    // Nothing new of Go's: the next start looks and leaves all as it is.
    fixture.put(&ORDERS, 1, json!({ "status": "SHIPPED" })).await;
    fixture.take_over().await;
    assert_eq!(fixture.order(1).await.unwrap().status, "SHIPPED");
    fixture.go_processed(2).await;
    fixture.take_over().await;
    assert_eq!(fixture.order(1).await.unwrap().status, "PROCESSING");
}

async fn a_document_that_go_brought_back_after_its_deletion_goes_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.handle(&[made(1, user_created(7, "ana")), made(2, user_deleted(7))]).await;
    fixture.put(&USERS, 7, json!({ "name": "ana", "email": "ana@example.com" })).await;
    fixture.take_over().await;
    assert!(fixture.user(7).await.is_none());
    let stone = fixture.views.get(&TOMBSTONES, &[tombstone_id("user", 7)]).await.unwrap();
    assert_eq!(stone.len(), 1);
}

async fn without_the_write_store_it_waits_and_says_what_to_set(fixture: Fixture) {
    fixture.projector().prepare().await.unwrap();
    fixture.go_order(1, "PAID").await;
    let Err(Outage(reason)) = fixture.projector().prepare().await else { panic!() };
    assert!(reason.contains("1 document") && reason.contains("MYSQL_DSN"), "{reason}");
    assert_eq!(fixture.views.count(&ORDERS, &[Filter::Missing("version".into())], 9).await.unwrap(), 1);
}

/// Cancelled by Go's product side, which has no sequence, and paid by ours.
async fn a_go_cancellation_in_the_outbox_stays_final(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [
        event(1, order_created(1, 1, 2, None)),
        event(0, order_canceled(1, "no stock")),
        event(2, order_canceled(1, "no stock")),
    ];
    fixture.outbox(&history).await;
    fixture.go_order(1, "CREATED").await;
    fixture.take_over().await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version), ("CANCELED", 2));
}

async fn the_stock_that_go_moved_past_the_outbox_comes_from_the_table(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, product_created(1, 9)), event(0, product_created(2, 9))]).await;
    fixture.outbox(&[event(2, product_updated(2, 5))]).await;
    fixture.rows("insert into products (id, name, price, stock, created_at, version) \
             values (1, 'a', 100, 4, '2026-11-22T12:43:09.055Z', 1), (2, 'b', 100, 4, '2026-11-22T12:43:09.055Z', 1)").await;
    fixture.put(&PRODUCTS, 1, json!({ "name": "product 1", "stock": 4 })).await;
    fixture.take_over().await;
    // Of the second one a later event says what is left.
    assert_eq!((fixture.product(1).await.unwrap().stock, fixture.product(2).await.unwrap().stock), (4, 5));
}

/// Go's product side cancels by an event of its own, which neither a row nor the outbox has.
async fn what_go_cancelled_past_the_outbox_stays_cancelled(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, order_created(1, 1, 2, None))]).await;
    fixture.go_order(1, "CANCELED").await;
    fixture.take_over().await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version), ("CANCELED", 1));
}

crate::on_every_engine!(
    what_go_cancelled_past_the_outbox_stays_cancelled,
    the_stock_that_go_moved_past_the_outbox_comes_from_the_table,
    a_go_document_is_rebuilt_from_the_outbox,
    a_document_whose_creation_the_outbox_does_not_have_goes_on_from_there,
    what_go_wrote_into_our_documents_is_rebuilt_once,
    a_document_that_go_brought_back_after_its_deletion_goes_again,
    without_the_write_store_it_waits_and_says_what_to_set,
    a_go_cancellation_in_the_outbox_stays_final,
);
