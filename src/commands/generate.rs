//! `esteira completions`, `esteira man`: what the command line's own description makes.

use std::io;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;

pub fn completions(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "esteira", &mut io::stdout());
    Exit::Done
}

/// The page of the program, or one for it and each subcommand in `out`.
pub fn man(out: Option<&Path>) -> anyhow::Result<Exit> {
    match out {
        Some(directory) => {
            clap_mangen::generate_to(Cli::command(), directory)
                .with_context(|| format!("--out {}: the pages cannot be written", directory.display()))?;
        }
        None => clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?,
    }
    Ok(Exit::Done)
}
