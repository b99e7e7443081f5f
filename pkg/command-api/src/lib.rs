//! What every command route shares: from a request to an input, from an answer to a response.

mod history;
mod problems;
mod request;

pub use history::{HistoryItem, HistoryPage, history_page};
pub use problems::{refused, unreadable_store};
pub use request::CommandRequest;

use esteira_aggregate::Answer;
use esteira_web::Problem;

/// The outcome of a command that a client sent. Only reactions have duplicates, which have no outcome.
pub fn outcome<O>(answer: Answer<O>) -> Result<O, Problem> {
    match answer {
        Answer::Done(outcome) | Answer::Replayed(outcome) => Ok(outcome),
        Answer::Duplicate => Err(Problem::conflict("duplicate", "the event was handled before")),
    }
}
