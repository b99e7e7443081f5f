//! `esteira config`: the effective settings and where each came from, or all that there are.

use clap::Args;
use esteira_config::{Settings, markdown, reference as settings, render};

use super::print::{Output, print_json, text};
use crate::exit::Exit;

/// What to show of the settings.
#[derive(Args, Clone, Copy, Debug)]
pub struct How {
    /// Describe every setting, as docs/configuration.md has it, instead of what is in force here
    #[arg(long)]
    pub reference: bool,
    #[command(flatten)]
    pub output: Output,
}

pub fn config(settings: &Settings, output: Output) -> anyhow::Result<Exit> {
    if output.json {
        return print_json(&settings.effective());
    }
    text(&render(settings.effective()))?;
    Ok(Exit::Done)
}

pub fn reference(output: Output) -> anyhow::Result<Exit> {
    let settings = settings()?;
    if output.json {
        return print_json(&settings);
    }
    text(&markdown(&settings))?;
    Ok(Exit::Done)
}
