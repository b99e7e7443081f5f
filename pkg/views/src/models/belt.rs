//! The belt's own collections beside the views: what was deleted, and what waits.

use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};

use super::epoch;
use crate::port::collection::{Collection, Index};
use crate::port::document::DocId;

/// A document a deleted aggregate, `_id` = [`tombstone_id`].
pub const TOMBSTONES: Collection = Collection {
    name: "views.tombstones",
    dates: &["deleted_at"],
    doubles: &[],
    indexes: &[Index::on("tombstones_aggregate", &["aggregate", "aggregate_id"])],
};

/// A document a record that waits, for its predecessor or for its next attempt. `_id` is the projector's text.
pub const PARKED: Collection = Collection {
    name: "views.parked",
    dates: &["next_attempt_at", "parked_at", "first_failure_at"],
    doubles: &[],
    indexes: &[
        Index::on("parked_sequence", &["aggregate", "aggregate_id", "sequence"]),
        Index::on("parked_due", &["state", "next_attempt_at"]),
        Index::on("parked_since", &["group", "state", "parked_at"]),
    ],
};

/// A document an event without a sequence that its view need not remember any more, `_id` = the event's id.
pub const APPLIED: Collection = Collection { name: "views.applied", dates: &[], doubles: &[], indexes: &[] };

/// That an aggregate was deleted, and by which of its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    /// [`tombstone_id`] of the aggregate.
    pub id: String,
    #[serde(default)]
    pub aggregate: String,
    #[serde(default)]
    pub aggregate_id: i64,
    /// The sequence of the deleting event.
    #[serde(default)]
    pub version: i64,
    #[serde(default = "epoch")]
    pub deleted_at: Timestamp,
}

/// The `_id` of an aggregate's tombstone, such as `order:12`.
pub fn tombstone_id(aggregate: &str, aggregate_id: i64) -> DocId {
    DocId::Text(format!("{aggregate}:{aggregate_id}"))
}
