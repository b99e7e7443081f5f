//! What is measured: every metric with its labels, in Prometheus' conventions (base units in the names).

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Label, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

/// Seconds, from a commit to a stall.
const DURATIONS: [f64; 14] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Items of one batch.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Only ever grows.
pub type Counter<const N: usize> = Metric<N, CounterKind>;
/// A level.
pub type Gauge<const N: usize> = Metric<N, GaugeKind>;
/// A distribution.
pub type Histogram<const N: usize> = Metric<N, HistogramKind>;

/// `error_type` is the code of a 5xx, and empty otherwise: by the status alone, what a client can bring about at will looks
/// like a fault of ours.
pub static HTTP_DURATION: Histogram<4> = Metric::durations(
    "http_server_request_duration_seconds",
    "Time until a request was answered",
    ["http_request_method", "http_route", "http_response_status_code", "error_type"],
);
pub static COMMANDS: Counter<2> =
    Metric::counter("esteira_commands_total", "Commands by what became of them", ["service", "outcome"]);
pub static COMMAND_BATCH: Histogram<1> =
    Metric::sizes("esteira_command_batch_commands", "Commands of one transaction", ["service"]);
pub static COMMAND_BATCH_DURATION: Histogram<1> =
    Metric::durations("esteira_command_batch_duration_seconds", "Time of one transaction", ["service"]);
pub static COMMAND_QUEUE: Gauge<1> =
    Metric::gauge("esteira_command_queue_commands", "Commands that wait for a transaction", ["service"]);
pub static OUTBOX_BACKLOG: Gauge<0> =
    Metric::gauge("esteira_outbox_backlog_rows", "Outbox rows that wait to be published", []);
pub static OUTBOX_AGE: Gauge<0> =
    Metric::gauge("esteira_outbox_oldest_age_seconds", "Age of the oldest outbox row that waits", []);
pub static OUTBOX_REFUSED: Gauge<0> =
    Metric::gauge("esteira_outbox_refused_rows", "Outbox rows that the event log has refused", []);
pub static PUBLISHED: Counter<1> = Metric::counter(
    "esteira_published_records_total",
    "Records that the event log has acknowledged",
    ["topic"],
);
pub static PUBLISH_ERRORS: Counter<2> = Metric::counter(
    "esteira_publish_errors_total",
    "Records that the event log has not taken",
    ["topic", "reason"],
);
pub static PUBLISH_DURATION: Histogram<0> = Metric::durations(
    "esteira_publish_duration_seconds",
    "Time until the event log acknowledged a wave of records",
    [],
);
pub static CONSUMED: Counter<1> =
    Metric::counter("esteira_consumed_records_total", "Records whose effects are durable", ["group"]);
pub static CONSUMED_BATCH: Histogram<1> =
    Metric::sizes("esteira_consumed_batch_records", "Records of one batch", ["group"]);
pub static CONSUMED_DURATION: Histogram<1> = Metric::durations(
    "esteira_consumed_batch_duration_seconds",
    "Time until the effects of a batch were durable",
    ["group"],
);
pub static LAG: Gauge<2> = Metric::gauge(
    "esteira_consumer_lag_records",
    "Records that a group has yet to commit",
    ["group", "topic"],
);
pub static PARKED: Gauge<2> =
    Metric::gauge("esteira_parked_records", "Records in the retry store of a group", ["group", "state"]);
pub static RETRIES: Counter<1> = Metric::counter(
    "esteira_retries_total",
    "Attempts that failed for the record's own reason and are made again",
    ["group"],
);
pub static DEAD_LETTERS: Counter<3> =
    Metric::counter("esteira_dead_letters_total", "Records that were given up", ["group", "topic", "class"]);
pub static FRESHNESS: Histogram<1> = Metric::durations(
    "esteira_view_freshness_seconds",
    "Time from an event until its view showed it",
    ["aggregate"],
);
pub static QUERY_STREAMS: Gauge<0> =
    Metric::gauge("esteira_query_open_streams", "Live queries that are open", []);
pub static POOL: Gauge<2> =
    Metric::gauge("esteira_db_pool_connections", "Connections to the write store", ["pool", "state"]);
pub static STAGE_READY: Gauge<1> =
    Metric::gauge("esteira_stage_ready", "1 where a stage of the belt does its work", ["stage"]);

/// A metric, with a value for each of its labels.
#[derive(Debug)]
pub struct Metric<const N: usize, K> {
    pub name: &'static str,
    pub help: &'static str,
    pub labels: [&'static str; N],
    kind: K,
}

#[derive(Debug)]
pub struct CounterKind;
#[derive(Debug)]
pub struct GaugeKind;
#[derive(Debug)]
pub struct HistogramKind {
    buckets: &'static [f64],
    unit: Unit,
}

impl<const N: usize, K> Metric<N, K> {
    fn labels(&self, values: [&str; N]) -> Vec<Label> {
        let label = |(name, value): (&'static str, &str)| {
            Label::new(SharedString::const_str(name), SharedString::from_owned(value.to_owned()))
        };
        self.labels.into_iter().zip(values).map(label).collect()
    }
}

impl<const N: usize> Counter<N> {
    const fn counter(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, kind: CounterKind }
    }

