//! An order of Go's that overtook its product shows it as soon as it comes.

use std::sync::{Arc, Mutex};

use esteira_bus::{Handler, Record};
use esteira_events::{ItemData, OrderStatus, Payload, ProductId};
use esteira_views::{Collection, DocId, Fields, ORDERS, OrderView, PRODUCTS, Views, Write};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::events::{
    cents, made, order_created, order_paid, order_updated, product_created, product_data, product_updated,
    user_data,
};
use crate::fixture::{Fixture, with_sqlite};
use crate::hooks::{Action, Call, Hooked, Method};

/// As Go announces it: the products only by id.
fn bare(id: i64, products: &[i64]) -> Payload {
    let mut payload = order_created(id, 1, 1, None);
    if let Payload::OrderCreated(created) = &mut payload {
        let line = |id: &i64| ItemData {
            product_id: ProductId(*id),
            quantity: 2,
            unit_price: cents(1_000),
            product: None,
        };
        created.order.items = products.iter().map(line).collect();
    }
    payload
}

/// The names and stocks of its products, and how many are missing.
fn lines(order: &OrderView) -> (Vec<(&str, i64)>, Option<i64>) {
    let facets = order.items.iter().map(|item| (item.product.name.as_str(), item.product.stock));
    (facets.collect(), order.incomplete)
}

async fn order(fixture: &Fixture) -> OrderView {
    fixture.order(1).await.unwrap()
}

async fn a_product_that_comes_after_its_order_fills_the_line(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[7]))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("", 0)], Some(1)));
    fixture.handle(&[made(0, product_created(7, 9))]).await;
    let order = order(&fixture).await;
    assert_eq!(lines(&order), (vec![("product 7", 9)], None));
    let line = &order.items[0];
    assert_eq!((line.product.id, line.product.price, line.quantity), (7, product_data(7, 9).price, 2));
    assert_eq!((order.version, order.revision), (1, 0));
}

async fn an_order_and_its_product_in_one_batch_find_each_other(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1])), made(0, product_created(1, 9))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
}

async fn a_line_that_is_filled_stays_as_it_is_while_another_waits(fixture: Fixture) {
    fixture.handle(&[made(1, product_created(1, 9)), made(0, bare(1, &[1, 2, 1]))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9), ("", 0), ("product 1", 9)], Some(1)));
    fixture.handle(&[made(2, product_updated(1, 5)), made(1, product_created(3, 4))]).await;
    fixture.handle(&[made(1, product_created(2, 8))]).await;
    fixture.handle(&[made(2, product_updated(2, 6))]).await;
    let full = vec![("product 1", 9), ("product 2", 8), ("product 1", 9)];
    assert_eq!(lines(&order(&fixture).await), (full, None));
}

async fn later_events_of_the_order_lose_neither_facet_nor_mark(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1, 2])), made(0, order_paid(1))]).await;
    fixture.handle(&[made(2, order_updated(1, OrderStatus::Processing))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("", 0), ("", 0)], Some(2)));
    fixture.handle(&[made(0, product_created(1, 9))]).await;
    fixture.handle(&[made(3, order_updated(1, OrderStatus::Shipped))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9), ("", 0)], Some(1)));
    fixture.handle(&[made(0, product_created(2, 8))]).await;
    fixture.handle(&[made(4, order_updated(1, OrderStatus::Delivered))]).await;
    let order = order(&fixture).await;
    assert_eq!(lines(&order), (vec![("product 1", 9), ("product 2", 8)], None));
    assert_eq!((order.status.as_str(), order.version, order.revision), ("DELIVERED", 4, 1));
}

/// The order is read without its facet, and written after that came.
async fn an_order_event_does_not_put_the_bare_line_back(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1]))]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    // The look at the products after the write must not be what heals it.
    let dying = Hooked::failing_once(&(slow as Arc<dyn Views>), |call| call.is(Method::Get, &PRODUCTS));
    let slow = fixture.hooked(&dying);
    let paying = tokio::spawn(async move { slow.handle(&[made(2, order_paid(1))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(1, product_created(1, 9))]).await;
    paused.go.send(()).unwrap();
    paying.await.unwrap().unwrap_err();
    let order = order(&fixture).await;
    assert_eq!((order.status.as_str(), lines(&order)), ("PAID", (vec![("product 1", 9)], None)));
}

async fn a_product_that_is_created_while_its_order_is_written_fills_the_line(fixture: Fixture) {
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    let slow = fixture.hooked(&slow);
    let writing = tokio::spawn(async move { slow.handle(&[made(0, bare(1, &[1]))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(0, product_created(1, 9))]).await;
    paused.go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
}

async fn an_order_that_is_written_while_its_product_is_created_gets_the_facet(fixture: Fixture) {
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &PRODUCTS));
    let slow = fixture.hooked(&slow);
    let writing = tokio::spawn(async move { slow.handle(&[made(0, product_created(1, 9))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(0, bare(1, &[1]))]).await;
    paused.go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
}

fn fills(call: &Call<'_>) -> bool {
    call.is(Method::UpdateWhere, &ORDERS)
}

/// The first has not seen the second's product, and writes last.
async fn a_worker_that_knows_less_does_not_empty_a_line(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1, 2, 3]))]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, fills);
    let slow = fixture.hooked(&slow);
    let filling = tokio::spawn(async move { slow.handle(&[made(0, product_created(1, 9))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(0, product_created(2, 8))]).await;
    paused.go.send(()).unwrap();
    filling.await.unwrap().unwrap();
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9), ("product 2", 8), ("", 0)], Some(1)));
}

