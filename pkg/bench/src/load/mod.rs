//! Load over HTTP: as fast as the clients can, or at a fixed rate.

mod orders;
mod pace;
mod reads;

pub use orders::{Acknowledged, Ledger, NAME, Orders, PRODUCT, Shop, email, visible};
pub use pace::Pace;
pub use reads::Reads;
