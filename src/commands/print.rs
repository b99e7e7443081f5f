//! What the tools print: text for people, or JSON.

use std::fmt::{Arguments, Display};
use std::io::{self, Write};

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

/// Standard output has not taken what was printed: its reader is gone, or the disk is full.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written")]
pub struct Unwritable(#[from] io::Error);

impl Unwritable {
    /// The reader had enough, as `head` has.
    pub fn is_unread(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// As `println!`, which panics where this is an error.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::commands::print::to(std::io::stdout(), format_args!("{}\n", format_args!($($words)*)))
    };
}
pub(crate) use say;

/// All of `text`, which has its last line's end.
pub fn text(text: &str) -> Result<(), Unwritable> {
    to(io::stdout(), format_args!("{text}"))
}

pub fn to(mut stream: impl Write, words: Arguments<'_>) -> Result<(), Unwritable> {
    stream.write_fmt(words)?;
    Ok(stream.flush()?)
}

/// A line on standard error. Where that cannot be written either, nobody can be told.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// One document.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<Exit> {
    say!("{}", serde_json::to_string_pretty(value)?)?;
    Ok(Exit::Done)
}

impl Output {
    /// One of several outcomes, at once: what fails later takes nothing of it back.
    pub fn line(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let line = if self.json { serde_json::to_string(value)? } else { text() };
        Ok(say!("{line}")?)
    }
}

/// A word that says whether all is well; coloured on a terminal unless `NO_COLOR` is set.
pub fn verdict(well: bool, word: impl Display) -> String {
    let color = if well { AnsiColor::Green } else { AnsiColor::Red };
    let style = Style::new().fg_color(Some(color.into())).bold();
    format!("{style}{word}{style:#}")
}
