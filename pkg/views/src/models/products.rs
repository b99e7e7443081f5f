use esteira_sql::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::{epoch, is_zero, nearest_cent};
use crate::port::collection::{Collection, Index};

/// A document a product, `_id` = the product's id.
pub const PRODUCTS: Collection = Collection {
    name: "views.products",
    dates: &["created_at", "updated_at"],
    doubles: &["price"],
    indexes: &[
        Index::on("products_price", &["price", "_id"]),
        Index::on("products_stock", &["stock", "_id"]),
        Index::on("products_created_at", &["created_at", "_id"]),
    ],
};

/// A product as the query side shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductView {
    pub id: i64,
    #[serde(default)]
    pub name: String,
    /// Always empty in Go's answers; nothing fills it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "nearest_cent")]
    pub price: Money,
    #[serde(default)]
    pub stock: i64,
    #[serde(default = "epoch")]
    pub created_at: Timestamp,
    #[serde(default = "epoch")]
    pub updated_at: Timestamp,
    /// The product's sequence that this document shows; 0 when the Go projector wrote it.
    #[serde(default)]
    pub version: i64,
    /// How many unsequenced (Go) events this document has; they do not move the version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
    /// Ids of the unsequenced (Go) events that this document has, for deduplication; never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Vec<String>>,
}
