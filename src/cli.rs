//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::admin::ViewName;
use crate::commands::config::How;
use crate::commands::contracts::ApiName;
use crate::commands::dlq::Dlq;
use crate::commands::erase::Erase;
use crate::commands::outbox::Outbox;
use crate::commands::print::Output;
use crate::commands::values;
use crate::exit::Exit;

const ABOUT: &str = "\
A CQRS commerce platform over an event log.

Without a subcommand everything runs in this process: users on 8081, products on 8082, orders on 8083,
queries on 8084, the dispatcher, the projector, and the console on 8087. Data is kept under ./data, unless MYSQL_DSN,
KAFKA_BROKERS or MONGO_URI name an engine.

Every subcommand has its own examples: esteira dlq redrive --help.";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "esteira",
    version,
    about = "A CQRS commerce platform over an event log",
    long_about = ABOUT,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}\n\n{OUTPUT}", Exit::table())
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  esteira                                     # run everything on embedded engines
  MYSQL_DSN=… KAFKA_BROKERS=… MONGO_URI=… esteira
  PORT=8081 esteira user-service              # run one role
  esteira doctor                              # check every engine
  esteira config                              # the settings, and where they come from
  esteira trace 1                             # where an order's events are
  esteira verify                              # whether tables, log and views say the same";

const OUTPUT: &str = "\
Output:
  Results are on standard output, logs, errors and progress on standard error. --json prints what docs/cli.md
  describes. Colours and progress bars are for terminals only; NO_COLOR turns colours off.";

const DATABASES: &str = "\
Examples:
  esteira bench commands --duration 5
  esteira bench --save before.json
  esteira bench --compare before.json";

const GENERATED: &str = "\
Examples:
  esteira completions bash > /etc/bash_completion.d/esteira
  esteira completions zsh > ~/.zfunc/_esteira
  esteira completions fish > ~/.config/fish/completions/esteira.fish";

