//! The gate: which of an aggregate's events are applied now, skipped, or parked.

use std::collections::BTreeSet;

use esteira_events::Event;

use crate::incoming::Incoming;
use crate::projections::{View, project, project_ahead};

/// The ids of unsequenced events that a document has in it; older ones are kept beside it.
const REMEMBERED: usize = 512;

/// An aggregate's view as it was loaded, and as the events leave it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Current {
    pub(crate) view: Option<View>,
    /// The sequence that view or tombstone has.
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    /// The unsequenced events on hand that are kept beside the view.
    pub(crate) recalled: BTreeSet<String>,
    /// Unsequenced events that the view no longer has the ids of.
    pub(crate) surplus: BTreeSet<String>,
}

/// What the gate says of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Applied,
    /// The view, or its tombstone, has it.
    Skipped,
    /// Its predecessor, or its document, is not there yet.
    Early,
    /// It cannot be applied; what follows it waits.
    Failed(String),
}

/// Folds `events`, sorted by sequence, into `current`; one verdict each.
pub(crate) fn fold(current: &mut Current, events: &[Incoming]) -> Vec<Verdict> {
    events.iter().map(|incoming| pass(current, &incoming.event)).collect()
}

/// Sorts by sequence. An unsequenced event goes before the first sequenced one that occurred later: what one service
/// did after the other's change must not be undone because both came in one batch.
pub(crate) fn sort(events: &mut Vec<Incoming>) {
    let (mut sequenced, mut unsequenced): (Vec<_>, Vec<_>) =
        std::mem::take(events).into_iter().partition(|incoming| incoming.event.sequence().is_some());
    sequenced.sort_by_key(|incoming| incoming.event.sequence());
    unsequenced.sort_by_key(|incoming| incoming.event.meta.occurred_at);
    let mut unsequenced = unsequenced.into_iter().peekable();
    for next in sequenced {
        let at = next.event.meta.occurred_at;
        while let Some(earlier) = unsequenced.next_if(|other| other.event.meta.occurred_at < at) {
            events.push(earlier);
        }
        events.push(next);
    }
    events.extend(unsequenced);
}

pub(crate) fn pass(current: &mut Current, event: &Event) -> Verdict {
    match event.sequence() {
        // Nothing follows a deletion: ids are not used again.
        _ if current.deleted => Verdict::Skipped,
        Some(sequence) if sequence <= current.version => Verdict::Skipped,
        Some(sequence) if sequence > current.version + 1 => Verdict::Early,
        Some(sequence) => sequenced(current, event, sequence),
        None => unsequenced(current, event),
    }
}

fn sequenced(current: &mut Current, event: &Event, sequence: i64) -> Verdict {
    // A Go projector's document says nothing of which events it has: the creation starts it anew.
    let base = current.view.clone().filter(|_| current.version > 0);
    // What a service decided before a Go event that it had not seen takes nothing of that event back.
    let has_unsequenced = base.as_ref().is_some_and(|view| view.revision() > 0);
    let next = if has_unsequenced { project_ahead(base, event) } else { project(base, event) };
    match next {
        Err(misfit) => Verdict::Failed(misfit.to_string()),
        Ok(mut next) => {
            if let Some(view) = &mut next {
                view.set_version(sequence);
            }
            current.deleted = next.is_none();
            current.view = next;
            current.version = sequence;
            Verdict::Applied
        }
    }
}

fn unsequenced(current: &mut Current, event: &Event) -> Verdict {
    let event_id = event.meta.event_id.to_string();
    let Some(mut view) = current.view.clone() else { return Verdict::Early };
    let remembered = view.applied().as_ref().is_some_and(|applied| applied.contains(&event_id));
    if remembered || current.surplus.contains(&event_id) || current.recalled.contains(&event_id) {
        return Verdict::Skipped;
    }
    match project_ahead(Some(view), event) {
        Err(misfit) => Verdict::Failed(misfit.to_string()),
        Ok(Some(mut view)) => {
            let applied = view.applied().get_or_insert_default();
            applied.push(event_id);
            let surplus = applied.len().saturating_sub(REMEMBERED);
            current.surplus.extend(applied.drain(..surplus));
            view.set_revision(view.revision() + 1);
            current.view = Some(view);
            Verdict::Applied
        }
        Ok(None) => {
            current.view = None;
            current.deleted = true;
            Verdict::Applied
        }
    }
}
