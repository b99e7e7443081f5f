create table users (
    id bigint auto_increment primary key,
    name varchar(255) not null,
    email varchar(255) not null unique,
    created_at timestamp default current_timestamp
);
create table products (
    id bigint auto_increment primary key,
    name varchar(255) not null,
    price decimal(10,2) not null,
    stock int not null,
    created_at timestamp default current_timestamp
);
create table orders (
    id bigint auto_increment primary key,
    user_id bigint not null,
    status varchar(20) not null default 'CREATED',
    total_amount decimal(10,2) not null default 0,
    created_at timestamp default current_timestamp,
    foreign key (user_id) references users(id)
);
create table order_products (
    order_id bigint not null,
    product_id bigint not null,
    quantity int not null,
    unit_price decimal(10,2) not null,
    primary key (order_id, product_id),
    foreign key (order_id) references orders(id),
    foreign key (product_id) references products(id)
);
create table outbox (
    id bigint auto_increment primary key,
    aggregate varchar(50) not null,
    event_type varchar(50) not null,
    payload json not null,
    created_at timestamp default current_timestamp,
    processed_at timestamp null
);
create table processed_events (
    event_id varchar(36) not null,
    service_name varchar(50) not null,
    processed_at timestamp default current_timestamp,
    primary key (event_id, service_name)
);
