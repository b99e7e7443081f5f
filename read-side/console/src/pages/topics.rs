//! Topics, their records, and who has read how far.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use esteira_bus::{LogError, PartitionLag, Record};
use esteira_dead_letters::DeadLettersError;
use esteira_events::{EventType, Topics};
use esteira_web::{Problem, QueryParams};
use maud::{Markup, html};

use super::records::{self, Line};
use super::{By, On};
use crate::failure::of_dead_letters;
use crate::{Desk, layout, show};

/// Records of a page.
const PAGE: usize = 20;
/// The most that a search finds.
const FOUND: usize = 50;
/// Records of each partition that a search looks at, the newest ones.
const SEARCHED: i64 = 5_000;

pub(super) fn of_log(error: LogError) -> Problem {
    match error {
        LogError::Invalid(reason) => Problem::not_found("no_such_topic", reason),
        error @ (LogError::Unavailable(_) | LogError::Conflict(_)) => {
            of_dead_letters(DeadLettersError::from(error))
        }
    }
}

/// Every topic of ours with its queue, in the order in which they are declared.
fn names(desk: &Desk) -> Vec<String> {
    let topics = EventType::ALL.iter().map(|event| desk.topics().name(*event));
    topics.flat_map(|topic| [topic.clone(), Topics::dead_letters(&topic)]).collect()
}

/// Where each partition of `topics` begins and ends.
async fn ends(desk: &Desk, topics: &[String]) -> Result<Vec<PartitionLag>, Problem> {
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let Some(group) = desk.console.groups.first() else { return Ok(Vec::new()) };
    desk.log().lag(&group.name, &topics).await.map_err(of_log)
}

pub(super) async fn list(on: On, by: By) -> Result<Markup, Problem> {
    let desk = &on.0;
    let names = names(desk);
    let ends = ends(desk, &names).await?;
    let records =
        |topic: &str| -> i64 { ends.iter().filter(|it| it.topic == topic).map(|it| it.end - it.start).sum() };
    let partitions = |topic: &str| ends.iter().filter(|it| it.topic == topic).count();
    Ok(layout::page(
        &by.0,
        "/topics",
        "Topics",
        &html! {
            div.scroll {
                table {
                    thead { tr { th scope="col" { "Topic" } th.number scope="col" { "Partitions" } th.number scope="col" { "Records" } th.number scope="col" { "Dead letters" } th scope="col" { "Read by" } } }
                    tbody {
                        @for pair in names.chunks(2) {
                            @if let [topic, queue] = pair {
                                tr {
                                    th scope="row" { a href={ "/topics/" (topic) } { (topic) } }
                                    td.number { (partitions(topic)) }
                                    td.number { (show::number(records(topic))) }
                                    td.number { a href={ "/topics/" (queue) } { (show::number(records(queue))) span.unseen { " in " (queue) } } }
                                    td { (readers(desk, topic)) }
                                }
                            }
                        }
                    }
                }
            }
        },
    ))
}

fn readers(desk: &Desk, topic: &str) -> String {
    let readers = desk.console.groups.iter().filter(|group| group.topics.iter().any(|read| read == topic));
    readers.map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What of a topic is wanted.
pub(super) struct Wanted {
    key: String,
    partition: Option<i32>,
    /// Records below this offset.
    before: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut params = QueryParams::read(&parts.uri, &["key", "partition", "before"])?;
        let partition = params.integer("partition", 0..=i32::MAX.into());
        let wanted = Self {
            key: params.value("key").unwrap_or_default().to_owned(),
            partition: partition.and_then(|partition| i32::try_from(partition).ok()),
            before: params.integer("before", 0..=i64::MAX),
        };
        params.finish().map(|()| wanted)
    }
}

