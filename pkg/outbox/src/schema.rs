//! The outbox table, which the Go services also write, and the leases of its dispatchers.

use esteira_sql::schema::{Index, Schema, Table, column};

/// A dispatcher of version 1 takes all rows, whoever has their slots.
pub const SCHEMA: Schema =
    Schema { name: "outbox", version: 2, tables: &[OUTBOX, LEASES, DISPATCHERS, SKIPPED] };

const OUTBOX: Table = Table {
    name: "outbox",
    columns: &[
        column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
        column("aggregate", "varchar(64)", "text"),
        column("event_type", "varchar(64) not null", "text not null"),
        column("payload", "json not null", "text not null"),
        column(
            "created_at",
            "datetime(3) not null default current_timestamp(3)",
            "text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
        ),
        column("processed_at", "datetime(3)", "text"),
        column("event_id", "varchar(64)", "text"),
        column("aggregate_id", "bigint", "integer"),
        column("sequence", "bigint", "integer"),
        column("traceparent", "varchar(64)", "text"),
        column("attempts", "int not null default 0", "integer not null default 0"),
        column("next_attempt_at", "bigint", "integer"),
        column("last_error", "varchar(1024)", "text"),
        column("kafka_partition", "int", "integer"),
        column("kafka_offset", "bigint", "integer"),
    ],
    primary_key: "",
    indexes: &[
        Index {
            name: "outbox_aggregate_sequence",
            columns: "aggregate(32), aggregate_id, sequence",
            unique: true,
        },
        Index { name: "outbox_unprocessed", columns: "processed_at, id", unique: false },
    ],
};

/// Events that operators gave up.
const SKIPPED: Table = Table {
    name: "outbox_skipped",
    columns: &[
        column("outbox_id", "bigint not null primary key", "integer not null primary key"),
        column("event_type", "varchar(64) not null", "text not null"),
        column("payload", "longtext not null", "text not null"),
        column("reason", "varchar(1024) not null", "text not null"),
        column("skipped_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[],
};

const LEASES: Table = Table {
    name: "leases",
    columns: &[
        column("name", "varchar(64) not null primary key", "text not null primary key"),
        column("owner", "varchar(128) not null", "text not null"),
        column("token", "bigint not null", "integer not null"),
        column("expires_at", "bigint not null", "integer not null"),
    ],
    primary_key: "",
    indexes: &[],
};

/// The dispatchers that share the slots.
const DISPATCHERS: Table = Table {
    name: "dispatchers",
    columns: &[
        column("owner", "varchar(128) not null primary key", "text not null primary key"),
        column("expires_at", "bigint not null", "integer not null"),
        column("seen", "bigint not null", "integer not null"),
    ],
    primary_key: "",
    indexes: &[],
};
