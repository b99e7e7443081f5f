//! A part of the belt, as it is drawn.

use esteira_telemetry::{StageReport, State as StageState};
use maud::{Markup, html};

use crate::sampler::{Flow, KEPT};
use crate::show;

/// How a part of the belt does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Busy,
    Bad,
}

impl Mood {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Bad => "bad",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "all well",
            Self::Busy => "something waits",
            Self::Bad => "needs attention",
        }
    }

    pub(super) fn of_stages(stages: &[&StageReport]) -> Self {
        if stages.iter().any(|stage| stage.state != StageState::Ready) { Self::Bad } else { Self::Good }
    }

    pub(super) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bad, _) | (_, Self::Bad) => Self::Bad,
            (Self::Busy, _) | (_, Self::Busy) => Self::Busy,
            (Self::Good, Self::Good) => Self::Good,
        }
    }
}

/// One part of the belt.
pub(super) struct Part<'a> {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) page: &'static str,
    pub(super) mood: Mood,
    pub(super) flow: Option<(&'a Flow, &'static str)>,
    /// Whether something comes in from the part before.
    pub(super) fed: bool,
    pub(super) body: Markup,
}

impl Part<'_> {
    pub(super) fn show(&self) -> Markup {
        html! {
            li class={ "stage " (self.class) " " (self.mood.class()) @if self.fed { " moving" } } {
                h3 {
                    span class={ "dot " (self.mood.class()) } {}
                    a href=(self.page) { (self.name) }
                    span.unseen { ": " (self.mood.word()) }
                }
                @if let Some((flow, what)) = self.flow {
                    p.rate {
                        strong { (flow.rate.map_or_else(|| "–".to_owned(), show::rate)) }
                        " " span.quiet { (what) "/s" }
                    }
                    (curve(flow))
                }
                (self.body)
            }
        }
    }
}

/// The rates of the last minute.
pub(super) fn curve(flow: &Flow) -> Markup {
    let most = flow.before.iter().copied().fold(1.0, f64::max);
    let missing = KEPT.saturating_sub(flow.before.len());
    let points: Vec<String> = flow
        .before
        .iter()
        .enumerate()
        .map(|(place, rate)| format!("{},{:.1}", place + missing, 19.0 - 17.0 * rate / most))
        .collect();
    html! {
        svg.curve viewBox={ "0 0 " (KEPT - 1) " 20" } preserveAspectRatio="none" aria-hidden="true" {
            polyline points=(points.join(" ")) {}
        }
    }
}

pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}

pub(super) fn away(class: &'static str, name: &'static str, error: &str) -> Markup {
    let body = html! { p.why { (error) } };
    Part { class, name, page: "/engines", mood: Mood::Bad, flow: None, fed: false, body }.show()
}

/// Whether something goes this way.
pub(super) fn moves(flow: Option<&Flow>) -> bool {
    flow.and_then(|flow| flow.rate).is_some_and(|rate| rate > 0.0)
}
