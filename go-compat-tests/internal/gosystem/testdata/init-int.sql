create table users (
    id int auto_increment primary key,
    name varchar(100) not null,
    email varchar(100) not null unique,
    created_at datetime default current_timestamp
);
create table products (
    id int auto_increment primary key,
    name varchar(100) not null,
    price decimal(10,2) not null,
    stock int not null default 0,
    created_at datetime default current_timestamp
);
create table orders (
    id int auto_increment primary key,
    user_id int not null,
    status enum('CREATED', 'PAID', 'CANCELED', 'NOPE') not null default 'CREATED',
    total_amount decimal(10,2) not null default 0,
    created_at datetime default current_timestamp,
    foreign key (user_id) references users(id)
);
create table order_products (
    order_id int not null,
    product_id int not null,
    quantity int not null,
    unit_price decimal(10,2) not null,
    primary key (order_id, product_id),
    foreign key (order_id) references orders(id) on delete restrict,
    foreign key (product_id) references products(id)
);
create table outbox (
    id int auto_increment primary key,
    aggregate varchar(50) not null,
    event_type varchar(50) not null,
    payload json not null,
    created_at datetime default current_timestamp,
    processed_at datetime null,
    index idx_processed (processed_at)
);
create table processed_events (
    event_id char(36) not null,
    service_name varchar(50) not null,
    processed_at datetime default current_timestamp,
    primary key (event_id, service_name)
);
