//! An order as the query side answers it: `total` for what the view calls `total_amount`.

use esteira_sql::{Money, Timestamp};
use esteira_views::{Document, OrderItemView, OrderView, ViewsError, from_document};
use serde::Serialize;
use utoipa::ToSchema;

/// An order with its user and products.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderBody {
    id: i64,
    user_id: i64,
    /// `CREATED`, `PAID`, `PROCESSING`, `SHIPPED`, `DELIVERED` or `CANCELED`.
    #[schema(example = "PAID")]
    status: String,
    total: Money,
    user: UserFacetBody,
    items: Vec<ItemBody>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method: Option<String>,
    /// Whether the payment has still to be given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_due: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_reference: Option<String>,
    /// `PENDING`, `RESERVED` or `REJECTED`; of a cancelled order, as it stood then: what was reserved is released.
    #[schema(example = "RESERVED")]
    reservation: String,
    version: i64,
}

/// The order's user as of now.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderUser)]
struct UserFacetBody {
    id: i64,
    name: String,
    email: String,
}

/// A line of an order.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderItem)]
struct ItemBody {
    product_id: i64,
    quantity: i64,
    unit_price: Money,
    product: ProductFacetBody,
}

/// The line's product as it was when the order was made.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderProduct)]
struct ProductFacetBody {
    id: i64,
    name: String,
    price: Money,
    stock: i64,
}

/// The JSON of an order's document as the list has it.
pub(crate) fn shown_order(document: Document) -> Result<String, ViewsError> {
    let body = OrderBody::from(from_document::<OrderView>(document)?);
    serde_json::to_string(&body).map_err(|error| ViewsError::Rejected(error.to_string()))
}

impl From<OrderView> for OrderBody {
    fn from(view: OrderView) -> Self {
        let user = UserFacetBody { id: view.user.id, name: view.user.name, email: view.user.email };
        Self {
            id: view.id,
            user_id: view.user_id,
            status: view.status,
            total: view.total_amount,
            user,
            items: view.items.into_iter().map(ItemBody::from).collect(),
            created_at: view.created_at,
            updated_at: view.updated_at,
            paid_at: view.paid_at,
            canceled_at: view.canceled_at,
            cancel_reason: view.cancel_reason,
            payment_method: view.payment_method,
            refund_due: view.refund_due,
            refund_reference: view.refund_reference,
            reservation: view.reservation,
            version: view.version,
        }
    }
}

impl From<OrderItemView> for ItemBody {
    fn from(item: OrderItemView) -> Self {
        let OrderItemView { product_id, quantity, unit_price, product } = item;
        let product = ProductFacetBody {
            id: product.id,
            name: product.name,
            price: product.price,
            stock: product.stock,
        };
        Self { product_id, quantity, unit_price, product }
    }
}
