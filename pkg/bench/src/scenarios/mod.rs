//! The scenarios, a file each: what is loaded, what is measured, and beside which ceiling.

mod backlog;
mod commands;
mod end_to_end;
mod growth;
mod latency;
mod memory;
mod overload;
mod queries;
mod reactions;
mod start;

use crate::Bench;
use crate::options::Scenario;

impl Bench {
    /// Runs one scenario; its figures join the report.
    pub(crate) async fn run(&mut self, scenario: Scenario) -> anyhow::Result<()> {
        match scenario {
            Scenario::Start => self.start().await,
            Scenario::Memory => self.memory().await,
            Scenario::Commands => self.commands().await,
            Scenario::Latency => self.latency().await,
            Scenario::Overload => self.overload().await,
            Scenario::EndToEnd => self.end_to_end().await,
            Scenario::Dispatcher => self.dispatcher().await,
            Scenario::Projector => self.projector().await,
            Scenario::Reactions => self.reactions().await,
            Scenario::Queries => self.queries().await,
            Scenario::Growth => self.growth().await,
        }
    }
}
