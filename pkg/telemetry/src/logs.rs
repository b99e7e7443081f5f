//! Log lines on standard error: coloured on a terminal, or JSON.

mod traced;

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, JsonFields};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use traced::{JsonTraced, PrettyTraced};

/// What is written unless a setting says more or less: our own outcomes, and only the trouble of libraries. OpenTelemetry's
/// would come with every batch of spans; we say ourselves when its collector is away.
pub const DEFAULT_FILTER: &str =
    "info,hyper=warn,librdkafka=warn,mongodb=warn,opentelemetry=off,rdkafka=warn,sqlx=warn,tower_http=warn";

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    Pretty,
    /// One JSON object a line, the fields beside `message`.
    Json,
}

/// Why there can be no logs.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error(
        "{filter:?} is no log filter ({source}); allowed: a level, or targets with levels such as info,esteira=debug"
    )]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Logs were initialised before.
    #[error("logs are initialised already")]
    Again(#[from] TryInitError),
}

/// Sends log lines, and panics as log lines, to standard error for the rest of the process.
///
/// `filter` adds to [`DEFAULT_FILTER`]: `debug` leaves the libraries quiet, `debug,sqlx=debug` does not.
///
/// # Errors
/// If the filter cannot be read, or this was called before.
pub fn init(filter: Option<&str>, format: Format) -> Result<(), LogError> {
    let coloured =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    subscriber(filter, format, coloured, io::stderr)?.try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn subscriber<W>(
    filter: Option<&str>,
    format: Format,
    coloured: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parse(filter)?)
        .with_writer(writer)
        .with_ansi(coloured)
        // A line that cannot be written would be told on standard error, which panics where that is the full disk.
        .log_internal_errors(false);
    Ok(match format {
        Format::Pretty => Box::new(builder.event_format(PrettyTraced(format::format())).finish()),
        Format::Json => {
            let lines = format::json().flatten_event(true).with_span_list(false);
            Box::new(builder.fmt_fields(JsonFields::new()).event_format(JsonTraced(lines)).finish())
        }
    })
}

fn parse(filter: Option<&str>) -> Result<EnvFilter, LogError> {
    let Some(own) = filter else { return build(DEFAULT_FILTER) };
    // Of two directives for one target the later one counts. The own part is read alone first, for the error.
    build(own)?;
    build(&format!("{DEFAULT_FILTER},{own}"))
}

fn build(filter: &str) -> Result<EnvFilter, LogError> {
    let parsed = EnvFilter::builder().parse(filter);
    parsed.map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(%location, error = message, "panicked");
}

#[cfg(test)]
mod tests {
    use esteira_testkit::Lines;
    use serde_json::Value;

    use super::*;
    use crate::TraceContext;
    use crate::health::Health;

    fn logged(filter: Option<&str>, format: Format, work: impl FnOnce()) -> Vec<String> {
        let (lines, _logged) = Lines::of(|lines| subscriber(filter, format, false, lines).unwrap());
        work();
        lines.text().lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_lines_have_the_fields_beside_the_message() {
        let lines = logged(None, Format::Json, || tracing::info!(order_id = 7, "order created"));
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (&line["message"], &line["order_id"], &line["level"]),
            (&"order created".into(), &7.into(), &"INFO".into())
        );
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn pretty_lines_are_for_people() {
        let lines = logged(None, Format::Pretty, || tracing::info!(order_id = 7, "order created"));
        assert!(lines[0].contains("INFO") && lines[0].ends_with("order created order_id=7"), "{lines:?}");
    }

    #[tokio::test]
    async fn what_happens_in_a_request_carries_its_trace_id() {
        let trace = TraceContext::root();
        let id = trace.trace_id().to_string();
        let told = async |format| {
            let (lines, _logged) = Lines::of(|lines| subscriber(None, format, false, lines).unwrap());
            trace.scope(async { tracing::info!(order_id = 7, "order created") }).await;
            trace.scope(async { tracing::info!(trace_id = "its own", "event published") }).await;
            tracing::info!("outside");
            lines.text().lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let pretty = told(Format::Pretty).await;
        assert!(pretty[0].ends_with(&format!("order created order_id=7 trace_id={id}")), "{pretty:?}");
        assert!(pretty[1].ends_with("event published trace_id=\"its own\""), "{pretty:?}");
        assert!(pretty[2].ends_with("outside"), "{pretty:?}");
        let json = told(Format::Json).await;
        let line: Value = serde_json::from_str(&json[0]).unwrap();
        assert_eq!((&line["trace_id"], &line["order_id"]), (&id.into(), &7.into()));
        assert_eq!(json[1].matches("trace_id").count(), 1, "{json:?}");
        assert!(!json[2].contains("trace_id"), "{json:?}");
        assert_eq!(json.len(), 3);
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let work = || {
            tracing::debug!("ours");
            tracing::info!(target: "sqlx::query", "theirs");
        };
        assert_eq!(logged(None, Format::Pretty, work).len(), 0);
        assert_eq!(logged(Some("debug"), Format::Pretty, work).len(), 1);
        assert_eq!(logged(Some("debug,sqlx=info"), Format::Pretty, work).len(), 2);
    }

    #[test]
    fn a_wrong_filter_is_told() {
        let error = parse(Some("esteira=loud")).unwrap_err().to_string();
        assert!(error.starts_with("\"esteira=loud\" is no log filter"), "{error}");
    }

    #[test]
    fn a_panic_is_a_log_line_with_its_place() {
        let lines = logged(None, Format::Pretty, || {
            std::panic::set_hook(Box::new(log_panic));
            std::panic::catch_unwind(|| panic!("stock is {}", -1)).unwrap_err();
            drop(std::panic::take_hook());
        });
        assert!(
            lines[0].contains("panicked location=") && lines[0].ends_with("error=\"stock is -1\""),
            "{lines:?}"
        );
    }

    #[test]
    fn a_stage_logs_each_transition_once() {
        let lines = logged(None, Format::Pretty, || {
            let stage = Health::new().stage("dispatcher");
            for _ in 0..3 {
                stage.ready();
            }
            for reason in ["kafka is away", "kafka is still away"] {
                stage.paused(reason);
            }
            stage.ready();
        });
        let told: Vec<&str> = lines.iter().map(|line| line.split_once("health: ").unwrap().1).collect();
        assert_eq!(
            told,
            [
                "stage ready stage=dispatcher after=starting",
                "stage paused stage=dispatcher reason=kafka is away",
                "stage ready stage=dispatcher after=paused",
            ]
        );
    }
}