/// What to run.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process (the default)
    #[command(
        after_help = "Examples:\n  esteira run\n  ESTEIRA_DATA_DIR=/var/lib/esteira esteira run --json"
    )]
    Run(Output),
    /// Run the command service for users
    #[command(after_help = "Examples:\n  MYSQL_DSN=… PORT=8081 esteira user-service")]
    UserService(Output),
    /// Run the command service for products, and the stock reactions
    #[command(after_help = "Examples:\n  MYSQL_DSN=… KAFKA_BROKERS=… PORT=8082 esteira product-service")]
    ProductService(Output),
    /// Run the command service for orders, and its reactions to stock events
    #[command(after_help = "Examples:\n  MYSQL_DSN=… KAFKA_BROKERS=… PORT=8083 esteira order-service")]
    OrderService(Output),
    /// Run the query API over the views
    #[command(after_help = "Examples:\n  MONGO_URI=… PORT=8084 esteira query-service")]
    QueryService(Output),
    /// Run the dispatcher: outbox to event log
    #[command(after_help = "Examples:\n  MYSQL_DSN=… KAFKA_BROKERS=… PORT=9001 esteira dispatcher")]
    Dispatcher(Output),
    /// Run the projector: event log to views
    #[command(
        after_help = "Examples:\n  MYSQL_DSN=… KAFKA_BROKERS=… MONGO_URI=… PORT=9002 esteira projector"
    )]
    Projector(Output),
    /// Run the console, with the operator's API that the tools below use
    #[command(
        after_help = "Examples:\n  MYSQL_DSN=… KAFKA_BROKERS=… MONGO_URI=… ESTEIRA_ADMIN_TOKEN_FILE=/run/secrets/admin esteira console"
    )]
    Console(Output),
    /// List, show, redrive and discard dead letters
    #[command(subcommand)]
    Dlq(Box<Dlq>),
    /// List, retry and skip outbox rows that cannot be published
    #[command(subcommand)]
    Outbox(Outbox),
    /// Rebuild views from the outbox while the platform runs
    #[command(after_help = "Examples:\n  esteira rebuild\n  esteira rebuild orders products --json")]
    Rebuild {
        /// Which ones; all without any
        views: Vec<ViewName>,
        #[command(flatten)]
        output: Output,
    },
    /// Compare outbox, tables, views and log
    #[command(after_help = "Examples:\n  esteira verify\n  esteira verify --repair --json")]
    Verify {
        /// Replace views that differ
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Tell an order's whole journey: its events, where they are, and what waits
    #[command(after_help = "Examples:\n  esteira trace 12\n  esteira trace 12 --json")]
    Trace {
        /// The order's id
        #[arg(value_parser = values::id)]
        order: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Erase a person's data from tables, log and views
    #[command(subcommand)]
    Erase(Erase),
    /// Create the topics and their dead letter queues, and list them
    #[command(
        after_help = "Examples:\n  ESTEIRA_TOPIC_REPLICATION=3 esteira topics\n  esteira topics --json"
    )]
    Topics(Output),
    /// Check every engine: reachable, version, schema, topics, lag
    #[command(after_help = "Examples:\n  esteira doctor\n  esteira doctor --json")]
    Doctor(Output),
    /// Measure the platform beside what its engines can do by themselves, in databases of its own
    #[command(after_help = DATABASES)]
    Bench {
        #[command(flatten)]
        options: Box<esteira_bench::Options>,
        #[command(flatten)]
        output: Output,
    },
    /// Show the effective settings and where each came from
    #[command(
        after_help = "Examples:\n  esteira config\n  esteira config --reference > docs/configuration.md\n  esteira config --json"
    )]
    Config(How),
    /// Print the OpenAPI document of a service
    #[command(after_help = "Examples:\n  esteira openapi orders > orders.openapi.json")]
    Openapi {
        /// The service
        service: ApiName,
    },
    /// Print the AsyncAPI document of the event log
    #[command(after_help = "Examples:\n  esteira asyncapi > events.asyncapi.json")]
    Asyncapi,
    /// Ask the process on PORT whether it is ready; for container health checks
    #[command(
        after_help = "Examples:\n  PORT=8081 esteira healthcheck\n  PORT=8081 esteira healthcheck --json"
    )]
    Healthcheck(Output),
    /// Print completions for a shell
    #[command(after_help = GENERATED)]
    Completions {
        /// The shell that reads them
        shell: Shell,
    },
    /// Print the manual page, or write one for each subcommand
    #[command(
        after_help = "Examples:\n  esteira man > esteira.1\n  esteira man --out /usr/local/share/man/man1"
    )]
    Man {
        /// Write esteira.1, esteira-dlq.1, … into this directory instead
        #[arg(long, value_name = "DIRECTORY")]
        out: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    /// Every subcommand without subcommands of its own, by its whole name.
    fn leaves(command: &clap::Command, path: &str, leaves: &mut Vec<(String, clap::Command)>) {
        if !command.has_subcommands() {
            leaves.push((path.to_owned(), command.clone()));
        }
        for child in command.get_subcommands() {
            self::leaves(child, &format!("{path} {}", child.get_name()), leaves);
        }
    }

    fn all() -> Vec<(String, clap::Command)> {
        let mut all = Vec::new();
        leaves(&Cli::command(), "esteira", &mut all);
        assert!(all.len() > 20, "{}", all.len());
        all
    }

    /// The words of a call of this program in a shell line, without what stands before and behind it.
    fn call(line: &str) -> Option<Vec<String>> {
        let line = line.trim().trim_start_matches("target/release/");
        let words = shlex::split(line.split(" | ").next()?)?;
        let start = words.iter().position(|word| !word.contains('='))?;
        let (name, rest) = words[start..].split_first()?;
        let until = rest.iter().position(|word| [">", "&", "&&", "||", ";"].contains(&word.as_str()));
        let arguments = rest[..until.unwrap_or(rest.len())].iter().cloned();
        (name.rsplit('/').next() == Some("esteira"))
            .then(|| std::iter::once(name.clone()).chain(arguments).collect())
    }

    fn assert_parses(line: &str, place: &str) {
        let words = call(line).unwrap_or_else(|| panic!("{place}: {line:?} is no call of esteira"));
        // The answer to --help is an error for clap that goes to standard output.
        let refused = Cli::try_parse_from(words).err().filter(clap::Error::use_stderr);
        assert!(
            refused.is_none(),
            "{place}: {line:?}: {}",
            refused.map_or_else(String::new, |error| error.to_string())
        );
    }

    #[test]
    fn every_subcommand_teaches_by_examples_that_parse() {
        for (path, command) in all() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().skip(1).collect();
            assert!(help.starts_with("Examples:\n") && !examples.is_empty(), "{path} has no example");
            for example in examples {
                assert_parses(example, &path);
                assert!(example.contains(&path), "{path}: {example:?} is of another subcommand");
            }
        }
        for example in EXAMPLES.lines().skip(1) {
            assert_parses(example, "esteira");
        }
    }

    #[test]
    fn whatever_prints_prints_json_too() {
        let formats_of_their_own =
            ["esteira openapi", "esteira asyncapi", "esteira completions", "esteira man"];
        for (path, command) in all() {
            let json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert_eq!(json, !formats_of_their_own.contains(&path.as_str()), "{path}");
        }
    }

    /// Lines of shell blocks, and what stands between backticks, that call this program.
    fn calls_in(text: &str) -> Vec<String> {
        let mut calls = Vec::new();
        let mut shell = false;
        for line in text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                shell = language == "sh";
            } else if shell {
                calls.push(line.to_owned());
            } else {
                calls.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        // What the program says of itself begins with its name, too.
        calls.retain(|line| line != "esteira is ready" && call(line).is_some_and(|words| words.len() > 1));
        calls
    }

    /// A call in prose has names for what it is given.
    fn filled(call: &str) -> String {
        let words = call.split(' ').map(|word| match word {
            "ORDER" | "ID" => "1",
            "LETTER" => "order.paid.dlq/0/12",
            "\"$role\"" => "projector",
            word => word,
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_call_in_the_documentation_parses() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
        let pages: Vec<_> = pages.chain([root.join("README.md"), root.join("ARCHITECTURE.md")]).collect();
        let names: BTreeSet<String> = all().into_iter().map(|(path, _)| path).collect();
        let mut shown = BTreeSet::new();
        for page in &pages {
            for line in calls_in(&std::fs::read_to_string(page).unwrap()) {
                // A name by itself is a name, and no call.
                if !names.contains(&line) {
                    assert_parses(&filled(&line), &page.display().to_string());
                }
                shown.extend(call(&line).and_then(|words| words.into_iter().nth(1)));
            }
        }
        for tool in
            ["doctor", "dlq", "outbox", "verify", "rebuild", "trace", "erase", "topics", "config", "bench"]
        {
            assert!(shown.contains(tool), "no page shows esteira {tool}: {shown:?}");
        }
    }

    #[test]
    fn the_documentation_has_every_exit_code() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let page = std::fs::read_to_string(page).unwrap();
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(page.contains(&row), "docs/cli.md lacks the row {row}");
        }
    }

    #[test]
    fn the_documentation_has_the_json_of_every_subcommand() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let page = std::fs::read_to_string(page).unwrap();
        for (path, command) in all() {
            if command.get_arguments().any(|argument| argument.get_long() == Some("json")) {
                assert!(
                    page.contains(&format!("`{path}`")),
                    "docs/cli.md does not say what {path} --json prints"
                );
            }
        }
    }
}
