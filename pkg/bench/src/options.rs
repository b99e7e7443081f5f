//! The arguments of `esteira bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// What to measure, and how long.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// What to measure; everything without any
    pub scenarios: Vec<Scenario>,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print each figure beside the one in this file, which --save has written
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// How long each load lasts, after its ramp [default: 20 s; latency 120 s, end-to-end 60 s]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duration: Option<u64>,
    /// Requests a second of the open loops [default: latency 2000, end-to-end 1000 and 2000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// Clients of the closed loops [default: commands 64, queries 32]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub clients: Option<u16>,
    /// Processes of the role that is measured alone: order service, dispatcher, projector
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub processes: u16,
    /// How much of the full backlogs and tables: 0.1 is 20,000 events instead of 200,000
    #[arg(long, default_value_t = 1.0, value_parser = fraction)]
    pub scale: f64,
    /// Exit with 1 where a ratio is far from what it is to be, as scripts/test asks
    #[arg(long)]
    pub gate: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Size of the program, and how soon it is ready
    Start,
    /// Memory, idle and under load
    Memory,
    /// POST /orders as fast as the clients can
    Commands,
    /// POST /orders at a fixed rate
    Latency,
    /// More orders at once than may wait
    Overload,
    /// From the answer to an order until its view shows it
    EndToEnd,
    /// A backlog of events to the log (servers only)
    Dispatcher,
    /// A log of events to the views (servers only)
    Projector,
    /// Orders that wait for one product's stock (servers only)
    Reactions,
    /// GET /q/orders/{id}
    Queries,
    /// Cost of an item in small and in large tables
    Growth,
}

impl Scenario {
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Memory => "memory",
            Self::Commands => "commands",
            Self::Latency => "latency",
            Self::Overload => "overload",
            Self::EndToEnd => "end-to-end",
            Self::Dispatcher => "dispatcher",
            Self::Projector => "projector",
            Self::Reactions => "reactions",
            Self::Queries => "queries",
            Self::Growth => "growth",
        }
    }
}

impl Options {
    pub fn chosen(&self) -> Vec<Scenario> {
        if self.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { self.scenarios.clone() }
    }

    pub fn lasting(&self, default: u64) -> Duration {
        Duration::from_secs(self.duration.unwrap_or(default))
    }

    pub fn clients(&self, default: u16) -> usize {
        usize::from(self.clients.unwrap_or(default))
    }

    /// `full` items, scaled; at least one page of them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a count"
    )]
    pub fn scaled(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(1_000)
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale > 0.0 && scale <= 10.0 => Ok(scale),
        _ => Err("must be above 0 and at most 10".to_owned()),
    }
}
