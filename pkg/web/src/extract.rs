//! Extractors whose rejection is a [`crate::Problem`].

mod conditional;
mod integer;
mod json;
mod json_error;
mod objects;
mod page;
mod path_id;
mod path_params;

pub use conditional::{IdempotencyKey, IfMatch};
pub use integer::Integer;
pub use json::{JsonBody, OptionalJsonBody};
pub use page::ListPage;
pub use path_id::PathId;
pub use path_params::PathParams;
