//! Who was erased.

use esteira_sql::schema::{Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "erasure", version: 1, tables: &[ERASURES] };

/// Has no personal data. A backup brings erased data back, and this says of whom, so that they can be erased again.
const ERASURES: Table = Table {
    name: "erasures",
    columns: &[
        column("user_id", "bigint not null primary key", "integer not null primary key"),
        column("reason", "varchar(1024) not null", "text not null"),
        column("requested_at", "datetime(3) not null", "text not null"),
        column("erased_at", "datetime(3)", "text"),
    ],
    primary_key: "",
    indexes: &[],
};
