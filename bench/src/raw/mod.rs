//! What each engine can do by itself, under the same durability.

mod inserts;

pub use inserts::inserts;
