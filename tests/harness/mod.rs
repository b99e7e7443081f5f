//! What tests/it and tests/faults share: the platform as processes, its clients, their load and ledger, the oracle.

#![allow(dead_code, reason = "each target uses a part of it")]

pub mod client;
pub mod collector;
pub mod load;
pub mod oracle;
pub mod platform;
pub mod search;
