use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};

use super::{epoch, is_zero};
use crate::port::collection::{Collection, Index};

/// A document a user, `_id` = the user's id.
pub const USERS: Collection = Collection {
    name: "views.users",
    dates: &["created_at", "updated_at"],
    doubles: &[],
    indexes: &[
        Index::on("users_email", &["email", "_id"]),
        Index::on("users_created_at", &["created_at", "_id"]),
    ],
};

/// A user as the query side shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserView {
    pub id: i64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub email: String,
    #[serde(default = "epoch")]
    pub created_at: Timestamp,
    #[serde(default = "epoch")]
    pub updated_at: Timestamp,
    /// The user's sequence that this document shows; 0 when the Go projector wrote it.
    #[serde(default)]
    pub version: i64,
    /// How many unsequenced (Go) events this document has; they do not move the version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
    /// Ids of the unsequenced (Go) events that this document has, for deduplication; never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Vec<String>>,
}
