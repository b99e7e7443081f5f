//! The projector: events to views, gated on their sequence.
//!
//! Topics are per event type, so the log gives no order across them. The gate applies an event when it is the
//! next of its aggregate, skips what the document has, and parks what arrives early, durably. A document and
//! its version are one write, so an event is applied once however often it comes.

mod batch;
mod compare;
mod dead;
mod enrich;
mod facets;
mod gate;
mod history;
mod incoming;
mod parked;
mod projections;
mod projector;
mod rebuild;
mod retry_store;
mod spans;
mod state;
mod store;
mod takeover;
mod verify;

pub use projections::{View, project};
pub use projector::{GROUP, Projector, TOPICS};
pub use rebuild::Rebuilt;
pub use verify::{Difference, Verified, Where};
