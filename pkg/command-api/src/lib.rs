//! What every command route shares: from a request to an input, from an answer to a response.

mod history;
mod problems;
mod request;
mod resource;

pub use history::{HistoryItem, HistoryPage, history_page};
pub use request::CommandRequest;
pub use resource::{Resource, not_found, read, reply, submit, token};

pub(crate) use problems::{refused, unreadable_store};
