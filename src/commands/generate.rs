//! `esteira completions`, `esteira man`: what the command line's own description makes.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::print::text;
use crate::cli::Cli;
use crate::exit::Exit;

pub fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "esteira", &mut script);
    text(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}

/// The page of the program, or one for it and each subcommand in `out`.
pub fn man(out: Option<&Path>) -> anyhow::Result<Exit> {
    if let Some(directory) = out {
        fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
            .with_context(|| format!("--out {}: the pages cannot be written", directory.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        text(&String::from_utf8(page)?)?;
    }
    Ok(Exit::Done)
}
