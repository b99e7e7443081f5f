//! Engines, stages, dispatchers, instances, and how far each group is in each partition.

use esteira_bus::{Group, GroupMember, LogError, PartitionLag};
use esteira_outbox::{DispatcherNow, SLOTS};
use esteira_sql::Db;
use esteira_telemetry::{StageReport, State};
use maud::{Markup, html};

use super::{By, On};
use crate::checkup::{self, Check};
use crate::{Desk, layout, show};

pub(super) async fn page(on: On, by: By) -> Markup {
    let desk = &on.0;
    let (mut checks, log, views, dispatchers) = tokio::join!(
        checkup::of_store(desk.db(), &desk.console.schemas),
        checkup::of_log(desk.log(), desk.topics(), &desk.console.groups),
        checkup::of_views(desk.views()),
        dispatchers(desk.db()),
    );
    checks.extend(log);
    checks.extend(views);
    let mut groups = Vec::new();
    for group in &desk.console.groups {
        groups.push((group, lag(desk, group).await, desk.log().members(&group.name).await));
    }
    layout::page(
        &by.0,
        "/engines",
        "Engines",
        &html! {
            section aria-label="Checks" { (self::checks(&checks)) }
            section aria-labelledby="stages" {
                h2 id="stages" { "Stages of this process" }
                (stages(&desk.console.health.snapshot()))
            }
            section aria-labelledby="dispatchers" {
                h2 id="dispatchers" { "Dispatchers" }
                (at_work(&dispatchers))
                (pool(desk.db()))
            }
            section aria-labelledby="groups" {
                h2 id="groups" { "Consumer groups" }
                @for (group, lags, members) in &groups {
                    h3 { (group.name) }
                    (self::members(members))
                    (partitions(lags))
                }
            }
        },
    )
}

async fn dispatchers(db: &Db) -> Result<Vec<DispatcherNow>, sqlx::Error> {
    esteira_outbox::dispatchers(&mut db.read().await?.conn()).await
}

async fn lag(desk: &Desk, group: &Group) -> Result<Vec<PartitionLag>, String> {
    let topics: Vec<&str> = group.topics.iter().map(String::as_str).collect();
    desk.log().lag(&group.name, &topics).await.map_err(|error| error.to_string())
}

fn checks(checks: &[Check]) -> Markup {
    html! {
        ul.checks {
            @for check in checks {
                li {
                    span class={ "dot " @if check.ok { "good" } @else { "bad" } } {}
                    strong { (check.name) } span.unseen { @if check.ok { ": well" } @else { ": not well" } }
                    " " span { (check.detail) }
                }
            }
        }
    }
}

fn stages(stages: &[StageReport]) -> Markup {
    html! {
        @if stages.is_empty() { p.quiet { "None: this process is the console alone. Each other process tells its own at " code { "/readyz" } "." } }
        ul.checks {
            @for stage in stages {
                li {
                    span class={ "dot " @if stage.state == State::Ready { "good" } @else { "bad" } } {}
                    strong { (stage.name) } " " (stage.state) " for " (show::since(stage.since))
                    @if let Some(reason) = &stage.reason { ": " span.why { (reason) } }
                }
            }
        }
    }
}

fn at_work(dispatchers: &Result<Vec<DispatcherNow>, sqlx::Error>) -> Markup {
    html! {
        @match dispatchers {
            Err(error) => p.why { (error) },
            Ok(dispatchers) if dispatchers.is_empty() => p.why { "No dispatcher is at work." },
            Ok(dispatchers) => div.scroll {
                table.compact {
                    thead { tr { th scope="col" { "Dispatcher" } th.number scope="col" { "Slots of " (SLOTS) } th scope="col" { "Lease ends" } } }
                    tbody {
                        @for it in dispatchers {
                            tr {
                                th scope="row" { code { (it.owner) } }
                                td.number { (it.slots) }
                                td { "in " (show::age(chrono::TimeDelta::milliseconds(it.remaining))) }
                            }
                        }
                    }
                }
            },
        }
    }
}

fn pool(db: &Db) -> Markup {
    html! {
        p.quiet {
            "Connections of this process to the write store: "
            @for (place, (pool, used, idle)) in db.connections().into_iter().enumerate() {
                @if place > 0 { "; " }
                (pool) " " (used) " in use, " (idle) " idle"
            }
            "."
        }
    }
}

/// The instances that share the work of a group.
fn members(members: &Result<Vec<GroupMember>, LogError>) -> Markup {
    html! {
        @match members {
            Err(error) => p.why { (error) },
            Ok(members) if members.is_empty() => p.why { "No instance reads for it." },
            Ok(members) => ul.instances {
                @for member in members {
                    li { code title=(member.id) { (member.client) } " at " (member.host) ", " (member.partitions.len()) " partitions" }
                }
            },
        }
    }
}

/// Where most waits, first.
fn partitions(lags: &Result<Vec<PartitionLag>, String>) -> Markup {
    let mut lags = match lags {
        Ok(lags) => lags.iter().collect::<Vec<_>>(),
        Err(error) => return html! { p.why { (error) } },
    };
    lags.sort_by_key(|it| std::cmp::Reverse(it.lag()));
    let lag: i64 = lags.iter().map(|it| it.lag()).sum();
    html! {
        details {
            summary { "Lag " strong { (show::number(lag)) } " over " (lags.len()) " partitions" }
            div.scroll {
                table.compact {
                    thead {
                        tr {
                            th scope="col" { "Topic" }
                            th.number scope="col" { "Partition" }
                            th.number scope="col" { "Committed" }
                            th.number scope="col" { "End" }
                            th.number scope="col" { "Lag" }
                        }
                    }
                    tbody {
                        @for it in lags {
                            tr {
                                th scope="row" { a href={ "/topics/" (it.topic) "?partition=" (it.partition) } { (it.topic) } }
                                td.number { (it.partition) }
                                td.number { (it.committed.map_or_else(|| "–".to_owned(), show::number)) }
                                td.number { (show::number(it.end)) }
                                td.number { (show::number(it.lag())) }
                            }
                        }
                    }
                }
            }
        }
    }
}
