//! When a request is to be sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When requests are due, counted from the start.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next one when the last is answered (a closed loop).
    AsFastAsPossible { duration: Duration },
    /// So many a second whatever the answers take (an open loop), after a ramp in which the rate grows from 0.
    Fixed { rate: u32, ramp: Duration, duration: Duration },
}

/// A request that is due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub index: u64,
    /// From which its latency counts.
    pub at: Instant,
    /// Whether it counts at all: the ramp does not.
    pub counts: bool,
}

/// Hands requests out to clients.
pub struct Clock {
    pace: Pace,
    started: Instant,
    next: AtomicU64,
}

impl Pace {
    pub fn total(self) -> Duration {
        match self {
            Self::AsFastAsPossible { duration } => duration,
            Self::Fixed { ramp, duration, .. } => ramp + duration,
        }
    }

    /// When request `index` is due.
    #[expect(clippy::cast_precision_loss, reason = "an index is far below 2^53")]
    fn due(self, index: u64) -> Duration {
        let Self::Fixed { rate, ramp, .. } = self else { return Duration::ZERO };
        let (index, rate, ramp) = (index as f64, f64::from(rate), ramp.as_secs_f64());
        // The ramp has half as many requests as the same time after it.
        let in_ramp = rate * ramp / 2.0;
        let at = if index < in_ramp {
            (2.0 * index * ramp / rate).sqrt()
        } else {
            ramp + (index - in_ramp) / rate
        };
        Duration::from_secs_f64(at)
    }

    fn ramp(self) -> Duration {
        match self {
            Self::AsFastAsPossible { .. } => Duration::ZERO,
            Self::Fixed { ramp, .. } => ramp,
        }
    }
}

impl Clock {
    pub fn start(pace: Pace) -> Self {
        Self { pace, started: Instant::now(), next: AtomicU64::new(0) }
    }

    /// Waits for the next request; none once the time is over.
    pub async fn next(&self) -> Option<Due> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let due = match self.pace {
            Pace::AsFastAsPossible { .. } => self.started.elapsed(),
            Pace::Fixed { .. } => self.pace.due(index),
        };
        if due >= self.pace.total() {
            return None;
        }
        let at = self.started + due;
        tokio::time::sleep_until(at.into()).await;
        Some(Due { index, at, counts: due >= self.pace.ramp() })
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_to_its_rate_and_then_keeps_it() {
        let ramp = Duration::from_secs(10);
        let pace = Pace::Fixed { rate: 100, ramp, duration: Duration::from_secs(5) };
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(500), ramp);
        assert_eq!(pace.due(600), ramp + Duration::from_secs(1));
        let in_the_first_half = (0..500).filter(|index| pace.due(*index) < ramp / 2).count();
        assert_eq!(in_the_first_half, 125);
    }

    #[tokio::test]
    async fn a_late_request_counts_from_when_it_was_due() {
        let pace = Pace::Fixed { rate: 10, ramp: Duration::ZERO, duration: Duration::from_secs(1) };
        let started = Instant::now().checked_sub(Duration::from_millis(500)).unwrap();
        let clock = Clock { pace, started, next: AtomicU64::new(2) };
        let due = clock.next().await.unwrap();
        assert_eq!((due.index, due.at), (2, started + Duration::from_millis(200)));
        let over = Clock { pace, started, next: AtomicU64::new(10) };
        assert!(over.next().await.is_none());
    }
}
