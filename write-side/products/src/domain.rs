//! A product: state, events, rejections; and the reservations of its stock.

mod create;
mod delete;
mod move_stock;
mod release;
mod reservation;
mod reserve;
mod update;

use esteira_aggregate::Aggregate;
use esteira_events::{
    AggregateKind, OrderId, Payload, ProductChanged, ProductData, ProductDeleted, ProductId, StockMoved,
};
use esteira_sql::{Money, Timestamp};
use serde::{Deserialize, Serialize};

pub use create::{CreateProduct, create};
pub use delete::{DeleteProduct, delete};
pub use move_stock::{MoveStock, move_stock};
pub use release::{ReleaseStock, Released, release};
pub use reservation::{Line, Reservation, ReservationState};
pub use reserve::{ReserveStock, Reserved, reserve};
pub use update::{UpdateProduct, update};

/// The most that a stock holds: the Go tables' `INT`.
pub const STOCK_MAX: i64 = 2_147_483_647;

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub name: String,
    pub price: Money,
    pub stock: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What happens to a product. Events of the stock say how much is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductEvent {
    Created { name: String, price: Money, stock: i64 },
    Updated { name: String, price: Money, stock: i64 },
    Reserved { order_id: OrderId, quantity: i64, stock: i64 },
    Released { order_id: OrderId, quantity: i64, stock: i64 },
    Deleted,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductRejected {
    NotFound {
        id: ProductId,
    },
    HasOrders {
        id: ProductId,
    },
    /// The stock would fall below 0 or rise above its limit.
    StockOutOfRange {
        stock: i64,
        delta: i64,
    },
}

impl Aggregate for Product {
    const KIND: AggregateKind = AggregateKind::Product;
    type Event = ProductEvent;

    fn evolve(state: Option<Self>, event: &ProductEvent, at: Timestamp) -> Option<Self> {
        match event {
            ProductEvent::Created { name, price, stock } => Some(Self {
                name: name.clone(),
                price: *price,
                stock: *stock,
                created_at: at,
                updated_at: at,
            }),
            ProductEvent::Updated { name, price, stock } => state.map(|product| Self {
                name: name.clone(),
                price: *price,
                stock: *stock,
                updated_at: at,
                ..product
            }),
            ProductEvent::Reserved { stock, .. } | ProductEvent::Released { stock, .. } => {
                state.map(|product| Self { stock: *stock, updated_at: at, ..product })
            }
            ProductEvent::Deleted => None,
        }
    }

    fn payload(id: i64, event: &ProductEvent) -> Payload {
        let product_id = ProductId(id);
        let changed = |name: &str, price: Money, stock: i64| ProductChanged {
            product: ProductData { id: product_id, name: name.to_owned(), price, stock },
        };
        let moved = |order_id: OrderId, quantity: i64, stock: i64| StockMoved {
            order_id,
            product_id,
            quantity,
            stock: Some(stock),
        };
        match event {
            ProductEvent::Created { name, price, stock } => {
                Payload::ProductCreated(changed(name, *price, *stock))
            }
            ProductEvent::Updated { name, price, stock } => {
                Payload::ProductUpdated(changed(name, *price, *stock))
            }
            ProductEvent::Reserved { order_id, quantity, stock } => {
                Payload::StockReserved(moved(*order_id, *quantity, *stock))
            }
            ProductEvent::Released { order_id, quantity, stock } => {
                Payload::StockReleased(moved(*order_id, *quantity, *stock))
            }
            ProductEvent::Deleted => Payload::ProductDeleted(ProductDeleted { product_id }),
        }
    }
}
