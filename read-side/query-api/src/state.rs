use std::sync::Arc;
use std::time::Duration;

use esteira_views::Views;
use tokio::sync::watch;

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
}

impl QueryState {
    /// Waits up to 2 s and looks by itself, for a projector in another process.
    pub fn new(views: Arc<dyn Views>) -> Self {
        Self { views, wait: WAIT, projected: None }
    }
}
