//! The retry store of reactions.

use esteira_sql::schema::{Index, Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "reactions", version: 1, tables: &[PARKED] };

const PARKED: Table = Table {
    name: "parked_records",
    columns: &[
        column("id", "varchar(600) not null primary key", "text not null primary key"),
        column("consumer_group", "varchar(255) not null", "text not null"),
        column("record", "json not null", "text not null"),
        column("state", "varchar(16) not null", "text not null"),
        column("attempts", "int not null", "integer not null"),
        column("next_attempt_at", "datetime(3)", "text"),
        column("first_failure_at", "datetime(3) not null", "text not null"),
        column("error", "varchar(1024) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[Index {
        name: "parked_records_due",
        columns: "consumer_group, state, next_attempt_at",
        unique: false,
    }],
};
