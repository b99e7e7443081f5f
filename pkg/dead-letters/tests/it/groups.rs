//! Consumer groups whose retry store is kept in memory, and which stop where a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use esteira_bus::dlq::{Awaits, Preview, RedriveError, RetryStore, SetAside, Standing};
use esteira_bus::{Outage, Record};
use serde_json::json;
use tokio::sync::Notify;

/// What a record is known by.
type Place = (String, i32, i64);

fn place(record: &Record) -> Place {
    (record.topic.clone(), record.partition, record.offset)
}

/// Where handing in or giving up stops, until it is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Before,
    After,
}

#[derive(Default)]
pub(crate) struct Group {
    name: &'static str,
    topics: Vec<String>,
    standings: Mutex<BTreeMap<Place, Standing>>,
    handed_in: Mutex<Vec<Record>>,
    given_up: Mutex<Vec<Record>>,
    pub(crate) undecodable: Mutex<BTreeSet<i64>>,
    pub(crate) away: Mutex<bool>,
    /// The offset of a record that it stops at.
    pub(crate) stop: Mutex<Option<(i64, Stop)>>,
    pub(crate) stopped: Notify,
    pub(crate) go: Notify,
}

impl Group {
    pub(crate) fn new(name: &'static str, topics: &[String]) -> Self {
        Self { name, topics: topics.to_vec(), ..Self::default() }
    }

    /// `record` has no attempt left.
    pub(crate) fn gives_up(&self, record: &Record) {
        self.standings.lock().unwrap().insert(place(record), Standing::Dead);
    }

    /// What waits is applied, and forgotten.
    pub(crate) fn applies_what_waits(&self) {
        self.standings.lock().unwrap().retain(|_, standing| *standing != Standing::Waiting);
    }

    /// The records that were handed in.
    pub(crate) fn handed_in(&self) -> Vec<Record> {
        self.handed_in.lock().unwrap().clone()
    }

    /// The records that were given up for good.
    pub(crate) fn given_up(&self) -> Vec<Record> {
        self.given_up.lock().unwrap().clone()
    }

    async fn stops(&self, record: &Record, wanted: Stop) {
        let stop = *self.stop.lock().unwrap();
        if stop == Some((record.offset, wanted)) {
            self.stopped.notify_one();
            self.go.notified().await;
        }
    }

    fn answers(&self) -> Result<(), Outage> {
        if *self.away.lock().unwrap() { Err(Outage(format!("{} is away", self.name))) } else { Ok(()) }
    }
}

#[async_trait]
impl RetryStore for Group {
    fn group(&self) -> &str {
        self.name
    }

    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| known == topic)
    }

    async fn standing(&self, records: &[Record]) -> Result<Vec<Option<Standing>>, Outage> {
        self.answers()?;
        let standings = self.standings.lock().unwrap();
        Ok(records.iter().map(|record| standings.get(&place(record)).copied()).collect())
    }

    async fn counts(&self) -> Result<Vec<(Standing, u64)>, Outage> {
        Ok(Vec::new())
    }

    async fn redrive(&self, record: &Record) -> Result<(), RedriveError> {
        self.answers()?;
        if self.undecodable.lock().unwrap().contains(&record.offset) {
            return Err(RedriveError::Undecodable("expected value".to_owned()));
        }
        self.stops(record, Stop::Before).await;
        self.handed_in.lock().unwrap().push(record.clone());
        self.standings.lock().unwrap().insert(place(record), Standing::Waiting);
        self.stops(record, Stop::After).await;
        Ok(())
    }

    async fn discard(&self, record: &Record, _: &str) -> Result<(), Outage> {
        self.answers()?;
        self.stops(record, Stop::Before).await;
        self.given_up.lock().unwrap().push(record.clone());
        self.standings.lock().unwrap().remove(&place(record));
        Ok(())
    }

    async fn preview(&self, record: &Record) -> Result<Preview, Outage> {
        Ok(match record.offset {
            1 => Preview::View { before: None, after: Some(json!({ "version": 1 })) },
            2 => {
                Preview::View { before: Some(json!({ "version": 1 })), after: Some(json!({ "version": 2 })) }
            }
            3 => Preview::View { before: Some(json!({ "version": 1 })), after: None },
            4 => Preview::Known,
            5 => Preview::Waits,
            6 => Preview::Command("orders reacts to order.paid".to_owned()),
            _ => Preview::Fails("EOF".to_owned()),
        })
    }

    async fn set_aside(&self, _: u32) -> Result<Vec<SetAside>, Outage> {
        self.answers()?;
        let of = |awaits, wanted| SetAside {
            awaits,
            records: self.standings.lock().unwrap().values().filter(|standing| **standing == wanted).count()
                as u64,
            oldest: None,
            error: None,
        };
        Ok(vec![of(Awaits::NextAttempt, Standing::Waiting), of(Awaits::Operator, Standing::Dead)])
    }
}
