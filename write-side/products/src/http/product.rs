//! A product as the API shows it, and the problems of its commands.

use esteira_command_api::{Resource, not_found};
use esteira_events::ProductId;
use esteira_sql::{Money, Timestamp};
use esteira_web::{FieldError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Product, ProductRejected};
use crate::store::ProductRow;

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductBody {
    #[schema(example = 1)]
    pub id: ProductId,
    #[schema(example = "Notebook")]
    pub name: String,
    pub price: Money,
    /// What is left to reserve.
    #[schema(example = 10)]
    pub stock: i64,
    pub created_at: Timestamp,
}

impl From<ProductRow> for ProductBody {
    fn from(row: ProductRow) -> Self {
        Self { id: row.id, name: row.name, price: row.price, stock: row.stock, created_at: row.created_at }
    }
}

impl Resource for Product {
    type Body = ProductBody;

    fn body(id: i64, product: Self) -> ProductBody {
        let Self { name, price, stock, created_at, .. } = product;
        ProductBody { id: ProductId(id), name, price, stock, created_at }
    }
}

pub fn rejected(rejection: ProductRejected) -> Problem {
    match rejection {
        ProductRejected::NotFound { id } => not_found::<Product>(id.0),
        ProductRejected::HasOrders { id } => {
            Problem::conflict("product_has_orders", format!("product {id} has orders and cannot be deleted"))
        }
        ProductRejected::StockOutOfRange { stock, delta } => {
            let message = format!("would take the stock of {stock} out of its range, 0 to 2147483647");
            Problem::conflict("stock_out_of_range", format!("a delta of {delta} {message}"))
                .with_field(FieldError::new("delta", message).with_value(delta))
        }
    }
}
