//! What is kept of an order's stock.

use esteira_events::ProductId;
use serde::{Deserialize, Serialize};

/// How an order's reservation stands. Every state but `Reserved` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReservationState {
    Reserved,
    Rejected,
    /// Also the tombstone of an order whose cancellation came before its creation.
    Released,
}

impl ReservationState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Rejected => "REJECTED",
            Self::Released => "RELEASED",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reserved, Self::Rejected, Self::Released].into_iter().find(|state| state.as_str() == text)
    }
}

/// One product of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub product_id: ProductId,
    pub quantity: i64,
}

/// The reservation of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub state: ReservationState,
    /// One line a product, ascending.
    pub lines: Vec<Line>,
}
