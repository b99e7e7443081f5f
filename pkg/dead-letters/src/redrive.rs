//! Redrive, dry run and discard.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use esteira_bus::dlq::{Preview, RedriveError, RetryStore};
use esteira_bus::{DeadLetter, LetterId, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::ToSchema;

use crate::decisions::{self, Decision};
use crate::letters::{DeadLetters, DeadLettersError, Found, age};
use crate::listing::{Filters, Letter, State};

/// A dead letter with the record that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    #[serde(flatten)]
    pub letter: Letter,
    pub key: Option<String>,
    /// Names and values, in their order.
    pub headers: Vec<(String, Option<String>)>,
    /// The value as JSON where it is; else as text, with replacement characters for what is no UTF-8.
    pub value: Value,
    /// What a redrive would do, by consumer group.
    pub would: Vec<Would>,
}

/// What a redrive would do in one consumer group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Would {
    pub group: String,
    /// In words.
    pub effect: String,
    /// The view's document now, where it would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The view's document then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What became of the wish to redrive a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Redriven {
    pub letter: String,
    /// Whether it was handed in; one that is not open is left alone.
    pub handed_in: bool,
    /// Why not, where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which letters to redrive, and how fast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    pub filters: Filters,
    /// Where to stop: this letter, whatever became of it, and what comes after it stay.
    pub until: Option<LetterId>,
    /// Letters a second; as fast as it goes without one.
    pub per_second: Option<NonZeroU32>,
}

/// How far a redrive is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    pub total: usize,
    pub handed_in: usize,
    /// Letters that would fail as they did.
    pub refused: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
}

/// What becomes of a letter.
#[derive(Clone, Copy, Debug)]
enum Decided<'a> {
    Redrive,
    Discard { reason: &'a str },
}

impl DeadLetters {
    /// One letter in full, with what a redrive would do.
    pub async fn show(&self, id: &LetterId) -> Result<Shown, DeadLettersError> {
        let (Found { letter, .. }, listed) = self.find(id).await?;
        let mut would = Vec::new();
        for store in self.stores_of(&letter) {
            would.push(Would::of(store, store.preview(&letter.original).await?));
        }
        let record = &letter.original;
        Ok(Shown {
            letter: listed,
            key: record.key.as_deref().map(text),
            headers: record
                .headers
                .iter()
                .map(|header| (header.name.clone(), header.value.as_deref().map(text)))
                .collect(),
            value: value(record),
            would,
        })
    }

    /// Hands a letter back to the group that gave it up, or to every group that reads its topic where nobody knows which
    /// it was. An applied or discarded letter is left alone, so that a redrive can be repeated and resumed.
    pub async fn redrive(&self, id: &LetterId) -> Result<Redriven, DeadLettersError> {
        let (found, listed) = self.find(id).await?;
        let handed_in = listed.state == State::Open;
        if handed_in {
            self.carry_out(Decided::Redrive, found).await?;
        }
        Ok(Redriven { letter: id.to_string(), handed_in, error: None })
    }

