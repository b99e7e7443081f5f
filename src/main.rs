//! Esteira: a CQRS commerce platform over an event log. One binary, many roles.

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

use crate::exit::Exit;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let cli = cli::Cli::parse();
    // A listener serves more connections than the usual soft limit has files.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("esteira: the limit of open files cannot be raised: {error}");
    }
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::execute(cli)));
    let exit = result.unwrap_or_else(|error| {
        // One line: the cause of each cause, without a trace.
        eprintln!("esteira: {error:#}");
        Exit::of(&error)
    });
    exit.into()
}
