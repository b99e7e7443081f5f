//! Products in a table that the Go services made.

use esteira_aggregate::Answer;
use esteira_events::ProductId;
use esteira_products::ProductCommand;
use esteira_products::domain::{MoveStock, UpdateProduct};
use esteira_sql::Money;
use esteira_testkit::{TestDb, on_mysql};

use crate::fixture::{Fixture, line, release, reserve};

on_mysql!(products_that_go_made_are_read_and_written);

async fn products_that_go_made_are_read_and_written(test: TestDb) {
    for (id, price, stock) in [("bigint unsigned", "double", "bigint"), ("int", "decimal(10,2)", "int")] {
        for table in ["products", "reservations", "outbox", "processed_events"] {
            test.execute(&format!("drop table if exists {table}")).await;
        }
        test.execute(&format!(
            "create table products (id {id} not null auto_increment primary key, name longtext, price {price}, \
             stock {stock}, created_at datetime(3) null)"
        ))
        .await;
        test.execute(
            "insert into products (name, price, stock, created_at) values ('Mouse', 89.9, 5, now(3))",
        )
        .await;
        let fixture = Fixture::new(test.clone()).await;
        fixture.given(&[7]).await;
        fixture.react(vec![reserve(1, &[line(1, 2), line(2, 7)])]).await;
        assert_eq!(fixture.stocks().await, [3, 0]);
        fixture.react(vec![release(1)]).await;
        let moved =
            fixture.submit(ProductCommand::MoveStock(MoveStock { id: ProductId(1), delta: -5 })).await;
        let Ok(Answer::Done(Some(moved))) = moved else { panic!("{moved:?}") };
        assert_eq!((moved.version, moved.state.unwrap().price), (4, Money::from_cents(8_990).unwrap()));
        let price = Some(Money::from_cents(10).unwrap());
        let update = UpdateProduct { id: ProductId(1), name: None, price, stock: None };
        assert!(fixture.submit(ProductCommand::Update(update)).await.is_ok());
        assert_eq!(fixture.stocks().await, [0, 7]);
        assert_eq!(test.int("select price = 0.1 and version = 5 from products where id = 1").await, 1);
    }
}
