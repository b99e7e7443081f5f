//! The machine, and who used its processors: /proc.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Of every Linux: `USER_HZ`.
const TICKS_A_SECOND: f64 = 100.0;
const MILLIS_A_TICK: u64 = 10;

/// Where a run took place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub processors: usize,
    pub processor: String,
    pub memory_mib: u64,
    pub kernel: String,
}

impl Machine {
    pub fn of_this_run() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            processor: after(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            memory_mib: kib(&read("/proc/meminfo"), "MemTotal") / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// The memory of a process in MiB, now and at its highest.
#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^53")]
pub fn memory(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    (kib(&status, "VmRSS") as f64 / 1024.0, kib(&status, "VmHWM") as f64 / 1024.0)
}

fn after<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::trim))
}

fn kib(text: &str, name: &str) -> u64 {
    after(text, name)
        .and_then(|value| value.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// The processor time of every program so far, by its name; this process apart.
#[derive(Clone, Debug)]
pub struct Usage {
    at: Instant,
    ticks: BTreeMap<String, u64>,
}

impl Usage {
    pub fn now() -> Self {
        let mut ticks: BTreeMap<String, u64> = BTreeMap::new();
        let own = std::process::id().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            if let Some((name, used)) = name_and_ticks(&stat) {
                let name = if pid == own { "the load itself" } else { name };
                *ticks.entry(name.to_owned()).or_default() += used;
            }
        }
        Self { at: Instant::now(), ticks }
    }

    /// Processors that each program kept busy since then, the busiest first.
    #[expect(clippy::cast_precision_loss, reason = "ticks are far below 2^53")]
    pub fn since(&self) -> Vec<(String, f64)> {
        let now = Self::now();
        let seconds = now.at.duration_since(self.at).as_secs_f64();
        let mut used: Vec<(String, f64)> = now
            .ticks
            .into_iter()
            .map(|(name, ticks)| {
                let ticks = ticks.saturating_sub(self.ticks.get(&name).copied().unwrap_or_default());
                (name, ticks as f64 / TICKS_A_SECOND / seconds)
            })
            .filter(|(_, processors)| *processors >= 0.01)
            .collect();
        used.sort_by(|left, right| right.1.total_cmp(&left.1));
        used
    }
}

/// The processor time of this process so far, in steps of 10 ms.
pub fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = name_and_ticks(&stat).map_or(0, |(_, ticks)| ticks);
    Duration::from_millis(ticks * MILLIS_A_TICK)
}

/// `pid (name) state … utime stime …`: the name may have spaces and parentheses in it.
fn name_and_ticks(stat: &str) -> Option<(&str, u64)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((name, user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_parentheses_in_it() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 5 1 1";
        assert_eq!(name_and_ticks(stat), Some(("a (b) c", 42)));
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let status = "Name:\testeira\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!((kib(status, "VmRSS"), kib(status, "VmHWM"), kib(status, "Vm")), (10_240, 20_480, 0));
    }
}
