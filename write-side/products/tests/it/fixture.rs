//! Executors of the products service, fed with events of orders.

use std::sync::Arc;

use esteira_aggregate::{Answer, CommandError, Dedup, Executor, ExecutorSettings, Input, Snapshot};
use esteira_events::{OrderId, ProductId};
use esteira_products::domain::{CreateProduct, Line, ProductRejected, ReleaseStock, ReserveStock};
use esteira_products::{Product, ProductCommand, Products};
use esteira_sql::{Db, Money};
use esteira_telemetry::Health;
use esteira_testkit::TestDb;
use futures::future::join_all;
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) type Answered = Result<Answer<Option<Snapshot<Product>>>, CommandError<ProductRejected>>;

pub(crate) struct Fixture {
    pub(crate) test: TestDb,
    executors: [Executor<Products>; 2],
}

fn start(db: Db) -> Executor<Products> {
    let settings = ExecutorSettings { batch_max: 16, queue: 1_024, workers: 2 };
    Executor::start(
        Arc::new(Products),
        db,
        settings,
        Arc::new(Notify::new()),
        Health::new().stage("products"),
    )
}

impl Fixture {
    pub(crate) async fn new(test: TestDb) -> Self {
        test.migrate(&[esteira_outbox::SCHEMA, esteira_aggregate::SCHEMA, esteira_products::SCHEMA]).await;
        let other = if test.mysql_options().is_some() { test.another().await } else { test.db.clone() };
        let executors = [start(test.db.clone()), start(other)];
        Self { test, executors }
    }

    /// Creates products 1, 2, 3… with these stocks.
    pub(crate) async fn given(&self, stocks: &[i64]) {
        for stock in stocks {
            let price = Money::from_cents(8_990).unwrap();
            let create = CreateProduct { name: "Mouse".into(), price, stock: *stock };
            assert!(matches!(self.submit(ProductCommand::Create(create)).await, Ok(Answer::Done(Some(_)))));
        }
    }

    pub(crate) async fn submit(&self, command: ProductCommand) -> Answered {
        self.executors[0].submitter().submit(Input::plain(command)).await
    }

    /// Handles events, each one of its own, on both executors at once.
    pub(crate) async fn react(&self, commands: Vec<ProductCommand>) {
        let calls = commands.into_iter().enumerate().map(|(number, command)| {
            let submitter = self.executors[number % 2].submitter();
            let dedup = Dedup::Inbox { event_id: Uuid::new_v4().to_string() };
            async move { submitter.submit_waiting(Input { dedup, ..Input::plain(command) }).await }
        });
        for answer in join_all(calls).await {
            assert_eq!(answer, Ok(Answer::Done(None)));
        }
    }

    pub(crate) async fn stocks(&self) -> Vec<i64> {
        self.test.ints("select stock from products order by id").await
    }

    pub(crate) async fn count(&self, event_type: &str) -> i64 {
        self.test.int(&format!("select count(*) from outbox where event_type = '{event_type}'")).await
    }

    /// The state of an order's reservation.
    pub(crate) async fn reservations(&self, state: &str) -> Vec<i64> {
        self.test
            .ints(&format!("select order_id from reservations where state = '{state}' order by order_id"))
            .await
    }
}

pub(crate) fn line(product: i64, quantity: i64) -> Line {
    Line { product_id: ProductId(product), quantity }
}

pub(crate) fn reserve(order: i64, items: &[Line]) -> ProductCommand {
    ProductCommand::Reserve(ReserveStock { order_id: OrderId(order), items: items.to_vec() })
}

pub(crate) fn release(order: i64) -> ProductCommand {
    ProductCommand::Release(ReleaseStock { order_id: OrderId(order) })
}
