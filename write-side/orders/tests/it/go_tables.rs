//! Orders in tables that the Go services made.

use esteira_events::OrderStatus;
use esteira_testkit::{TestDb, on_mysql};

use crate::fixture::{Fixture, create, done, pay, set};

on_mysql!(orders_that_go_made_are_read_and_written);

async fn orders_that_go_made_are_read_and_written(test: TestDb) {
    test.execute(
        "create table orders (id bigint unsigned not null auto_increment primary key, user_id bigint unsigned, \
         status varchar(191), total_amount double, created_at datetime(3) null)",
    )
    .await;
    test.execute(
        "create table order_products (order_id bigint unsigned, product_id bigint unsigned, quantity bigint, \
         unit_price double, primary key (order_id, product_id))",
    )
    .await;
    test.execute(
        "insert into orders (user_id, status, total_amount, created_at) values (1, 'NOPE', 0, now(3))",
    )
    .await;
    test.execute("insert into order_products values (1, 1, 3, 89.9)").await;
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    // Any text was stored as a status, and 0 as a total.
    let paid = done(fixture.change(pay(1)).await);
    assert_eq!((paid.version, paid.state.unwrap().total_amount.cents()), (2, 26_970));
    let same = done(fixture.change(set(1, OrderStatus::Paid)).await);
    assert_eq!(same.version, 2);
    assert_eq!(done(fixture.submit(create(1, &[(1, 1)])).await).id, 2);
    assert_eq!(
        fixture.test.int("select count(*) from orders where version = 1 and total_amount = 89.9").await,
        1
    );
}