/// Creates the products, each by a worker that stops before it fills orders; then they go on, one after the other.
async fn fill_at_once(fixture: &Fixture, products: [i64; 2]) {
    let mut tasks = Vec::new();
    for product in products {
        let (slow, paused) = Hooked::pausing(&fixture.views, fills);
        let slow = fixture.hooked(&slow);
        let created = made(0, product_created(product, 9));
        let filling = tokio::spawn(async move { slow.handle(&[created]).await });
        paused.reached.await.unwrap();
        tasks.push((filling, paused.go));
    }
    for (filling, go) in tasks {
        go.send(()).unwrap();
        filling.await.unwrap().unwrap();
    }
}

/// The first has not seen the second's product, and writes before it.
async fn a_worker_whose_order_was_filled_meanwhile_reads_it_again(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1, 2]))]).await;
    fill_at_once(&fixture, [1, 2]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9), ("product 2", 9)], None));
}

async fn a_crash_between_product_and_orders_heals_when_the_event_comes_again(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1]))]).await;
    let created = [made(0, product_created(1, 9))];
    for method in [Method::Find, Method::UpdateWhere] {
        let dying = Hooked::failing_once(&fixture.views, move |call| call.is(method, &ORDERS));
        fixture.hooked(&dying).handle(&created).await.unwrap_err();
        assert_eq!(fixture.product(1).await.unwrap().version, 1);
        assert_eq!(lines(&order(&fixture).await), (vec![("", 0)], Some(1)));
    }
    fixture.handle(&created).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
}

/// The product's worker looked before the order was there.
async fn a_crash_between_order_and_facet_heals_when_the_event_comes_again(fixture: Fixture) {
    let created = [made(0, bare(1, &[1]))];
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    let dying = fixture.hooked(&Hooked::failing_once(&(slow as Arc<dyn Views>), fills));
    let writing = tokio::spawn({
        let created = created.clone();
        async move { dying.handle(&created).await }
    });
    paused.reached.await.unwrap();
    fixture.handle(&[made(0, product_created(1, 9))]).await;
    paused.go.send(()).unwrap();
    writing.await.unwrap().unwrap_err();
    assert_eq!(lines(&order(&fixture).await), (vec![("", 0)], Some(1)));
    fixture.handle(&created).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
}

/// A retry has no record in the log that would come again: what is parked goes last.
async fn a_crash_between_a_retried_product_and_its_orders_heals_at_the_next_retry(fixture: Fixture) {
    fixture.handle(&[made(0, bare(1, &[1]))]).await;
    let refusing = Hooked::refusing(&fixture.views, &PRODUCTS, 1);
    fixture.hooked(&refusing).handle(&[made(0, product_created(1, 9))]).await.unwrap();
    fixture.let_time_pass().await;
    fixture.hooked(&Hooked::failing_once(&fixture.views, fills)).tick().await.unwrap_err();
    assert_eq!(lines(&order(&fixture).await), (vec![("", 0)], Some(1)));
    fixture.let_time_pass().await;
    fixture.sweep().await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9)], None));
    assert_eq!(fixture.parked().await, []);
}

async fn more_orders_than_a_page_are_all_filled(fixture: Fixture) {
    let orders = (1..=600).map(|id| made(0, bare(id, if id % 3 == 0 { &[1, 2] } else { &[1] })));
    fixture.handle(&orders.collect::<Vec<_>>()).await;
    fixture.handle(&[made(0, product_created(1, 9))]).await;
    for id in 1..=600 {
        let order = fixture.order(id).await.unwrap();
        assert_eq!(lines(&order).0[0], ("product 1", 9), "{id}");
        assert_eq!(order.incomplete, (id % 3 == 0).then_some(1));
    }
}

/// The first order misses one product less by the time that the worker has come to the second page.
async fn an_order_that_is_filled_between_two_pages_is_not_passed_by(fixture: Fixture) {
    let orders = (1..=257).map(|id| made(0, bare(id, if id == 1 { &[1, 2] } else { &[1] })));
    fixture.handle(&orders.collect::<Vec<_>>()).await;
    fill_at_once(&fixture, [2, 1]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("product 1", 9), ("product 2", 9)], None));
    assert_eq!(fixture.order(257).await.unwrap().incomplete, None);
}

