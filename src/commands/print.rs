//! What the tools print: text for people, or JSON.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;

use crate::exit::Exit;

/// How to print.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Output {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// One document.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<Exit> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(Exit::Done)
}

impl Output {
    /// One of several outcomes, at once: what fails later takes nothing of it back.
    pub fn line(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(value)?);
        } else {
            println!("{}", text());
        }
        Ok(())
    }
}

/// A word that says whether all is well; coloured on a terminal unless `NO_COLOR` is set.
pub fn verdict(well: bool, word: impl Display) -> String {
    let color = if well { AnsiColor::Green } else { AnsiColor::Red };
    let style = Style::new().fg_color(Some(color.into())).bold();
    format!("{style}{word}{style:#}")
}
