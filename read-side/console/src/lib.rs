//! The console: what operators look at, and what they do. Pages rendered here, beside the API that the tools use.
//!
//! A page asks the crates that do the work, as the API does, and never the API. [`router`] puts both behind one listener.

mod access;
mod assets;
pub mod checkup;
mod diff;
pub mod failure;
mod form;
mod jobs;
mod layout;
mod pages;
mod sampler;
mod session;
mod show;
mod web;

use std::sync::Arc;

use esteira_bus::{Group, Log};
use esteira_dead_letters::DeadLetters;
use esteira_events::Topics;
use esteira_projector::Projector;
use esteira_sql::Db;
use esteira_sql::schema::Schema;
use esteira_telemetry::Health;
use esteira_views::Views;
use tokio_util::sync::CancellationToken;

use crate::jobs::Jobs;
use crate::sampler::Sampler;

pub use access::{Guard, check};
pub use checkup::Check;
pub use pages::{LetterFilters, changes};
pub use web::router;

/// What the pages work on.
pub struct Console {
    pub letters: DeadLetters,
    pub views: Arc<dyn Views>,
    pub projector: Arc<Projector>,
    /// Every consumer group of the platform, in the order in which the belt shows them.
    pub groups: Vec<Group>,
    /// The tables that there should be.
    pub schemas: Vec<Schema>,
    /// The stages of this process.
    pub health: Health,
    pub guard: Guard,
    /// Ends streams and long work.
    pub stop: CancellationToken,
}

/// A console and what it keeps while it runs.
pub(crate) struct Desk {
    console: Console,
    sampler: Sampler,
    jobs: Jobs,
}

impl Desk {
    fn db(&self) -> &Db {
        &self.console.letters.db
    }

    fn log(&self) -> &dyn Log {
        self.console.letters.log.as_ref()
    }

    fn topics(&self) -> &Topics {
        &self.console.letters.topics
    }

    fn views(&self) -> &dyn Views {
        self.console.views.as_ref()
    }
}
