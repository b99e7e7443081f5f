//! The tables of the executor: idempotency keys, inbox marks, batch ids.

use esteira_sql::schema::{Index, Schema, Table, column};

pub const SCHEMA: Schema =
    Schema { name: "commands", version: 1, tables: &[IDEMPOTENCY_KEYS, PROCESSED_EVENTS, COMMAND_BATCHES] };

const IDEMPOTENCY_KEYS: Table = Table {
    name: "idempotency_keys",
    columns: &[
        column("scope", "char(64) not null primary key", "text not null primary key"),
        column("body_hash", "char(64) not null", "text not null"),
        column("answer", "json not null", "text not null"),
        column("created_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[Index { name: "idempotency_keys_created", columns: "created_at", unique: false }],
};

/// Go's inbox: its services mark their events here too, under names of their own.
const PROCESSED_EVENTS: Table = Table {
    name: "processed_events",
    columns: &[
        column("event_id", "varchar(64) not null", "text not null"),
        column("service_name", "varchar(64) not null", "text not null"),
        column("processed_at", "datetime(3) not null default current_timestamp(3)", "text not null"),
    ],
    primary_key: "event_id, service_name",
    indexes: &[],
};

const COMMAND_BATCHES: Table = Table {
    name: "command_batches",
    columns: &[
        column("batch_id", "char(36) not null primary key", "text not null primary key"),
        column("created_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[Index { name: "command_batches_created", columns: "created_at", unique: false }],
};
