//! What a Go projector leaves beside the views, and what is known of it.

use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};

use super::epoch;
use crate::port::collection::Collection;

/// The Go services' inbox marks: only ever read.
pub const GO_PROCESSED: Collection =
    Collection { name: "processed_events", dates: &["processed_at"], doubles: &[], indexes: &[] };

/// A document a consumer group, `_id` = its name.
pub const TAKEOVERS: Collection =
    Collection { name: "views.takeovers", dates: &["go_wrote_at"], doubles: &[], indexes: &[] };

/// That the Go projector has handled an event.
#[derive(Clone, Debug, Deserialize)]
pub struct GoProcessed {
    #[serde(default = "epoch")]
    pub processed_at: Timestamp,
}

impl GoProcessed {
    /// The Go projector's `service_name`.
    pub const SERVICE: &str = "query-service";
}

/// Up to where views that the Go projector wrote were rebuilt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Takeover {
    /// The consumer group.
    pub id: String,
    /// The newest of the Go projector's marks at that time.
    #[serde(default = "epoch")]
    pub go_wrote_at: Timestamp,
}
