//! The subcommands, one file each.

mod bench;
mod config;
pub mod dlq;
mod doctor;
pub mod erase;
mod healthcheck;
pub mod outbox;
mod print;
mod progress;
mod rebuild;
mod run;
mod topics;
mod trace;
mod verify;

use std::process::ExitCode;

use esteira_config::{LogFormat, Settings};
use esteira_telemetry::Format;

use crate::cli::{Cli, Command};
use crate::roles::Role;

/// Executes what the command line asks for.
pub async fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let format = match settings.log_format {
        LogFormat::Pretty => Format::Pretty,
        LogFormat::Json => Format::Json,
    };
    esteira_telemetry::init(settings.log.as_deref(), format)?;
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => run::run(settings, &Role::ALL).await,
        Command::UserService => run::run(settings, &[Role::Users]).await,
        Command::ProductService => run::run(settings, &[Role::Products]).await,
        Command::OrderService => run::run(settings, &[Role::Orders]).await,
        Command::QueryService => run::run(settings, &[Role::Query]).await,
        Command::Dispatcher => run::run(settings, &[Role::Dispatcher]).await,
        Command::Projector => run::run(settings, &[Role::Projector]).await,
        Command::Console => run::run(settings, &[Role::Console]).await,
        Command::Dlq(command) => dlq::dlq(&settings, *command).await,
        Command::Outbox(command) => outbox::outbox(&settings, command).await,
        Command::Rebuild { views } => rebuild::rebuild(&settings, views).await,
        Command::Verify { repair, json } => verify::verify(&settings, repair, json).await,
        Command::Trace { order, json } => trace::trace(&settings, order, json).await,
        Command::Erase(command) => erase::erase(&settings, command).await,
        Command::Topics => topics::topics(&settings).await,
        Command::Doctor => doctor::doctor(&settings).await,
        Command::Bench(options) => bench::bench(&settings, *options).await,
        Command::Config => Ok(config::config(&settings)),
        Command::Healthcheck => healthcheck::healthcheck(&settings).await,
    }
}
