//! Faults of the machine, and what takes time: 19, 21, 22, 23.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::harness::load::Plan;
use crate::harness::platform::{ALL, Engines, Platform, ROLES};
use crate::lab::Lab;
use crate::report::{Outcome, Verdict};
use crate::trial::{STEADY, Trial};

/// The property tests of the projector, on the engines that there are.
pub async fn any_order_of_arrival(_: Arc<Lab>) -> Verdict {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["test", "--quiet", "-p", "esteira-projector", "--test", "it", "orders_of_arrival"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || cargo.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary =
        text.lines().find(|line| line.starts_with("test result: ")).unwrap_or("nothing ran").to_owned();
    if !output.status.success() || summary.contains(" 0 passed") {
        return Err(summary);
    }
    Ok(Outcome {
        done: format!("property tests projector/tests/it/orders_of_arrival.rs: {summary}"),
        ..Outcome::default()
    })
}

/// A small file system of its own, unmounted at the end whatever comes.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, size: &str) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "faults"], &at);
        Self(at)
    }

    fn grow(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], &self.0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) {
    assert!(Command::new("mount").args(arguments).arg(at).status().unwrap().success(), "mount needs root");
}

pub async fn disk_is_full(_: Arc<Lab>) -> Verdict {
    let platform = Platform::files();
    let Engines::Files(data) = &platform.engines else { unreachable!("files") };
    let disk = SmallDisk::mount(data.clone(), "20m");
    let mut trial = Trial::start(platform, &[]).await;
    trial.shop = trial.shop.patient(Duration::from_mins(5));
    trial.load(Plan { orders: None, rate: None }).await;
    let deadline = Instant::now() + Duration::from_mins(4);
    while trial.refused() == 0 {
        assert!(Instant::now() < deadline, "the disk does not fill");
        sleep(Duration::from_millis(100)).await;
    }
    trial.fault();
    sleep(Duration::from_secs(10)).await;
    trial.platform.says(ALL, 503).await;
    disk.grow("2g");
    trial.accepted(50).await;
    trial.healed().await;
    trial.notes.push(format!("{} answers were 503", trial.refused()));
    let outcome = trial.books("the data directory on a file system of 20 MB: full for 10 s, then room").await;
    drop(disk);
    Ok(outcome)
}

fn faketime() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?;
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        Some(entry.ok()?.path().join("faketime/libfaketime.so.1"))
    };
    libraries.filter_map(file).find(|file| file.exists())
}

/// The whole belt in one process, with the clock of its SQLite: under libfaketime the threads of librdkafka wait for
/// times that have nothing to do with their clock, so that nothing that talks to Kafka can be shown this way.
pub async fn clock_jumps(lab: Arc<Lab>) -> Verdict {
    let Some(library) = faketime() else { return Err("libfaketime is not installed".to_owned()) };
    let time = lab.time(5, 15);
    let mut platform = Platform::files();
    let clock = platform.log_of("clock");
    std::fs::write(&clock, "+0").unwrap();
    for (name, value) in [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ] {
        platform.set(ALL, name, &value);
    }
    let mut trial = Trial::start(platform, &[]).await;
    trial.load(STEADY).await;
    trial.fault();
    for offset in ["+3600", "+0", "-3600", "+0"] {
        std::fs::write(&clock, offset).unwrap();
        sleep(time).await;
        trial.accepted(20).await;
    }
    let latest = trial.oracle().await.texts("select max(created_at) from orders").await.remove(0);
    let ahead = (chrono::Utc::now() + chrono::TimeDelta::minutes(30)).to_rfc3339();
    assert!(latest > ahead, "no order was made an hour ahead: {latest}");
    trial.healed().await;
    Ok(trial
        .books(
            "one process and its SQLite: the clock an hour ahead, back, an hour behind, back (libfaketime)",
        )
        .await)
}

pub async fn soak(lab: Arc<Lab>) -> Verdict {
    let time = lab.soak;
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        let most = trial.capacity().await;
        let rate = (most / 2).max(1);
        trial.load(Plan { orders: None, rate: Some(rate) }).await;
        trial.fault();
        let processes = if trial.platform.is_one_process() { vec![ALL] } else { ROLES.to_vec() };
        let mut samples: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let begun = Instant::now();
        while begun.elapsed() < time {
            sleep(Duration::from_secs(5)).await;
            for process in &processes {
                samples.entry(process).or_default().push(resident(trial.platform.pid(process)));
            }
        }
        trial.healed().await;
        for (process, samples) in samples {
            let quarter = samples.len() / 4;
            let mean = |part: &[u64]| part.iter().sum::<u64>() / part.len().max(1) as u64;
            let (early, late) =
                (mean(&samples[quarter..2 * quarter]), mean(&samples[samples.len() - quarter..]));
            trial.notes.push(format!("{process} {} → {} MB", early / 1024, late / 1024));
            assert!(late < early + early / 10 + 4096, "{process} grows: {samples:?} KB");
        }
        let done = format!(
            "{} minutes at {rate} orders/s, half of the {most} that it takes at most",
            time.as_secs() / 60
        );
        trial.books(done).await
    })
    .await
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
