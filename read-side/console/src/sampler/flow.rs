//! How fast something goes, from how far it has come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Rates that are kept for the curve.
pub(crate) const KEPT: usize = 60;

/// A rate now, and the rates before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// A second; unknown at the first look.
    pub(crate) rate: Option<f64>,
    pub(crate) before: Vec<f64>,
}

/// Makes a rate of a counter that only grows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    last: Option<(Instant, i64)>,
    rates: VecDeque<f64>,
}

impl Meter {
    /// The counter stands at `count` at `now`.
    pub(crate) fn at(&mut self, now: Instant, count: i64) -> Flow {
        if let Some((then, before)) = self.last {
            self.keep(per_second(count - before, now - then));
        }
        self.last = Some((now, count));
        self.flow()
    }

    /// The counter cannot be read: what comes later is no rate of this time.
    pub(crate) fn lost(&mut self) {
        self.last = None;
    }

    fn keep(&mut self, rate: f64) {
        self.rates.push_back(rate);
        if self.rates.len() > KEPT {
            self.rates.pop_front();
        }
    }

    fn flow(&self) -> Flow {
        Flow { rate: self.rates.back().copied(), before: self.rates.iter().copied().collect() }
    }
}

/// A counter that went back, as that of topics made anew, has no rate.
pub(crate) fn per_second(count: i64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if count <= 0 || seconds <= 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
    let count = count as f64;
    count / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_difference_by_the_time_that_it_took() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert_eq!(meter.at(start, 100).rate, None);
        assert_eq!(meter.at(start + Duration::from_secs(2), 130).rate, Some(15.0));
        assert_eq!(meter.at(start + Duration::from_secs(3), 10).rate, Some(0.0));
        meter.lost();
        assert_eq!(meter.at(start + Duration::from_secs(9), 50).before, [15.0, 0.0]);
    }

    #[test]
    fn a_curve_has_an_end() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        for second in 0..200_u32 {
            meter.at(start + Duration::from_secs(second.into()), second.into());
        }
        assert_eq!(meter.flow().before.len(), KEPT);
    }
}
