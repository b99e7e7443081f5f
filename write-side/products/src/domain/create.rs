//! Creating a product.

use esteira_sql::Money;

use super::ProductEvent;

/// A new product. Its values were checked at the edge.
#[derive(Clone, Debug)]
pub struct CreateProduct {
    pub name: String,
    pub price: Money,
    pub stock: i64,
}

/// Nothing stands against a new product: names need not be unique.
pub fn create(command: &CreateProduct) -> ProductEvent {
    ProductEvent::Created { name: command.name.clone(), price: command.price, stock: command.stock }
}
