//! The retry store as tools see it.

use std::collections::HashMap;
use std::marker::PhantomData;

use async_trait::async_trait;
use esteira_aggregate::{handled, mark};
use esteira_bus::dlq::{Awaits, Preview, RedriveError, RetryStore, SetAside, Standing};
use esteira_bus::{Outage, Record};
use esteira_events::{DecodeError, Event, Topics};
use esteira_sql::{Db, Timestamp};

use crate::parked::{self, Parked};
use crate::reactions::{React, store};

/// What the reactions of `S` could not apply.
pub struct ReactionStore<S> {
    db: Db,
    topics: Topics,
    group: String,
    service: PhantomData<fn() -> S>,
}

impl<S: React> ReactionStore<S> {
    pub fn new(db: Db, topics: Topics, group: String) -> Self {
        Self { db, topics, group, service: PhantomData }
    }

    fn event_of(&self, record: &Record) -> Result<Event, DecodeError> {
        self.topics.decode(&record.topic, record.value.as_deref())
    }

    /// Marks `event` as handled, so that it is not tried when it comes again, also at another place.
    async fn mark_handled(&self, event: &Event) -> Result<(), sqlx::Error> {
        let event_id = event.meta.event_id.to_string();
        let mut tx = self.db.begin().await?;
        if handled(&mut tx.conn(), S::NAME, &[event_id.as_str()]).await?.is_empty() {
            mark(&mut tx.conn(), S::NAME, &[event_id.as_str()], Timestamp::now()).await?;
        }
        tx.commit().await
    }

    async fn replace(&self, parked: &Parked) -> Result<(), Outage> {
        parked::replace(&self.db, parked).await.map_err(|error| store(&error))
    }
}

#[async_trait]
impl<S: React> RetryStore for ReactionStore<S> {
    fn group(&self) -> &str {
        &self.group
    }

    fn reads(&self, topic: &str) -> bool {
        self.topics.event_type(topic).is_some_and(|event_type| S::EVENTS.contains(&event_type))
    }

    async fn standing(&self, records: &[Record]) -> Result<Vec<Option<Standing>>, Outage> {
        let ids: Vec<String> = records.iter().map(|record| parked::id(&self.group, record)).collect();
        let mut states = HashMap::new();
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        for ids in ids.chunks(500) {
            states.extend(parked::states(&mut reader.conn(), ids).await.map_err(|error| store(&error))?);
        }
        Ok(ids.iter().map(|id| states.get(id).map(|state: &String| standing_of(state))).collect())
    }

    async fn counts(&self) -> Result<Vec<(Standing, u64)>, Outage> {
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        let counts = parked::counts(&mut reader.conn(), &self.group).await.map_err(|error| store(&error))?;
        let mut standings =
            [Standing::Waiting, Standing::Dead, Standing::Discarded].map(|standing| (standing, 0));
        for (state, count) in counts {
            let of = standing_of(&state);
            standings.iter_mut().filter(|(standing, _)| *standing == of).for_each(|(_, sum)| *sum += count);
        }
        Ok(standings.to_vec())
    }

    async fn redrive(&self, record: &Record) -> Result<(), RedriveError> {
        self.event_of(record).map_err(|error| RedriveError::Undecodable(error.to_string()))?;
        Ok(self.replace(&Parked::due(&self.group, record)).await?)
    }

    /// The row stays too: of a record that is no event there is nothing else to know it by.
    async fn discard(&self, record: &Record, reason: &str) -> Result<(), Outage> {
        if let Ok(event) = self.event_of(record) {
            self.mark_handled(&event).await.map_err(|error| store(&error))?;
        }
        let discarded =
            Parked { state: parked::DISCARDED.to_owned(), ..Parked::dead(&self.group, record, reason) };
        self.replace(&discarded).await
    }

    async fn preview(&self, record: &Record) -> Result<Preview, Outage> {
        let event = match self.event_of(record) {
            Ok(event) => event,
            Err(error) => return Ok(Preview::Fails(error.to_string())),
        };
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        let event_id = event.meta.event_id.to_string();
        let handled = handled(&mut reader.conn(), S::NAME, &[event_id.as_str()])
            .await
            .map_err(|error| store(&error))?;
        if S::react(&event).is_none() || !handled.is_empty() {
            return Ok(Preview::Known);
        }
        Ok(Preview::Command(format!("{} reacts to {}", S::NAME, event.event_type())))
    }

    async fn set_aside(&self, most: u32) -> Result<Vec<SetAside>, Outage> {
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        let states =
            parked::by_state(&mut reader.conn(), &self.group, most).await.map_err(|error| store(&error))?;
        let set_aside = |it: parked::OfState| SetAside {
            awaits: if it.state == parked::DEAD { Awaits::Operator } else { Awaits::NextAttempt },
            records: it.records.unsigned_abs(),
            oldest: Some(it.oldest.to_utc()),
            error: Some(it.error).filter(|error| !error.is_empty()),
        };
        Ok(states.into_iter().map(set_aside).collect())
    }
}

fn standing_of(state: &str) -> Standing {
    match state {
        parked::DEAD => Standing::Dead,
        parked::DISCARDED => Standing::Discarded,
        _ => Standing::Waiting,
    }
}
