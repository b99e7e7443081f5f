//! The Go system's `products` table with our columns beside its own, and the reservations.

use esteira_sql::schema::{Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "products", version: 1, tables: &[PRODUCTS, RESERVATIONS] };

const PRODUCTS: Table = Table {
    name: "products",
    columns: &[
        column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
        column("name", "varchar(255) not null", "text not null"),
        column("price", "decimal(10,2) not null", "integer not null"),
        column("stock", "bigint not null", "integer not null"),
        column("created_at", "datetime(3) not null default current_timestamp(3)", "text not null"),
        column("updated_at", "datetime(3)", "text"),
        column("version", "bigint not null default 1", "integer not null default 1"),
    ],
    primary_key: "",
    indexes: &[],
};

const RESERVATIONS: Table = Table {
    name: "reservations",
    columns: &[
        column("order_id", "bigint not null primary key", "integer not null primary key"),
        column("state", "varchar(16) not null", "text not null"),
        column("order_lines", "json not null", "text not null"),
        column("created_at", "datetime(3) not null", "text not null"),
        column("updated_at", "datetime(3) not null", "text not null"),
    ],
    primary_key: "",
    indexes: &[],
};