    pub fn add(&self, values: [&str; N], count: usize) {
        metrics::counter!(self.name, self.labels(values)).increment(count as u64);
    }
}

impl<const N: usize> Gauge<N> {
    const fn gauge(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, kind: GaugeKind }
    }

    pub fn set(&self, values: [&str; N], level: f64) {
        metrics::gauge!(self.name, self.labels(values)).set(level);
    }

    /// Moves the level, for many that move it at once.
    pub fn change(&self, values: [&str; N], by: f64) {
        metrics::gauge!(self.name, self.labels(values)).increment(by);
    }

    #[expect(clippy::cast_precision_loss, reason = "a double is exact up to 53 bits")]
    pub fn count(&self, values: [&str; N], items: u64) {
        self.set(values, items as f64);
    }
}

impl<const N: usize> Histogram<N> {
    const fn durations(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, kind: HistogramKind { buckets: &DURATIONS, unit: Unit::Seconds } }
    }

    const fn sizes(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, kind: HistogramKind { buckets: &SIZES, unit: Unit::Count } }
    }

    fn record(&self, values: [&str; N], value: f64) {
        metrics::histogram!(self.name, self.labels(values)).record(value);
    }

    pub fn took(&self, values: [&str; N], time: Duration) {
        self.record(values, time.as_secs_f64());
    }

    #[expect(clippy::cast_precision_loss, reason = "a double is exact up to 53 bits")]
    pub fn size(&self, values: [&str; N], items: usize) {
        self.record(values, items as f64);
    }
}

/// A metric as documents and dashboards know it.
pub trait Described: Sync {
    fn name(&self) -> &'static str;
    fn help(&self) -> &'static str;
    fn labels(&self) -> &[&'static str];
    /// `counter`, `gauge` or `histogram`.
    fn kind(&self) -> &'static str;
    /// The upper bounds of a histogram's buckets.
    fn buckets(&self) -> Option<&'static [f64]> {
        None
    }
    fn describe(&self);
}

macro_rules! described {
    ($kind:ty, $name:literal, $describe:expr, $buckets:expr) => {
        impl<const N: usize> Described for Metric<N, $kind> {
            fn name(&self) -> &'static str {
                self.name
            }
            fn help(&self) -> &'static str {
                self.help
            }
            fn labels(&self) -> &[&'static str] {
                &self.labels
            }
            fn kind(&self) -> &'static str {
                $name
            }
            fn buckets(&self) -> Option<&'static [f64]> {
                $buckets(&self.kind)
            }
            fn describe(&self) {
                $describe(self.name, self.help, &self.kind);
            }
        }
    };
}

described!(
    CounterKind,
    "counter",
    |name, help, _: &CounterKind| metrics::describe_counter!(name, Unit::Count, help),
    |_: &CounterKind| None
);
described!(
    GaugeKind,
    "gauge",
    |name, help, _: &GaugeKind| metrics::describe_gauge!(name, help),
    |_: &GaugeKind| None
);
described!(
    HistogramKind,
    "histogram",
    |name, help, kind: &HistogramKind| metrics::describe_histogram!(name, kind.unit, help),
    |kind: &HistogramKind| Some(kind.buckets)
);

/// Every metric of Esteira's own; `process_…` are beside them.
pub static ALL: [&dyn Described; 22] = [
    &HTTP_DURATION,
    &COMMANDS,
    &COMMAND_BATCH,
    &COMMAND_BATCH_DURATION,
    &COMMAND_QUEUE,
    &OUTBOX_BACKLOG,
    &OUTBOX_AGE,
    &OUTBOX_REFUSED,
    &PUBLISHED,
    &PUBLISH_ERRORS,
    &PUBLISH_DURATION,
    &CONSUMED,
    &CONSUMED_BATCH,
    &CONSUMED_DURATION,
    &LAG,
    &PARKED,
    &RETRIES,
    &DEAD_LETTERS,
    &FRESHNESS,
    &QUERY_STREAMS,
    &POOL,
    &STAGE_READY,
];

/// Where the values are kept, once [`install`] was called.
static RECORDED: OnceLock<(PrometheusHandle, Collector)> = OnceLock::new();

/// Begins to measure; before, and where it fails, values go nowhere.
pub fn install() -> Result<(), MetricsError> {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL {
        if let Some(buckets) = metric.buckets() {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name().to_owned()), buckets)?;
        }
    }
    let handle = builder.install_recorder()?;
    let process = Collector::default();
    process.describe();
    for metric in ALL {
        metric.describe();
    }
    RECORDED.set((handle, process)).map_err(|_| MetricsError::Twice)
}

/// What has been measured, in Prometheus' text format; empty where nothing is.
pub fn render() -> String {
    let Some((handle, process)) = RECORDED.get() else { return String::new() };
    process.collect();
    handle.run_upkeep();
    handle.render()
}

#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error("metrics cannot be recorded: {0}")]
    Recorder(#[from] metrics_exporter_prometheus::BuildError),
    #[error("metrics are recorded already")]
    Twice,
}
