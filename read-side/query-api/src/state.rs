use std::sync::Arc;
use std::time::Duration;

use esteira_events::Topics;
use esteira_sql::Db;
use esteira_views::Views;
use tokio::sync::watch;

use crate::live::LiveOrders;

/// How long a request with a consistency token waits, unless it is set otherwise.
const WAIT: Duration = Duration::from_secs(2);

/// What the routes need.
#[derive(Clone)]
pub struct QueryState {
    /// Where the views are.
    pub views: Arc<dyn Views>,
    /// How long a request with a consistency token waits before it is answered 503.
    pub wait: Duration,
    /// Changes whenever the projector of this process has written, so that waiting requests look at once.
    pub projected: Option<watch::Receiver<u64>>,
    /// Where the outbox is, for journeys; a query service without `MYSQL_DSN` tells none.
    pub store: Option<Db>,
    pub topics: Topics,
    /// The live orders; a query service without `KAFKA_BROKERS` has none.
    pub live: Option<Arc<LiveOrders>>,
}

impl QueryState {
    /// Waits up to 2 s and looks by itself, for a projector in another process.
    pub fn new(views: Arc<dyn Views>) -> Self {
        Self { views, wait: WAIT, projected: None, store: None, topics: Topics::default(), live: None }
    }
}
