//! The command line.

use clap::{Parser, Subcommand};

use crate::admin::ViewName;
use crate::commands::dlq::Dlq;
use crate::commands::erase::Erase;
use crate::commands::outbox::Outbox;

const ABOUT: &str = "\
A CQRS commerce platform over an event log.

Without a subcommand everything runs in this process: users on 8081, products on 8082, orders on 8083,
queries on 8084, the dispatcher, the projector, and the console on 8087. Data is kept under ./data, unless MYSQL_DSN,
KAFKA_BROKERS or MONGO_URI name an engine.";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(name = "esteira", version, about = "A CQRS commerce platform over an event log", long_about = ABOUT, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  esteira                                   run everything on embedded engines
  MYSQL_DSN=… KAFKA_BROKERS=… MONGO_URI=… esteira
                                            run everything on MySQL, Kafka and MongoDB
  PORT=8081 esteira user-service            run one role
  esteira doctor                            check every engine
  esteira config                            show the settings and where they come from";

/// What to run.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process (the default)
    Run,
    /// Run the command service for users
    UserService,
    /// Run the command service for products, and the stock reactions
    ProductService,
    /// Run the command service for orders, and its reactions to stock events
    OrderService,
    /// Run the query API over the views
    QueryService,
    /// Run the dispatcher: outbox to event log
    Dispatcher,
    /// Run the projector: event log to views
    Projector,
    /// Run the console, with the operator's API that the tools below use
    Console,
    /// List, show, redrive and discard dead letters
    #[command(subcommand)]
    Dlq(Box<Dlq>),
    /// List, retry and skip outbox rows that cannot be published
    #[command(subcommand)]
    Outbox(Outbox),
    /// Rebuild views from the outbox while the platform runs
    Rebuild {
        /// Which ones; all without any
        views: Vec<ViewName>,
    },
    /// Compare outbox, tables, views and log; exit code 1 where they differ
    Verify {
        /// Replace views that differ
        #[arg(long)]
        repair: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell an order's whole journey: its events, where they are, and what waits
    Trace {
        /// The order's id
        order: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Erase a person's data from tables, log and views
    #[command(subcommand)]
    Erase(Erase),
    /// Create the topics and their dead letter queues, and list them
    Topics,
    /// Check every engine: reachable, version, schema, topics, lag
    Doctor,
    /// Measure the platform beside what its engines can do by themselves, in databases of its own
    Bench(Box<esteira_bench::Options>),
    /// Show the effective settings and where each came from
    Config,
    /// Ask the process on PORT whether it is ready; for container health checks
    Healthcheck,
}
