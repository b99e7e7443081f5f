//! What every command route shares: from a request to an input, from an answer to a response.

mod amount;
mod history;
mod problems;
mod request;
mod resource;

pub use amount::amount;
pub use history::{HistoryItem, HistoryPage, history_page};
pub use request::CommandRequest;
pub use resource::{Resource, not_found, read, reply, submit, token};

pub use problems::refused;
pub(crate) use problems::unreadable_store;
