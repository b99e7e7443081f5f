//! Reservations in the store, on two executors at once.

use std::collections::BTreeSet;

use esteira_products::ProductCommand;
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{Fixture, line, release, reserve};

on_every_engine!(
    two_hundred_orders_on_a_stock_of_fifty_reserve_fifty,
    an_order_is_reserved_whole_or_not_at_all,
    a_cancellation_that_comes_first_keeps_the_order_from_reserving,
    any_order_of_arrival_with_duplicates_ends_alike,
    events_of_a_product_are_in_sequence,
);

async fn two_hundred_orders_on_a_stock_of_fifty_reserve_fifty(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(&[50]).await;
    // Each event comes to both executors.
    fixture
        .react(
            (1..=200)
                .flat_map(|order| [reserve(order, &[line(1, 1)]), reserve(order, &[line(1, 1)])])
                .collect(),
        )
        .await;
    assert_eq!(fixture.stocks().await, [0]);
    assert_eq!(fixture.reservations("RESERVED").await.len(), 50);
    assert_eq!(fixture.reservations("REJECTED").await.len(), 150);
    assert_eq!((fixture.count("stock.reserved").await, fixture.count("stock.rejected").await), (50, 150));
}

async fn an_order_is_reserved_whole_or_not_at_all(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(&[5, 1, 5]).await;
    fixture.react((1..=4).map(|order| reserve(order, &[line(3, 1), line(2, 1), line(1, 1)])).collect()).await;
    assert_eq!(fixture.stocks().await, [4, 0, 4]);
    assert_eq!(fixture.reservations("RESERVED").await.len(), 1);
    fixture.react(vec![reserve(9, &[line(1, 1), line(77, 1)])]).await;
    assert_eq!((fixture.stocks().await, fixture.reservations("REJECTED").await.len()), (vec![4, 0, 4], 4));
}

async fn a_cancellation_that_comes_first_keeps_the_order_from_reserving(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(&[5]).await;
    fixture.react(vec![release(1)]).await;
    fixture.react(vec![reserve(1, &[line(1, 2)]), release(1)]).await;
    assert_eq!((fixture.stocks().await, fixture.reservations("RELEASED").await), (vec![5], vec![1]));
    assert_eq!(fixture.count("stock.reserved").await + fixture.count("stock.released").await, 0);
}

/// Orders 1 to 30 are created, the even ones cancelled, all of it twice, together and in several orders.
async fn any_order_of_arrival_with_duplicates_ends_alike(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(&[1_000, 1_000]).await;
    let created = |order: i64| reserve(order, &[line(1, order), line(2, 1)]);
    let all: Vec<ProductCommand> = (1..=30).map(created).chain((2..=30).step_by(2).map(release)).collect();
    // Strides prime to the count visit each once, in another order.
    assert_eq!(all.len(), 45);
    let shuffled = [1, 7, 44].into_iter().flat_map(|stride| (0..45).map(move |n| n * stride % 45));
    fixture.react(shuffled.map(|n| all[n].clone()).collect()).await;
    assert_eq!(fixture.stocks().await, [1_000 - 225, 1_000 - 15]);
    assert_eq!(fixture.reservations("RESERVED").await, (1..=30).step_by(2).collect::<Vec<_>>());
    assert_eq!(fixture.reservations("RELEASED").await, (2..=30).step_by(2).collect::<Vec<_>>());
    let (reserved, released) = (fixture.count("stock.reserved").await, fixture.count("stock.released").await);
    assert_eq!(reserved - released, 30, "two lines of fifteen orders are held");
}

async fn events_of_a_product_are_in_sequence(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(&[10]).await;
    fixture.react((1..=20).map(|order| reserve(order, &[line(1, 1)])).collect()).await;
    fixture.react((1..=20).map(release).collect()).await;
    let sequences =
        fixture.test.ints("select sequence from outbox where aggregate = 'product' order by id").await;
    assert_eq!(sequences, (1..=21).collect::<Vec<_>>());
    assert_eq!(fixture.test.int("select version from products").await, 21);
    let rejected = fixture.test.ints("select aggregate_id from outbox where aggregate = 'reservation'").await;
    assert_eq!(BTreeSet::from_iter(rejected).len(), 10);
    assert_eq!(fixture.stocks().await, [10]);
}
