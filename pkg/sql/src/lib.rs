//! One SQL text for MySQL and SQLite: connections, transactions, schema, money and time.

pub mod bulk;
mod conn;
mod fault;
mod ids;
mod money;
mod row;
pub mod schema;
pub mod sqlite;
mod text;
mod time;

pub use conn::{Conn, Db, MySqlSettings, ReadConn, Tx};
pub use fault::{Fault, fault};
pub use money::{Money, MoneyError};
pub use text::fold_email;
pub use time::Timestamp;

#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use sqlx;
#[doc(hidden)]
pub use utoipa;
