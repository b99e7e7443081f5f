//! Extractors whose rejection is a [`crate::Problem`].

mod conditional;
mod json;
mod json_error;
mod objects;
mod page;
mod path_id;

pub use conditional::{IdempotencyKey, IfMatch};
pub use json::{JsonBody, OptionalJsonBody};
pub use page::ListPage;
pub use path_id::PathId;
