//! What each engine can do by itself, under the same durability.

mod find;
mod inserts;
mod produce;
mod upserts;

pub use find::FindServer;
pub use inserts::inserts;
pub use produce::produce;
pub use upserts::upserts;