pub(super) async fn topic(
    on: On,
    by: By,
    Path(topic): Path<String>,
    wanted: Wanted,
) -> Result<Markup, Problem> {
    let desk = &on.0;
    let ends = ends(desk, std::slice::from_ref(&topic)).await?;
    if ends.is_empty() {
        return Err(Problem::not_found("no_such_topic", format!("there is no topic {topic}")));
    }
    let key = wanted.key.trim();
    let records = if key.is_empty() {
        newest(desk, &ends, &wanted).await?
    } else {
        records::newest(desk, &ends, SEARCHED, FOUND, |record| is_of(desk, record, key)).await?
    };
    let older = wanted.partition.and_then(|partition| {
        let start = ends.iter().find(|it| it.partition == partition)?.start;
        let last = records.last()?.offset;
        (key.is_empty() && last > start)
            .then(|| format!("/topics/{topic}?partition={partition}&before={last}"))
    });
    let newest = wanted
        .before
        .zip(wanted.partition)
        .map(|(_, partition)| format!("/topics/{topic}?partition={partition}"));
    Ok(layout::page(
        &by.0,
        "/topics",
        &topic,
        &html! {
            (partitions(desk, &topic, &ends, wanted.partition).await)
            form.filter action={ "/topics/" (topic) } role="search" {
                label for="key" { "Aggregate id" }
                input id="key" name="key" value=(key) placeholder="such as 12" autocomplete="off";
                button { "Search" }
                @if !key.is_empty() { a href={ "/topics/" (topic) } { "Clear" } }
            }
            h2 {
                @if !key.is_empty() { "Records of " (key) }
                @else if let Some(partition) = wanted.partition { "Records of partition " (partition) }
                @else { "Newest records" }
            }
            @if !key.is_empty() { (looked_at(&ends)) }
            (records::table(&topic, &records))
            (layout::pager(newest.as_deref(), older.as_deref()))
        },
    ))
}

fn looked_at(ends: &[PartitionLag]) -> Markup {
    let whole = ends.iter().all(|it| it.end - it.start <= SEARCHED);
    html! {
        p.quiet {
            @if whole { "Every record of the topic was looked at." }
            @else { "The newest " (show::number(SEARCHED)) " records of each of " (ends.len()) " partitions were looked at; older ones were not." }
            " The newest " (FOUND) " that match are shown."
        }
    }
}

/// A page of one partition, or the newest of all.
async fn newest(desk: &Desk, ends: &[PartitionLag], wanted: &Wanted) -> Result<Vec<Line>, Problem> {
    let mut ends = ends.to_vec();
    if let Some(partition) = wanted.partition {
        ends.retain(|at| at.partition == partition);
        for at in &mut ends {
            at.end = wanted.before.unwrap_or(at.end).clamp(at.start, at.end);
        }
    }
    records::newest(desk, &ends, PAGE.cast_signed() as i64, PAGE, |_| true).await
}

/// Whether it has this key, or is of this aggregate: Go's records may have a clock as their key.
fn is_of(desk: &Desk, record: &Record, key: &str) -> bool {
    record.key.as_deref() == Some(key.as_bytes())
        || desk
            .topics()
            .decode(&record.topic, record.value.as_deref())
            .is_ok_and(|event| event.aggregate_id().to_string() == key)
}

async fn partitions(desk: &Desk, topic: &str, ends: &[PartitionLag], chosen: Option<i32>) -> Markup {
    let mut groups = Vec::new();
    for group in desk.console.groups.iter().filter(|group| group.topics.iter().any(|read| read == topic)) {
        groups.push((&group.name, desk.log().lag(&group.name, &[topic]).await));
    }
    let lag = |lags: &Result<Vec<PartitionLag>, LogError>, partition: i32| match lags {
        Ok(lags) => {
            let lag = lags.iter().find(|it| it.partition == partition).map(PartitionLag::lag);
            lag.map_or_else(|| "–".to_owned(), show::number)
        }
        Err(_) => "?".to_owned(),
    };
    html! {
        div.scroll {
            table.compact {
                thead {
                    tr {
                        th scope="col" { "Partition" } th.number scope="col" { "First" } th.number scope="col" { "End" } th.number scope="col" { "Records" }
                        @for (group, _) in &groups { th.number scope="col" { "Lag of " (group) } }
                    }
                }
                tbody {
                    @for at in ends {
                        tr {
                            th scope="row" { a href={ "/topics/" (topic) "?partition=" (at.partition) } aria-current=[(chosen == Some(at.partition)).then_some("true")] { (at.partition) } }
                            td.number { (at.start) } td.number { (at.end) } td.number { (show::number(at.end - at.start)) }
                            @for (_, lags) in &groups { td.number { (lag(lags, at.partition)) } }
                        }
                    }
                }
            }
        }
    }
}
