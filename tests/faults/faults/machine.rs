//! Faults of the machine, and what takes time: 19, 21, 22, 23.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::harness::load::Plan;
use crate::harness::platform::{ALL, Engines, Platform, ROLES};
use crate::lab::Lab;
use crate::report::{Outcome, Verdict};
use crate::trial::Trial;

/// The property tests of the projector, on the engines that there are; built as scripts/test builds them.
pub async fn any_order_of_arrival(lab: Arc<Lab>) -> Verdict {
    let cases = lab.count(20, 250);
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["test", "--quiet", "--workspace", "--features", "esteira/failpoints"])
        .args(["--test", "it", "orders_of_arrival"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PROPTEST_CASES", cases.to_string())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || cargo.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = |line: &str| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<u32>().ok();
    let passed: u32 = text.lines().filter_map(passed).sum();
    if !output.status.success() || passed == 0 {
        let failed: Vec<&str> = text.lines().filter(|line| line.contains("FAILED")).collect();
        return Err(format!("{passed} passed; {}", failed.join("; ")));
    }
    Ok(Outcome {
        done: format!(
            "{passed} property tests (projector/tests/it/orders_of_arrival.rs) of {cases} histories each, shuffled, \
             doubled and dealt to one and two projectors"
        ),
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

/// libfaketime with what it lacks, as scripts/faults has installed it.
fn faketime() -> Option<String> {
    let libraries = std::env::var("ESTEIRA_FAKETIME").ok()?;
    (!libraries.is_empty()).then_some(libraries)
}

/// One process and its SQLite first, then every role by a clock of its own; MySQL's, Kafka's and MongoDB's stay.
pub async fn clock_jumps(lab: Arc<Lab>) -> Verdict {
    let Some(libraries) = faketime() else { return Err("libfaketime is not installed".to_owned()) };
    let time = lab.time(5, 15);
    let load = lab.load();
    let one = jumping(Platform::files(), libraries.clone(), time, load).await;
    if lab.is_embedded() {
        return Ok(one);
    }
    let mut all = lab.platform(move |platform| jumping(platform, libraries, time, load)).await?;
    all.notes.push(format!("before: {}; {}", one.done, one.notes.join("; ")));
    all.lost += one.lost;
    all.doubled += one.doubled;
    Ok(all)
}

/// Hours by which the clocks of every other process, and of the rest, are moved.
const JUMPS: [(i32, i32); 6] = [(1, 1), (0, 0), (-1, -1), (1, -1), (-1, 1), (0, 0)];

async fn jumping(mut platform: Platform, libraries: String, time: Duration, load: Plan) -> Outcome {
    let processes = if platform.is_one_process() { vec![ALL] } else { ROLES.to_vec() };
    let set = async |platform: &Platform, hours: (i32, i32)| {
        for (index, process) in processes.iter().enumerate() {
            let hours = if index % 2 == 0 { hours.0 } else { hours.1 };
            std::fs::write(platform.log_of(&format!("{process}-clock")), format!("{:+}", 3600 * hours))
                .unwrap();
        }
    };
    set(&platform, (0, 0)).await;
    for process in &processes {
        let clock = platform.log_of(&format!("{process}-clock")).display().to_string();
        for (name, value) in [
            ("LD_PRELOAD", libraries.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &clock),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ] {
            platform.set(process, name, value);
        }
    }
    let count = processes.len();
    let mut trial = Trial::start(platform, &[]).await;
    trial.load(load).await;
    trial.fault();
    for hours in JUMPS {
        set(&trial.platform, hours).await;
        sleep(time).await;
        trial.accepted(20).await;
    }
    let moment =
        |minutes| (chrono::Utc::now() + chrono::TimeDelta::minutes(minutes)).format("%FT%T").to_string();
    let made = trial.oracle().await.texts("select cast(created_at as char) from orders").await;
    let made: BTreeSet<String> = made.iter().map(|at| at.replace(' ', "T")).collect();
    let (first, last) = (made.first().unwrap(), made.last().unwrap());
    assert!(*first < moment(-30) && *last > moment(30), "orders were made from {first} to {last}");
    trial.healed().await;
    let done = if count == 1 {
        "one process and its SQLite".to_owned()
    } else {
        format!("{count} processes, also apart from each other")
    };
    trial.books(format!("{done}: clocks an hour ahead, back, an hour behind, back (libfaketime)")).await
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
