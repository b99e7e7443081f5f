use esteira_sql::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::{epoch, is_zero, nearest_cent};
use crate::port::collection::{Collection, Index};

/// A document an order, `_id` = the order's id. The orders of a user are found by `user_id`, which is indexed;
/// `user.id` is not.
pub const ORDERS: Collection = Collection {
    name: "views.orders",
    dates: &["created_at", "updated_at", "paid_at", "canceled_at"],
    doubles: &["total_amount", "unit_price", "price"],
    indexes: &[
        Index::on("orders_user_id", &["user_id", "_id"]),
        Index::on("orders_user_created_at", &["user_id", "created_at", "_id"]),
        Index::on("orders_status", &["status", "_id"]),
        Index::on("orders_status_created_at", &["status", "created_at", "_id"]),
        Index::on("orders_created_at", &["created_at", "_id"]),
        Index::on("orders_total_amount", &["total_amount", "_id"]),
        Index::on("orders_incomplete", &["incomplete", "_id"]),
        Index::on_array("orders_product_id", &["items.product_id", "_id"]),
    ],
};

/// An order as the query side shows it. Statuses are text here: a state that this build does not know is shown too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    pub id: i64,
    #[serde(default)]
    pub user_id: i64,
    #[serde(default)]
    pub status: String,
    #[serde(default, deserialize_with = "nearest_cent")]
    pub total_amount: Money,
    #[serde(default)]
    pub user: UserFacet,
    #[serde(default)]
    pub items: Vec<OrderItemView>,
    #[serde(default = "epoch")]
    pub created_at: Timestamp,
    #[serde(default = "epoch")]
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
    /// A payment has to be given back, or (`false`) was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_reference: Option<String>,
    /// `PENDING`, `RESERVED` or `REJECTED`.
    #[serde(default = "pending")]
    pub reservation: String,
    /// The order's sequence that this document shows; 0 when the Go projector wrote it.
    #[serde(default)]
    pub version: i64,
    /// How many unsequenced (Go) events this document has; they do not move the version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
    /// Ids of the unsequenced (Go) events that this document has, for deduplication; never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Vec<String>>,
    /// How many lines wait for their product's facet, which only an order of Go's does that overtook its product; never
    /// shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<i64>,
}

/// The order's user, kept up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserFacet {
    #[serde(default)]
    pub id: i64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub email: String,
    /// The user's sequence that name and email come from; a facet is replaced only by a newer one.
    #[serde(default)]
    pub version: i64,
    /// The user's revision at that version: how many unsequenced (Go) events are in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderItemView {
    #[serde(default)]
    pub product_id: i64,
    #[serde(default)]
    pub quantity: i64,
    #[serde(default, deserialize_with = "nearest_cent")]
    pub unit_price: Money,
    #[serde(default)]
    pub product: ProductFacet,
}

/// The line's product as it was when the order was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProductFacet {
    #[serde(default)]
    pub id: i64,
    #[serde(default)]
    pub name: String,
    #[serde(default, deserialize_with = "nearest_cent")]
    pub price: Money,
    #[serde(default)]
    pub stock: i64,
}

fn pending() -> String {
    "PENDING".to_owned()
}
