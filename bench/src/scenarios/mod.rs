//! The scenarios, a file each: what is loaded, what is measured, and beside which ceiling.

mod commands;
mod start;

use crate::Bench;
use crate::options::Scenario;

impl Bench {
    /// Runs one scenario; its figures join the report.
    pub(crate) async fn run(&mut self, scenario: Scenario) -> anyhow::Result<()> {
        match scenario {
            Scenario::Start => self.start().await,
            Scenario::Commands => self.commands().await,
            _ => Ok(()),
        }
    }
}
