//! The waves of a page: each key's next topic waits until its last one is acknowledged.

use std::collections::{HashMap, HashSet, VecDeque};

use esteira_outbox::{Key, Outgoing};

/// A log that takes one record of this size takes any: smaller ones may be sent behind each other without
/// waiting, since nothing that refuses one of them would accept the next.
const CERTAINLY_SMALL: usize = 64 * 1024;

/// The page's rows by key, in order of their ids.
pub(crate) struct Queues {
    keys: Vec<Key>,
    waiting: HashMap<Key, VecDeque<Outgoing>>,
}

impl Queues {
    /// A row that waits for its next attempt blocks its key; rows of blocked keys are left where they are.
    pub(crate) fn of(rows: impl Iterator<Item = Outgoing>, blocked: &mut HashSet<Key>) -> Self {
        let mut queues = Self { keys: Vec::new(), waiting: HashMap::new() };
        for outgoing in rows {
            if outgoing.row.waiting {
                blocked.insert(outgoing.key);
            } else if !blocked.contains(&outgoing.key) {
                let key = outgoing.key.clone();
                if !queues.waiting.contains_key(&key) {
                    queues.keys.push(key.clone());
                }
                queues.waiting.entry(key).or_default().push_back(outgoing);
            }
        }
        queues
    }

    /// Each key's next rows of one topic: its next topic waits until these are acknowledged.
    pub(crate) fn next_wave(&mut self) -> Vec<Outgoing> {
        let mut wave = Vec::new();
        for key in &self.keys {
            if let Some(queue) = self.waiting.get_mut(key) {
                take_run(queue, &mut wave);
            }
        }
        self.keys.retain(|key| self.waiting.get(key).is_some_and(|queue| !queue.is_empty()));
        wave
    }

    pub(crate) fn block(&mut self, key: &Key) {
        self.waiting.remove(key);
    }
}

fn take_run(queue: &mut VecDeque<Outgoing>, wave: &mut Vec<Outgoing>) {
    let Some(first) = queue.pop_front() else { return };
    let topic = first.topic.clone();
    let small = is_small(&first);
    wave.push(first);
    if small {
        while let Some(next) = queue.pop_front_if(|next| next.topic == topic && is_small(next)) {
            wave.push(next);
        }
    }
}

fn is_small(outgoing: &Outgoing) -> bool {
    outgoing.row.value().len() <= CERTAINLY_SMALL
}
