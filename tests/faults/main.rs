//! The fault lab: `scripts/faults` runs it with engines of its own. One fault after the other is caused by real means
//! under load, healed, and waited out; then nothing may be lost and nothing doubled.

#![expect(clippy::unwrap_used, reason = "a fault that cannot be gone through has failed")]

#[path = "../harness/mod.rs"]
mod harness;

mod faults;
mod lab;
mod proxies;
mod report;
mod sql;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use futures::{StreamExt as _, stream};

use faults::{Fault, Run};
use lab::Lab;
use report::Verdict;

/// They mostly wait: for leases, retries and groups.
const SHORT_AT_ONCE: usize = 4;

/// Causes faults and checks that nothing is lost and nothing is doubled.
#[derive(Parser)]
struct Options {
    /// Faults of processes only, some at a time, each for a short while
    #[arg(long)]
    short: bool,
    /// Only these numbers
    #[arg(long, value_delimiter = ',')]
    only: Vec<u8>,
    /// On the embedded engines: those faults that one process can have
    #[arg(long)]
    embedded: bool,
    /// How long fault 23 soaks
    #[arg(long, default_value_t = 10, value_name = "MINUTES")]
    soak: u64,
    /// Adds what was measured to this file, and prints all of it
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Prints what stands in --results and runs nothing
    #[arg(long, requires = "results")]
    report: bool,
}

impl Options {
    fn choose(&self, fault: &Fault) -> bool {
        if !self.only.is_empty() {
            return self.only.contains(&fault.number);
        }
        (!self.short || fault.is_in(Run::Short)) && (!self.embedded || fault.is_in(Run::Embedded))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut results = report::Results::open(options.results.clone());
    if !options.report {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(run(&options, &mut results));
    }
    print!("\n{}", results.table());
    if !options.report {
        println!("\n{}", results.counts());
    }
    if results.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(options: &Options, results: &mut report::Results) {
    let lab = Arc::new(Lab::new(options.short, options.embedded, options.soak).await);
    let at_once = if options.short { SHORT_AT_ONCE } else { 1 };
    let faults = faults::ALL.iter().filter(|fault| options.choose(fault));
    let mut verdicts = stream::iter(faults.map(|fault| verdict(&lab, fault))).buffer_unordered(at_once);
    while let Some((fault, verdict)) = verdicts.next().await {
        results.add(fault, verdict);
    }
}

async fn verdict<'f>(lab: &Arc<Lab>, fault: &'f Fault) -> (&'f Fault, Verdict) {
    let run = (fault.run)(Arc::clone(lab));
    // A task of its own, so that a panic is an outcome like others.
    let verdict = tokio::spawn(run).await.unwrap_or_else(|error| Err(report::panic_text(error)));
    if verdict.is_err() {
        lab.heal().await;
    }
    (fault, verdict)
}
