//! The tables: the state, and the events that made it.

use esteira_sql::schema::{Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "loyalty", version: 1, tables: &[ACCOUNTS, EVENTS] };

const ACCOUNTS: Table = Table {
    name: "loyalty_accounts",
    columns: &[
        column("user_id", "bigint not null primary key", "integer not null primary key"),
        column("points", "bigint", "integer"),
        column("version", "bigint not null", "integer not null"),
    ],
    primary_key: "",
    indexes: &[],
};

const EVENTS: Table = Table {
    name: "loyalty_events",
    columns: &[
        column("user_id", "bigint not null", "integer not null"),
        column("sequence", "bigint not null", "integer not null"),
        column("kind", "varchar(16) not null", "text not null"),
        column("points", "bigint not null", "integer not null"),
        column("occurred_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "user_id, sequence",
    indexes: &[],
};
