//! An order's life in the tables.

use esteira_events::{OrderId, OrderStatus, Reservation};
use esteira_orders::domain::OrderRejected;
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{Fixture, cancel, create, delete, done, pay, refund, rejected, set, stock};

on_every_engine!(
    an_order_is_delivered,
    a_paid_order_without_stock_is_refunded_once_and_then_deleted,
    a_cancelled_order_hears_of_its_stock_too_late,
    a_batch_of_everything_gives_each_its_own_answer,
);

async fn an_order_is_delivered(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    let order = done(fixture.submit(create(1, &[(2, 1), (1, 2), (2, 1)])).await);
    assert_eq!((order.id, order.version), (1, 1));
    assert_eq!(order.state.unwrap().total_amount.cents(), 4 * 8_990);
    assert_eq!(fixture.test.ints("select quantity from order_products order by product_id").await, [2, 2]);
    done(fixture.change(pay(1)).await);
    let waits = rejected(fixture.change(set(1, OrderStatus::Processing)).await);
    assert_eq!(waits, OrderRejected::NotReserved { reservation: Reservation::Pending });
    for _ in 0..2 {
        done(fixture.change(stock(1, true)).await);
    }
    for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::Delivered] {
        done(fixture.change(set(1, status)).await);
    }
    let again = done(fixture.change(set(1, OrderStatus::Delivered)).await);
    assert_eq!(again.version, 6);
    let updated = "order.updated";
    let expected = ["order.created", "order.paid", updated, updated, updated, updated];
    assert_eq!(fixture.events().await, expected);
}

async fn a_paid_order_without_stock_is_refunded_once_and_then_deleted(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    done(fixture.submit(create(1, &[(1, 6)])).await);
    done(fixture.change(pay(1)).await);
    let canceled = done(fixture.change(stock(1, false)).await).state.unwrap();
    assert_eq!((canceled.status, canceled.refund_due), (OrderStatus::Canceled, true));
    assert_eq!(canceled.reservation, Reservation::Rejected);
    assert_eq!(rejected(fixture.change(delete(1)).await), OrderRejected::RefundStillDue { id: OrderId(1) });
    assert!(!done(fixture.change(refund(1)).await).state.unwrap().refund_due);
    assert_eq!(rejected(fixture.change(refund(1)).await), OrderRejected::NoRefundDue { id: OrderId(1) });
    assert_eq!(done(fixture.change(delete(1)).await).state, None);
    assert_eq!(rejected(fixture.change(pay(1)).await), OrderRejected::NotFound { id: OrderId(1) });
    for table in ["orders", "order_products"] {
        assert_eq!(fixture.test.int(&format!("select count(*) from {table}")).await, 0, "{table}");
    }
    assert_eq!(fixture.test.ints("select sequence from outbox order by id").await, [1, 2, 3, 4, 5]);
}

async fn a_cancelled_order_hears_of_its_stock_too_late(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    done(fixture.submit(create(1, &[(1, 1)])).await);
    done(fixture.change(cancel(1)).await);
    for reserved in [true, false] {
        assert_eq!(done(fixture.change(stock(1, reserved)).await).version, 2);
    }
    assert_eq!(fixture.events().await, ["order.created", "order.canceled"]);
}

async fn a_batch_of_everything_gives_each_its_own_answer(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    let created: Vec<_> = (0..40).map(|_| fixture.submit(create(1, &[(1, 1), (2, 1)]))).collect();
    let mut ids: Vec<i64> =
        futures::future::join_all(created).await.into_iter().map(|a| done(a).id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=40).collect::<Vec<_>>());
    let race = ids.iter().flat_map(|id| [fixture.change(pay(*id)), fixture.change(cancel(*id))]);
    let answers = futures::future::join_all(race).await;
    for pair in answers.chunks(2) {
        assert_eq!(pair.iter().filter(|answer| answer.is_ok()).count(), 1, "{pair:?}");
    }
    assert_eq!(fixture.test.int("select count(*) from outbox").await, 80);
    assert_eq!(fixture.test.int("select count(*) from orders where version <> 2").await, 0);
}
