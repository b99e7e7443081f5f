//! Rows of `orders` and `order_products`.

use std::collections::HashMap;

use esteira_events::{OrderId, OrderStatus, ProductId, Reservation, UserId};
use esteira_sql::{Money, Timestamp};

use crate::domain::{Item, Order};

pub(super) const COLUMNS: &str = "id, user_id, status, total_amount, created_at, updated_at, version, reservation, \
     payment_method, paid_at, canceled_at, cancel_reason, refund_due, refund_reference";

esteira_sql::row! {
    #[derive(Clone, Debug)]
    pub(super) struct OrderRow {
        pub(super) id: OrderId,
        user_id: UserId,
        status: String,
        total_amount: Money,
        created_at: Timestamp,
        /// Go's `init.sql` has no value here.
        updated_at: Option<Timestamp>,
        version: i64,
        reservation: String,
        payment_method: Option<String>,
        paid_at: Option<Timestamp>,
        canceled_at: Option<Timestamp>,
        cancel_reason: Option<String>,
        refund_due: bool,
        refund_reference: Option<String>,
    }
}

esteira_sql::row! {
    #[derive(Clone, Debug)]
    pub(super) struct ItemRow {
        order_id: OrderId,
        product_id: ProductId,
        quantity: i64,
        unit_price: Money,
    }
}

/// An order as it is stored.
#[derive(Clone, Debug)]
pub struct StoredOrder {
    pub id: OrderId,
    pub version: i64,
    pub order: Order,
}

/// Joins orders with their items, keeping the order of `rows`.
pub(super) fn join(rows: Vec<OrderRow>, items: Vec<ItemRow>) -> Vec<StoredOrder> {
    let mut by_order: HashMap<OrderId, Vec<Item>> = HashMap::new();
    for item in items {
        let ItemRow { order_id, product_id, quantity, unit_price } = item;
        by_order.entry(order_id).or_default().push(Item { product_id, quantity, unit_price });
    }
    rows.into_iter().map(|row| row.with(&mut by_order)).collect()
}

impl OrderRow {
    fn with(self, items: &mut HashMap<OrderId, Vec<Item>>) -> StoredOrder {
        let items = items.remove(&self.id).unwrap_or_default();
        let order = Order {
            user_id: self.user_id,
            status: status(self.id, &self.status),
            reservation: Reservation::parse(&self.reservation).unwrap_or_default(),
            total_amount: stored_total(self.total_amount, &items),
            items,
            created_at: self.created_at,
            updated_at: self.updated_at.unwrap_or(self.created_at),
            payment_method: self.payment_method,
            paid_at: self.paid_at,
            canceled_at: self.canceled_at,
            cancel_reason: self.cancel_reason,
            refund_due: self.refund_due,
            refund_reference: self.refund_reference,
        };
        StoredOrder { id: self.id, version: self.version, order }
    }
}

/// Go stored any text as a status. An order with one of those is taken as CREATED, where its life can go on.
fn status(id: OrderId, text: &str) -> OrderStatus {
    OrderStatus::parse(text).unwrap_or_else(|| {
        tracing::warn!(order_id = id.0, status = text, "unknown order status is taken as CREATED");
        OrderStatus::Created
    })
}

/// Go stored a total of 0 whatever the items cost.
fn stored_total(total: Money, items: &[Item]) -> Money {
    if total != Money::ZERO {
        return total;
    }
    let sum = items.iter().try_fold(Money::ZERO, |sum, item| sum.plus(item.unit_price.times(item.quantity)?));
    sum.unwrap_or(total)
}
