//! Deleting a product.

use esteira_events::ProductId;

use super::{ProductEvent, ProductRejected};

/// Deletes a product.
#[derive(Clone, Debug)]
pub struct DeleteProduct {
    pub id: ProductId,
}

/// Decides whether a product may be deleted: not while any order refers to it.
pub fn delete(command: &DeleteProduct, has_orders: bool) -> Result<ProductEvent, ProductRejected> {
    if has_orders { Err(ProductRejected::HasOrders { id: command.id }) } else { Ok(ProductEvent::Deleted) }
}
