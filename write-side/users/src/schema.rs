//! The Go system's `users` table with our columns beside its own.

use esteira_sql::schema::{Index, Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "users", version: 1, tables: &[USERS] };

const USERS: Table = Table {
    name: "users",
    columns: &[
        column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
        column("name", "varchar(255) not null", "text not null"),
        column("email", "varchar(191) not null", "text not null collate email"),
        column("created_at", "datetime(3) not null default current_timestamp(3)", "text not null"),
        column("updated_at", "datetime(3)", "text"),
        column("version", "bigint not null default 1", "integer not null default 1"),
    ],
    primary_key: "",
    indexes: &[Index { name: "users_email", columns: "email", unique: true }],
};
