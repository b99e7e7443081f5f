//! A service that writes a note for every order, and fails where a test says so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use esteira_aggregate::{Cause, Service, WriteError};
use esteira_events::{Event, EventType, Payload};
use esteira_outbox::NewEvent;
use esteira_reactions::React;
use esteira_sql::{Conn, Timestamp, on};
use tokio::sync::Notify;

/// The orders whose note cannot be written.
pub(crate) type Broken = Arc<Mutex<BTreeSet<i64>>>;

/// The attempt at one order's note that waits until a test lets it go on.
#[derive(Default)]
pub(crate) struct Pause {
    pub(crate) order: Mutex<Option<i64>>,
    pub(crate) reached: Notify,
    pub(crate) go: Notify,
}

impl Pause {
    async fn at(&self, order: i64) {
        let wanted = self.order.lock().unwrap().take_if(|wanted| *wanted == order).is_some();
        if wanted {
            self.reached.notify_one();
            self.go.notified().await;
        }
    }
}

pub(crate) struct Notes {
    pub(crate) broken: Broken,
    pub(crate) pause: Arc<Pause>,
}

/// Orders above this one are rejected by the domain.
pub(crate) const REJECTED_ABOVE: i64 = 1_000;
/// Broken orders above this one take their time to fail.
pub(crate) const SLOW_ABOVE: i64 = 900;
const SLOW: Duration = Duration::from_millis(300);

#[async_trait]
impl Service for Notes {
    const NAME: &'static str = "notes";
    type Command = i64;
    type World = Vec<i64>;
    type Receipt = ();
    type Outcome = ();
    type Rejection = String;

    async fn load(&self, _: &mut Conn<'_>, _: &[&i64], _: Timestamp) -> Result<Vec<i64>, sqlx::Error> {
        Ok(Vec::new())
    }

    fn version(&self, _: &Vec<i64>, _: &i64) -> Option<i64> {
        None
    }

    fn decide(&self, world: &mut Vec<i64>, order: &i64, _: &Cause) -> Result<(), String> {
        if *order > REJECTED_ABOVE {
            return Err("there is no such order".to_owned());
        }
        world.push(*order);
        Ok(())
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut Vec<i64>) -> Result<(), WriteError> {
        for order in world.iter() {
            self.pause.at(*order).await;
            let broken = self.broken.lock().unwrap().contains(order);
            if broken && *order > SLOW_ABOVE {
                tokio::time::sleep(SLOW).await;
            }
            let sql = if broken { "insert into nowhere values (?)" } else { "insert into notes values (?)" };
            on!(conn, c => sqlx::query(sql).bind(*order).execute(&mut *c).await.map(drop))?;
        }
        Ok(())
    }

    fn take_events(&self, _: &mut Vec<i64>) -> Vec<NewEvent> {
        Vec::new()
    }

    fn outcome(&self, _: &Vec<i64>, (): ()) {}

    fn taken(&self, _: &i64) -> Option<String> {
        None
    }

    fn is_kept(_: &String) -> bool {
        true
    }
}

impl React for Notes {
    const GROUP: &'static str = "notes-consumer";
    const EVENTS: &'static [EventType] = &[EventType::OrderDeleted];

    fn react(event: &Event) -> Option<i64> {
        if let Payload::OrderDeleted(deleted) = &event.payload { Some(deleted.order_id.0) } else { None }
    }
}
