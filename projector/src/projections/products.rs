//! Products.

use esteira_events::{ProductChanged, StockMoved};
use esteira_sql::Timestamp;
use esteira_views::ProductView;

pub(super) fn created(event: &ProductChanged, at: Timestamp) -> ProductView {
    ProductView {
        id: event.product.id.0,
        name: event.product.name.clone(),
        description: None,
        price: event.product.price,
        stock: event.product.stock,
        created_at: at,
        updated_at: at,
        version: 0,
        revision: 0,
        applied: None,
    }
}

pub(super) fn updated(view: ProductView, event: &ProductChanged, at: Timestamp) -> ProductView {
    let product = &event.product;
    ProductView {
        name: product.name.clone(),
        price: product.price,
        stock: product.stock,
        updated_at: at,
        ..view
    }
}

/// What is left stands in our events; Go's only say how much moved.
pub(super) fn moved(view: ProductView, event: &StockMoved, by: i64, at: Timestamp) -> ProductView {
    ProductView { stock: event.stock.unwrap_or(view.stock.saturating_add(by)), updated_at: at, ..view }
}
