//! What operators decided about dead letters.

use esteira_sql::schema::{Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "dead_letters", version: 1, tables: &[DECISIONS] };

const DECISIONS: Table = Table {
    name: "dead_letter_decisions",
    columns: &[
        column("letter", "varchar(300) not null primary key", "text not null primary key"),
        column("decision", "varchar(16) not null", "text not null"),
        column("reason", "varchar(1024) not null", "text not null"),
        column("decided_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[],
};
