//! The Go system's `orders` and `order_products` tables with our columns beside its own.

use esteira_sql::schema::{Index, Schema, Table, column};

pub const SCHEMA: Schema = Schema { name: "orders", version: 1, tables: &[ORDERS, ORDER_PRODUCTS] };

const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
        column("user_id", "bigint not null", "integer not null"),
        column("status", "varchar(32) not null default 'CREATED'", "text not null default 'CREATED'"),
        column("total_amount", "decimal(10,2) not null default 0", "integer not null default 0"),
        column("created_at", "datetime(3) not null default current_timestamp(3)", "text not null"),
        column("updated_at", "datetime(3)", "text"),
        column("version", "bigint not null default 1", "integer not null default 1"),
        column("reservation", "varchar(16) not null default 'PENDING'", "text not null default 'PENDING'"),
        column("payment_method", "varchar(64)", "text"),
        column("paid_at", "datetime(3)", "text"),
        column("canceled_at", "datetime(3)", "text"),
        column("cancel_reason", "varchar(1000)", "text"),
        column("refund_due", "boolean not null default false", "boolean not null default false"),
        column("refund_reference", "varchar(255)", "text"),
    ],
    primary_key: "",
    indexes: &[Index { name: "orders_user", columns: "user_id", unique: false }],
};

const ORDER_PRODUCTS: Table = Table {
    name: "order_products",
    columns: &[
        column("order_id", "bigint not null", "integer not null"),
        column("product_id", "bigint not null", "integer not null"),
        column("quantity", "bigint not null", "integer not null"),
        column("unit_price", "decimal(10,2) not null", "integer not null"),
    ],
    primary_key: "order_id, product_id",
    indexes: &[Index { name: "order_products_product", columns: "product_id", unique: false }],
};
