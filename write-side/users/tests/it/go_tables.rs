//! Users in a table that the Go services made.

use esteira_aggregate::CommandError;
use esteira_events::UserId;
use esteira_testkit::{TestDb, on_every_engine, on_mysql};
use esteira_users::domain::UserRejected;

use crate::fixture::{Fixture, change_email, create, delete, done, taken};

on_mysql!(users_that_go_made_are_read_and_written);
on_every_engine!(a_user_with_orders_stays);

async fn users_that_go_made_are_read_and_written(test: TestDb) {
    test.execute(
        "create table users (id bigint unsigned not null auto_increment primary key, name longtext, \
         email varchar(191), created_at datetime(3) null, unique index uni_users_email (email))",
    )
    .await;
    test.execute("insert into users (name, email, created_at) values ('Bruno', 'bruno@example.com', now(3))")
        .await;
    let fixture = Fixture::new(test).await;
    assert_eq!(fixture.submit(create("BRUNO@example.com")).await, taken("BRUNO@example.com"));
    let changed = done(fixture.submit(change_email(1, "b@example.com")).await);
    assert_eq!((changed.id, changed.version, changed.state.unwrap().name.as_str()), (1, 2, "Bruno"));
    let created = done(fixture.submit(create("ana@example.com")).await);
    assert_eq!((created.id, created.version), (2, 1));
    fixture
        .test
        .execute("insert into users (name, email, created_at) values ('Go', 'go@example.com', now(3))")
        .await;
    assert_eq!(done(fixture.submit(change_email(3, "gone@example.com")).await).version, 2);
}

async fn a_user_with_orders_stays(test: TestDb) {
    let kind = if test.mysql_options().is_some() { "bigint unsigned" } else { "integer" };
    test.execute(&format!("create table orders (id {kind} primary key, user_id {kind})")).await;
    let fixture = Fixture::new(test).await;
    for email in ["ana@example.com", "bruno@example.com"] {
        done(fixture.submit(create(email)).await);
    }
    fixture.test.execute("insert into orders values (1, 1)").await;
    let refused = Err(CommandError::Rejected(UserRejected::HasOrders { id: UserId(1) }));
    assert_eq!(fixture.submit(delete(1)).await, refused);
    let deleted = done(fixture.submit(delete(2)).await);
    assert_eq!((deleted.version, deleted.state), (2, None));
    assert_eq!(fixture.test.ints("select id from users").await, [1]);
    assert_eq!(done(fixture.submit(create("bruno@example.com")).await).id, 3, "ids are not used again");
}
