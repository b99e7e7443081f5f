//! The subcommands, one file each.

mod bench;
pub mod config;
pub mod contracts;
pub mod dlq;
mod doctor;
pub mod erase;
mod generate;
mod healthcheck;
pub mod outbox;
pub mod print;
mod progress;
mod rebuild;
mod run;
mod topics;
mod trace;
pub mod values;
mod verify;

use esteira_config::{ConfigError, LogFormat, Settings};
use esteira_telemetry::Format;

use crate::cli::{Cli, Command};
use crate::commands::config::How;
use crate::commands::print::Output;
use crate::exit::Exit;
use crate::roles::Role;

/// Executes what the command line asks for.
pub async fn execute(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command.unwrap_or(Command::Run(Output::default())) {
        Command::Run(output) => run::run(settings()?, &Role::ALL, output).await,
        Command::UserService(output) => run::run(settings()?, &[Role::Users], output).await,
        Command::ProductService(output) => run::run(settings()?, &[Role::Products], output).await,
        Command::OrderService(output) => run::run(settings()?, &[Role::Orders], output).await,
        Command::QueryService(output) => run::run(settings()?, &[Role::Query], output).await,
        Command::Dispatcher(output) => run::run(settings()?, &[Role::Dispatcher], output).await,
        Command::Projector(output) => run::run(settings()?, &[Role::Projector], output).await,
        Command::Console(output) => run::run(settings()?, &[Role::Console], output).await,
        Command::Dlq(command) => dlq::dlq(&settings()?, *command).await,
        Command::Outbox(command) => outbox::outbox(&settings()?, command).await,
        Command::Rebuild { views, output } => rebuild::rebuild(&settings()?, views, output).await,
        Command::Verify { repair, output } => verify::verify(&settings()?, repair, output).await,
        Command::Trace { order, output } => trace::trace(&settings()?, order, output).await,
        Command::Erase(command) => erase::erase(&settings()?, command).await,
        Command::Topics(output) => topics::topics(&settings()?, output).await,
        Command::Doctor(output) => doctor::doctor(&settings()?, output).await,
        Command::Bench { options, output } => bench::bench(&settings()?, *options, output).await,
        Command::Config(How { reference: true, output }) => config::reference(output),
        Command::Config(How { reference: false, output }) => config::config(&settings()?, output),
        Command::Openapi { service } => contracts::openapi(service),
        Command::Asyncapi => contracts::asyncapi(),
        Command::Healthcheck(output) => healthcheck::healthcheck(&settings()?, output).await,
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { out } => generate::man(out.as_deref()),
    }
}

/// The settings, and logs as they ask for.
fn settings() -> anyhow::Result<Settings> {
    let settings = Settings::load()?;
    let format = match settings.log_format {
        LogFormat::Pretty => Format::Pretty,
        LogFormat::Json => Format::Json,
    };
    esteira_telemetry::init(settings.log.as_deref(), format)
        .map_err(|error| ConfigError::Inconsistent { name: "ESTEIRA_LOG", problem: error.to_string() })?;
    Ok(settings)
}