async fn an_unreadable_product_holds_up_no_other(fixture: Fixture) {
    let unreadable: Fields = [("price".to_owned(), json!("free"))].into_iter().collect();
    let put = Write::Upsert { collection: &PRODUCTS, id: DocId::Int(1), set: unreadable };
    fixture.views.write(vec![put]).await.unwrap();
    fixture.handle(&[made(0, bare(1, &[1, 2]))]).await;
    fixture.handle(&[made(0, product_created(2, 8))]).await;
    assert_eq!(lines(&order(&fixture).await), (vec![("", 0), ("product 2", 8)], Some(1)));
}

/// The calls that touch orders, or products other than by a batch of their own events.
async fn calls(fixture: &Fixture, records: &[Record]) -> Vec<(Method, &'static str)> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let touches = |call: &Call<'_>, collection: &Collection| call.is(call.method, collection);
    let hooked = Hooked::new(&fixture.views, move |call| {
        for collection in [&ORDERS, &PRODUCTS] {
            if touches(call, collection) {
                seen.lock().unwrap().push((call.method, collection.name));
            }
        }
        Action::Proceed
    });
    fixture.hooked(&hooked).handle(records).await.unwrap();
    std::mem::take(&mut *calls.lock().unwrap())
}

async fn an_order_of_ours_costs_no_look_at_products_and_no_second_write(fixture: Fixture) {
    let ours = |id| made(1, order_created(id, 1, 1, Some(user_data(1, "ana", 1))));
    let load_and_write = [(Method::Get, ORDERS.name), (Method::Write, ORDERS.name)];
    assert_eq!(calls(&fixture, &[ours(1)]).await, load_and_write);
    assert_eq!(calls(&fixture, &[made(2, order_paid(1))]).await, load_and_write);
    // A new product costs one query, which finds nothing.
    let load_write_look =
        [(Method::Get, PRODUCTS.name), (Method::Write, PRODUCTS.name), (Method::Find, ORDERS.name)];
    assert_eq!(calls(&fixture, &[made(1, product_created(1, 9))]).await, load_write_look);
    assert_eq!(calls(&fixture, &[made(2, product_updated(1, 5))]).await, load_write_look[..2]);
    // An order that waits for another product is looked at and left alone.
    fixture.handle(&[made(0, bare(2, &[7]))]).await;
    let look_only = [&load_write_look[..], &[(Method::Get, PRODUCTS.name)]].concat();
    assert_eq!(calls(&fixture, &[made(1, product_created(2, 9))]).await, look_only);
}

crate::on_every_engine!(
    a_product_that_comes_after_its_order_fills_the_line,
    an_order_and_its_product_in_one_batch_find_each_other,
    a_line_that_is_filled_stays_as_it_is_while_another_waits,
    later_events_of_the_order_lose_neither_facet_nor_mark,
    an_order_event_does_not_put_the_bare_line_back,
    a_product_that_is_created_while_its_order_is_written_fills_the_line,
    an_order_that_is_written_while_its_product_is_created_gets_the_facet,
    a_worker_that_knows_less_does_not_empty_a_line,
    a_worker_whose_order_was_filled_meanwhile_reads_it_again,
    a_crash_between_product_and_orders_heals_when_the_event_comes_again,
    a_crash_between_order_and_facet_heals_when_the_event_comes_again,
    a_crash_between_a_retried_product_and_its_orders_heals_at_the_next_retry,
    more_orders_than_a_page_are_all_filled,
    an_order_that_is_filled_between_two_pages_is_not_passed_by,
    an_unreadable_product_holds_up_no_other,
    an_order_of_ours_costs_no_look_at_products_and_no_second_write,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_fill_every_line_whatever_comes_first() {
    with_sqlite(|fixture| async move {
        let records = [
            made(0, bare(1, &[1, 2, 3])),
            made(0, product_created(1, 9)),
            made(0, product_created(2, 8)),
            made(0, product_created(3, 7)),
            made(0, order_paid(1)),
        ];
        let runtime = tokio::runtime::Handle::current();
        let run = move || {
            let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
            TestRunner::new(config).run(&prop::array::uniform5(any::<u32>()), |lots| {
                runtime.block_on(async {
                    for collection in esteira_views::ALL_COLLECTIONS {
                        fixture.views.delete_where(collection, &[]).await.unwrap();
                    }
                    dealt(&fixture, &records, lots).await;
                    let order = order(&fixture).await;
                    let full = vec![("product 1", 9), ("product 2", 8), ("product 3", 7)];
                    prop_assert_eq!((lines(&order), order.status.as_str()), ((full, None), "PAID"));
                    Ok(())
                })
            })
        };
        tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    })
    .await;
}

/// Deals `records` to two projectors, each in the order of its lots.
async fn dealt(fixture: &Fixture, records: &[Record; 5], lots: [u32; 5]) {
    let drawn: Vec<_> = lots.into_iter().zip(records.clone()).collect();
    fixture.deal(drawn).await;
}
