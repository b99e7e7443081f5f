//! Changing a product.

use esteira_events::ProductId;
use esteira_sql::Money;

use super::{Product, ProductEvent};

/// New values; what is absent stays. `stock` is set, whatever is reserved: to move it is [`super::MoveStock`].
#[derive(Clone, Debug)]
pub struct UpdateProduct {
    pub id: ProductId,
    pub name: Option<String>,
    pub price: Option<Money>,
    pub stock: Option<i64>,
}

/// Decides how `product` changes; `None` when every value is the one that it has.
pub fn update(product: &Product, command: &UpdateProduct) -> Option<ProductEvent> {
    let name = command.name.as_ref().unwrap_or(&product.name);
    let price = command.price.unwrap_or(product.price);
    let stock = command.stock.unwrap_or(product.stock);
    let changed = *name != product.name || price != product.price || stock != product.stock;
    changed.then(|| ProductEvent::Updated { name: name.clone(), price, stock })
}
