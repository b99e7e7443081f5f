//! `esteira bench`: the platform under load, beside what each engine can do by itself.
//!
//! The roles run as processes of their own, of the same program: so the load costs them nothing but its processor time, their memory
//! is theirs alone, and what is measured is what a user would run.

mod http;
mod latency;
mod load;
mod machine;
mod options;
mod oracle;
mod platform;
mod progress;
mod raw;
mod report;
mod sandbox;
mod scenarios;
mod seed;

use chrono::{SecondsFormat, Utc};
use tokio::signal::unix::{SignalKind, signal};

use latency::Latencies;
use machine::Machine;

pub use options::{Options, Scenario};
pub use report::{Figure, Report, Target};
pub use sandbox::{MySql, Sandbox, Site};

/// The busiest programs that are named.
const NAMED: usize = 6;

/// One run.
struct Bench {
    options: Options,
    site: Site,
    report: Report,
}

/// Measures what `options` ask for on `site`; figures are told on standard error as they come.
pub async fn bench(options: Options, site: Site, program: String) -> anyhow::Result<Report> {
    let report = Report {
        started_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        machine: Machine::of_this_run(),
        program,
        engines: site.described().await?,
        figures: Vec::new(),
        differences: Vec::new(),
    };
    let mut bench = Bench { options, site, report };
    for scenario in bench.options.chosen() {
        eprintln!("{}", scenario.name());
        bench.run(scenario).await?;
    }
    Ok(bench.report)
}

impl Bench {
    /// Does `work` in a sandbox, which goes with it: also when it fails, and on Ctrl-C or SIGTERM.
    async fn in_sandbox<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self, &Sandbox) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let sandbox = Sandbox::new(&self.site).await?;
        let outcome = tokio::select! {
            outcome = work(self, &sandbox) => outcome,
            () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        };
        // What went wrong first is what is told.
        let closed = sandbox.close().await;
        let outcome = outcome?;
        closed?;
        Ok(outcome)
    }

    fn tell(&mut self, figure: Figure) {
        let Figure { name, value, unit, .. } = &figure;
        let verdict = match figure.is_met() {
            Some(true) => " (met)",
            Some(false) => " (MISSED)",
            None => "",
        };
        eprintln!("    {name}: {value:.2} {unit}{verdict}");
        self.report.figures.push(figure);
    }

    fn tell_latencies(&mut self, scenario: &str, name: &str, latencies: &Latencies) {
        for (label, percent) in [("p50", 50.0), ("p99", 99.0)] {
            self.tell(Figure::new(scenario, format!("{name}, {label}"), latencies.percentile(percent), "ms"));
        }
        self.tell(Figure::new(scenario, format!("{name}, longest"), latencies.max(), "ms"));
    }

    /// Where the processors went.
    fn tell_usage(&mut self, scenario: &str, name: &str, usage: Vec<(String, f64)>) {
        for (program, processors) in usage.into_iter().take(NAMED) {
            self.tell(Figure::new(scenario, format!("{name}, {program}"), processors, "processors"));
        }
    }

    fn judged(&mut self, differences: Vec<String>) {
        for difference in &differences {
            eprintln!("    WRONG: {difference}");
        }
        self.report.differences.extend(differences);
    }
}

async fn interrupted() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        // Without a handler there is no Ctrl-C to wait for.
        Ok(()) = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
