//! An executor of the orders service, with a user and two products to order.

use std::sync::Arc;

use esteira_aggregate::{Answer, CommandError, Executor, ExecutorSettings, Input, Snapshot, Submitter};
use esteira_events::{OrderId, OrderStatus, ProductId, UserId};
use esteira_orders::domain::{
    CancelOrder, CreateOrder, DeleteOrder, NewItem, OrderRejected, PayOrder, RefundOrder, SetStatus,
    StockDecision,
};
use esteira_orders::{Order, OrderChange, OrderCommand, Orders, PricePolicy};
use esteira_telemetry::Health;
use esteira_testkit::TestDb;
use tokio::sync::Notify;

pub(crate) type Answered = Result<Answer<Snapshot<Order>>, CommandError<OrderRejected>>;

pub(crate) struct Fixture {
    pub(crate) test: TestDb,
    executor: Executor<Orders>,
}

impl Fixture {
    pub(crate) async fn new(test: TestDb) -> Self {
        test.migrate(&[
            esteira_outbox::SCHEMA,
            esteira_aggregate::SCHEMA,
            esteira_users::SCHEMA,
            esteira_products::SCHEMA,
            esteira_orders::SCHEMA,
        ])
        .await;
        let settings = ExecutorSettings { batch_max: 64, queue: 512, workers: 2 };
        let orders = Arc::new(Orders { price_policy: PricePolicy::Trust });
        let stage = Health::new().stage("orders");
        let executor = Executor::start(orders, test.db.clone(), settings, Arc::new(Notify::new()), stage);
        Self { test, executor }
    }

    /// User 1, and products 1 and 2 of 89.90 each (SQLite keeps cents).
    pub(crate) async fn shop(&self) {
        let price = if self.test.mysql_options().is_some() { "89.90" } else { "8990" };
        let at = "'2026-11-22 12:00:00.000'";
        let at = if self.test.mysql_options().is_some() { at } else { "'2026-11-22T12:00:00.000Z'" };
        let user =
            format!("insert into users (name, email, created_at) values ('Ana', 'ana@example.com', {at})");
        self.test.execute(&user).await;
        for name in ["Mouse", "Cabo"] {
            let product = format!(
                "insert into products (name, price, stock, created_at) values ('{name}', {price}, 5, {at})"
            );
            self.test.execute(&product).await;
        }
    }

    pub(crate) fn submitter(&self) -> Submitter<Orders> {
        self.executor.submitter()
    }

    pub(crate) async fn submit(&self, command: OrderCommand) -> Answered {
        self.submitter().submit(Input::plain(command)).await
    }

    pub(crate) async fn change(&self, change: OrderChange) -> Answered {
        self.submit(OrderCommand::Change(change)).await
    }

    pub(crate) async fn events(&self) -> Vec<String> {
        self.test.texts("select event_type from outbox order by id").await
    }
}

pub(crate) fn create(user: i64, lines: &[(i64, i64)]) -> OrderCommand {
    let line = |(product, quantity): &(i64, i64)| NewItem {
        product_id: ProductId(*product),
        quantity: *quantity,
        unit_price: None,
    };
    OrderCommand::Create(CreateOrder { user_id: UserId(user), items: lines.iter().map(line).collect() })
}

pub(crate) fn pay(id: i64) -> OrderChange {
    OrderChange::Pay(PayOrder { id: OrderId(id), payment_method: Some("pix".into()) })
}

pub(crate) fn cancel(id: i64) -> OrderChange {
    OrderChange::Cancel(CancelOrder { id: OrderId(id), reason: "changed mind".into() })
}

pub(crate) fn set(id: i64, status: OrderStatus) -> OrderChange {
    OrderChange::SetStatus(SetStatus { id: OrderId(id), status })
}

pub(crate) fn refund(id: i64) -> OrderChange {
    OrderChange::Refund(RefundOrder { id: OrderId(id), reference: Some("re_1".into()) })
}

pub(crate) fn delete(id: i64) -> OrderChange {
    OrderChange::Delete(DeleteOrder { id: OrderId(id) })
}

pub(crate) fn stock(id: i64, reserved: bool) -> OrderChange {
    OrderChange::StockDecided(StockDecision { id: OrderId(id), reserved, reason: "out of stock".into() })
}

pub(crate) fn done(answer: Answered) -> Snapshot<Order> {
    match answer {
        Ok(Answer::Done(snapshot)) => snapshot,
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn rejected(answer: Answered) -> OrderRejected {
    match answer {
        Err(CommandError::Rejected(rejection)) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}