    /// Hands the open letters that `pace.filters` mean back, oldest first; `each` is told of every letter. Interrupted, it
    /// goes on where it was: what was handed in is no longer open.
    pub async fn redrive_all(
        &self,
        pace: &Pace,
        mut each: impl FnMut(Progress) + Send,
    ) -> Result<Progress, DeadLettersError> {
        let filters = Filters { state: Some(State::Open), ..pace.filters.clone() };
        let open = self.read(&filters).await?;
        let until = match &pace.until {
            Some(id) => Some(self.find(id).await?.0.letter),
            None => None,
        };
        let before = |found: &Found| until.as_ref().is_none_or(|until| age(&found.letter) < age(until));
        let mut wanted: VecDeque<Found> =
            open.into_iter().map(|(found, _)| found).take_while(before).collect();
        let mut progress = Progress { total: wanted.len(), ..Progress::default() };
        let mut beat = pace.per_second.map(beat);
        while let Some(found) = wanted.pop_front() {
            if let Some(beat) = &mut beat {
                beat.tick().await;
            }
            if self.is_outdated(&found).await? {
                wanted.push_front(found);
                wanted = self.read_again(wanted, &filters).await?;
                continue;
            }
            // Somebody may have decided otherwise since the list was read.
            let now = self.with_states(vec![found.clone()]).await?;
            if now.iter().any(|(_, listed)| listed.state != State::Open) {
                continue;
            }
            match self.carry_out(Decided::Redrive, found).await {
                Ok(()) => progress.handed_in += 1,
                Err(
                    error @ (DeadLettersError::Undecodable(..)
                    | DeadLettersError::Taken(..)
                    | DeadLettersError::Nobody(..)),
                ) => {
                    progress.refused += 1;
                    progress.last_refusal = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
            each(progress.clone());
        }
        Ok(progress)
    }

    /// The letters of `found` as their queues have them now.
    async fn read_again(
        &self,
        found: VecDeque<Found>,
        filters: &Filters,
    ) -> Result<VecDeque<Found>, DeadLettersError> {
        let now = self.read_all(filters).await?.into_iter().map(|found| (found.letter.id.clone(), found));
        let mut now: HashMap<LetterId, Found> = now.collect();
        Ok(found.into_iter().filter_map(|found| now.remove(&found.letter.id)).collect())
    }

    /// Does with `found` what was decided, and again where that was not the letter as its queue has it: an erasure deletes
    /// the old letters first and looks through the retry stores then, so either it finds there what was put there, or the
    /// queue begins later by now.
    async fn carry_out(&self, decided: Decided<'_>, mut found: Found) -> Result<(), DeadLettersError> {
        loop {
            match decided {
                Decided::Redrive => self.hand_in(&found.letter).await?,
                Decided::Discard { reason } => self.give_up(&found.letter, reason).await?,
            }
            if !self.is_outdated(&found).await? {
                return Ok(());
            }
            found = match self.find(&found.letter.id).await {
                Ok((now, _)) if now.letter.original != found.letter.original => now,
                Ok(_) | Err(DeadLettersError::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
        }
    }

    async fn hand_in(&self, letter: &DeadLetter) -> Result<(), DeadLettersError> {
        if self.stores_of(letter).next().is_none() {
            let nobody = letter.group.clone().unwrap_or_else(|| letter.original.topic.clone());
            return Err(DeadLettersError::Nobody(letter.id.clone(), nobody));
        }
        for store in self.stores_of(letter) {
            store.redrive(&letter.original).await.map_err(|error| match error {
                RedriveError::Outage(outage) => outage.into(),
                RedriveError::Undecodable(reason) => DeadLettersError::Undecodable(letter.id.clone(), reason),
                RedriveError::Taken(by) => DeadLettersError::Taken(letter.id.clone(), by),
            })?;
        }
        // Last, for a letter without a group counts as applied once the stores have forgotten it.
        Ok(decisions::record(&self.db, &letter.id, Decision::Redrive, "").await?)
    }

    /// Gives a letter up for good, so that what waits behind it goes on.
    pub async fn discard(&self, id: &LetterId, reason: &str) -> Result<Letter, DeadLettersError> {
        let (found, mut listed) = self.find(id).await?;
        if listed.state == State::Applied {
            return Ok(listed);
        }
        decisions::record(&self.db, id, Decision::Discard, reason).await?;
        self.carry_out(Decided::Discard { reason }, found).await?;
        listed.state = State::Discarded;
        listed.reason = Some(reason.to_owned());
        Ok(listed)
    }

    async fn give_up(&self, letter: &DeadLetter, reason: &str) -> Result<(), DeadLettersError> {
        for store in self.stores_of(letter) {
            store.discard(&letter.original, reason).await?;
        }
        Ok(())
    }
}

impl Would {
    fn of(store: &Arc<dyn RetryStore>, preview: Preview) -> Self {
        let (effect, before, after) = match preview {
            Preview::View { before, after: None } => {
                ("the view's document is deleted".to_owned(), before, None)
            }
            Preview::View { before: None, after } => ("the view's document is made".to_owned(), None, after),
            Preview::View { before, after } => ("the view's document changes".to_owned(), before, after),
            Preview::Known => ("nothing: its effect is there already".to_owned(), None, None),
            Preview::Waits => ("it waits for its predecessor".to_owned(), None, None),
            Preview::Command(command) => (command, None, None),
            Preview::Fails(error) => (format!("it fails again: {error}"), None, None),
        };
        Self { group: store.group().to_owned(), effect, before, after }
    }
}

/// At most `per_second` times a second, also after a wait.
fn beat(per_second: NonZeroU32) -> Interval {
    let pause = Duration::from_secs(1) / per_second.get();
    let mut beat = interval(pause.max(Duration::from_nanos(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn value(record: &Record) -> Value {
    let Some(bytes) = record.value.as_deref() else { return Value::Null };
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(text(bytes)))
}
