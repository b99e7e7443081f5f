//! An order refers to users and products that are there.

use esteira_events::{ProductId, UserId};
use esteira_orders::domain::OrderRejected;
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{Fixture, create, done, rejected};

on_every_engine!(unknown_users_and_products_are_named_and_leave_no_trace);

async fn unknown_users_and_products_are_named_and_leave_no_trace(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.shop().await;
    let nobody = fixture.submit(create(9, &[(1, 1)]));
    let nothing = fixture.submit(create(1, &[(1, 1), (9, 1)]));
    let sound = fixture.submit(create(1, &[(1, 1)]));
    let (nobody, nothing, sound) = tokio::join!(nobody, nothing, sound);
    assert_eq!(rejected(nobody), OrderRejected::UserNotFound { id: UserId(9) });
    assert_eq!(rejected(nothing), OrderRejected::ProductNotFound { line: 1, id: ProductId(9) });
    assert_eq!(done(sound).id, 1);
    assert_eq!(fixture.test.int("select count(*) from outbox").await, 1);
}
