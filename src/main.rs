//! Esteira: a CQRS commerce platform over an event log. One binary, many roles.

// They panic where what they print cannot be written: `say!` and `complain` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod cli;
mod commands;
mod exit;
mod platform;
mod roles;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// The C library's allocator takes a fifth of our processor time under load.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

use crate::commands::print::{Unwritable, complain};
use crate::exit::{Exit, errors};

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let exit = run().unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        if exit != Exit::Unread {
            complain(format_args!("esteira: {}", errors(error.as_ref())));
        }
        exit
    });
    exit.into()
}

fn run() -> anyhow::Result<Exit> {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            let printed = told.print().map_err(Unwritable::from);
            return if told.use_stderr() { Ok(Exit::Usage) } else { Ok(printed.map(|()| Exit::Done)?) };
        }
    };
    // A listener serves more connections than the usual soft limit has files.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        complain(format_args!("esteira: the limit of open files cannot be raised: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::execute(cli))
}
