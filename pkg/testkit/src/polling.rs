//! Waiting for what comes about by itself.

use std::time::{Duration, Instant};

/// Long enough for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(10);

/// Asks `probe` until it has an answer; `what` did not happen when it has none before the deadline.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "did not happen in time: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
