//! The belt as a live picture.

mod part;
mod stages;

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use maud::{Markup, html};

use super::stream::{Told, stream as events};
use super::{By, On};
use crate::sampler::{COUNTED, Sample, Sampler, Trouble};
use crate::{layout, show};

/// How long a page waits for the first look.
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) async fn page(on: On, by: By) -> Markup {
    let mut samples = Sampler::watch(&on.0);
    let first = tokio::time::timeout(PATIENCE, samples.wait_for(Option::is_some)).await;
    let sample = first.ok().and_then(|seen| seen.ok()?.clone());
    layout::page(
        &by.0,
        "/",
        "The belt",
        &html! {
            div.live data-connection="opening" {
                div data-live="/stream" {
                    @match sample {
                        Some(sample) => (picture(&sample)),
                        None => p.quiet { "Looking at the engines…" },
                    }
                }
                p.quiet.connection role="status" {
                    span.when-open { "Live, every second." }
                    span.when-lost { "The connection is lost; trying again." }
                    noscript { "Reload the page to see it change." }
                }
            }
        },
    )
}

pub(super) async fn stream(on: On) -> impl IntoResponse {
    let stop = on.0.console.stop.clone();
    events(Sampler::watch(&on.0), stop, |sample: &Option<Arc<Sample>>| match sample {
        Some(sample) => Told::Shown(picture(sample)),
        None => Told::Nothing,
    })
}

fn picture(sample: &Sample) -> Markup {
    html! {
        (headline(sample))
        div.picture {
            ol.belt aria-label="The stages of the belt" {
                (stages::services(sample))
                (stages::outbox(sample))
                (stages::dispatcher(sample))
                (stages::topics(sample))
                (stages::projector(sample))
                (stages::views(sample))
                (stages::query(sample))
                (stages::reactions(sample))
            }
            (troubles(&sample.troubles))
        }
    }
}

fn headline(sample: &Sample) -> Markup {
    let waits = sample.outbox.as_ref().ok().map(|outbox| outbox.waiting);
    let lag = sample.log.as_ref().ok().map(|log| log.groups.iter().map(|group| group.lag).sum::<i64>());
    html! {
        p.headline role="status" {
            @if sample.troubles.is_empty() {
                span.dot.good {} strong { "Everything moves." }
            } @else {
                span.dot.bad {}
                strong { (sample.troubles.len()) " to look at." }
            }
            @if let (Some(waits), Some(lag)) = (waits, lag) {
                " " (show::count(waits, COUNTED)) " to publish, " (show::number(lag)) " to apply."
            }
            " " span.quiet { (sample.at.format("%H:%M:%S")) " UTC" }
        }
    }
}

fn troubles(troubles: &[Trouble]) -> Markup {
    html! {
        section.stuck.calm[troubles.is_empty()] aria-labelledby="troubles" {
            h2 id="troubles" { "What is stuck, and why" }
            @if troubles.is_empty() {
                p.quiet { "Nothing." }
            }
            ul.troubles {
                @for trouble in troubles {
                    li {
                        p.told {
                            a href=(trouble.page) { (trouble.what) }
                            @if let Some(age) = trouble.age { " " span.quiet { (show::age(age)) } }
                        }
                        @if !trouble.why.is_empty() { p.why { (trouble.why) } }
                    }
                }
            }
        }
    }
}
