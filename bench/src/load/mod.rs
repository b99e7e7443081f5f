//! Load over HTTP: as fast as the clients can, or at a fixed rate.

mod orders;
mod pace;

pub use orders::{Acknowledged, Ledger, Orders, PLENTY, Shop};
pub use pace::Pace;
