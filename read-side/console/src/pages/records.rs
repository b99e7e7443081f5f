//! Records in a list, and one by itself.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use esteira_bus::dlq::DLQ_SUFFIX;
use esteira_bus::{PartitionLag, Record};
use esteira_web::{PathParams, Problem};
use maud::{Markup, html};

use super::topics::of_log;
use super::{By, On};
use crate::show::{self, Beginning, LINE_BYTES, PAGE_BYTES};
use crate::{Desk, layout};

/// Records that are read at once.
const READ: usize = 1_000;

/// A record in a list, with the beginning of what may be large.
pub(super) struct Line {
    partition: i32,
    pub(super) offset: i64,
    at: Option<DateTime<Utc>>,
    key: Option<Beginning>,
    value: Option<Beginning>,
}

impl Line {
    fn of(record: &Record) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            at: written(record),
            key: record.key.as_deref().map(|key| Beginning::of(key, LINE_BYTES)),
            value: record.value.as_deref().map(|value| Beginning::of(value, LINE_BYTES)),
        }
    }
}

/// Up to `most` of the records of which `wanted` holds, newest first, among the newest `within` of each partition.
pub(super) async fn newest(
    desk: &Desk,
    ends: &[PartitionLag],
    within: i64,
    most: usize,
    wanted: impl Fn(&Record) -> bool + Send,
) -> Result<Vec<Line>, Problem> {
    let mut found = Vec::new();
    for at in ends {
        let mut lines = VecDeque::new();
        let mut next = (at.end - within).max(at.start);
        // What is read at once is bounded in bytes too, so a page may take several reads.
        while next < at.end {
            let most_read = usize::try_from(at.end - next).unwrap_or(READ).min(READ);
            let page = desk.log().read(&at.topic, at.partition, next, most_read).await.map_err(of_log)?;
            let Some(last) = page.last() else { break };
            next = last.offset + 1;
            lines.extend(page.iter().filter(|record| record.offset < at.end && wanted(record)).map(Line::of));
            lines.drain(..lines.len().saturating_sub(most));
        }
        found.extend(lines);
    }
    // Where all are of one partition, its order counts and not what producers' clocks say.
    let by_clock = ends.len() > 1;
    found.sort_by_key(|line| std::cmp::Reverse((line.at.filter(|_| by_clock), line.offset)));
    found.truncate(most);
    Ok(found)
}

pub(super) fn table(topic: &str, lines: &[Line]) -> Markup {
    html! {
        @if lines.is_empty() { p.quiet { "No records." } }
        ul.records {
            @for line in lines {
                li {
                    details {
                        summary {
                            span.place { (line.partition) "/" (line.offset) }
                            " " span.key { @match &line.key { Some(key) => (key), None => span.quiet { "no key" } } }
                            " " @if let Some(at) = line.at { (show::time(at)) }
                            " " span.brief { (line.value.as_ref().map(Beginning::line).unwrap_or_default()) }
                        }
                        (show::value(line.value.as_ref()))
                        a href={ "/topics/" (topic) "/" (line.partition) "/" (line.offset) } { "Headers and more" span.unseen { " of " (line.partition) "/" (line.offset) } }
                    }
                }
            }
        }
    }
}

fn written(record: &Record) -> Option<DateTime<Utc>> {
    record.timestamp_ms.and_then(DateTime::from_timestamp_millis)
}

pub(super) async fn record(
    on: On,
    by: By,
    PathParams((topic, partition, offset)): PathParams<(String, i32, i64)>,
) -> Result<Markup, Problem> {
    let desk = &on.0;
    let page = desk.log().read(&topic, partition, offset, 1).await.map_err(of_log)?;
    let Some(record) = page.into_iter().find(|record| record.offset == offset) else {
        let detail = format!("there is no record {topic}/{partition}/{offset}");
        return Err(Problem::not_found("no_such_record", detail));
    };
    let event = desk.topics().decode(&topic, record.value.as_deref()).ok();
    Ok(layout::page(
        &by.0,
        "/topics",
        &format!("{topic} {partition}/{offset}"),
        &html! {
            dl.wide {
                div { dt { "Topic" } dd { a href={ "/topics/" (topic) } { (topic) } } }
                div { dt { "Key" } dd { @match &record.key { Some(key) => code { (Beginning::of(key, LINE_BYTES)) }, None => span.quiet { "none" } } } }
                @if let Some(at) = written(&record) { div { dt { "Written" } dd { (show::time_and_age(at)) } } }
                @if let Some(event) = &event {
                    div { dt { "Event of" } dd { (super::views::link(event.aggregate(), event.aggregate_id())) } }
                }
                @if topic.ends_with(DLQ_SUFFIX) {
                    div { dt { "Dead letter" } dd { a href={ "/dead-letters/" (topic) "/" (partition) "/" (offset) } { "What became of it" } } }
                }
            }
            h2 { "Value" }
            (show::value(record.value.as_deref().map(|value| Beginning::of(value, PAGE_BYTES)).as_ref()))
            h2 { "Headers" }
            (headers(&record))
        },
    ))
}

fn headers(record: &Record) -> Markup {
    html! {
        @if record.headers.is_empty() { p.quiet { "None." } } @else {
            div.scroll {
                table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } } }
                    tbody {
                        @for header in &record.headers {
                            tr {
                                th scope="row" { (header.name) }
                                td { @match &header.value { Some(value) => code { (Beginning::of(value, LINE_BYTES)) }, None => span.quiet { "null" } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
