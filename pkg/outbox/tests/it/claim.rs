//! Claiming and marking.

use esteira_outbox::{backlog, delay, mark_failed, mark_published};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};

use crate::fixture::{MINUTE, claimed, commit, event, given, ids, lease, marks};

on_every_engine!(
    a_page_begins_after_an_id_and_has_what_is_not_published,
    a_published_row_says_where_it_went_and_keeps_saying_it,
    a_refused_row_waits_for_its_next_attempt,
    the_backlog_is_counted_up_to_a_limit,
);
on_mysql!(a_row_that_commits_late_with_a_low_id_is_claimed);

async fn a_page_begins_after_an_id_and_has_what_is_not_published(test: TestDb) {
    given(&test, (1..=6).map(|user| event(user, 1)).collect()).await;
    let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
    mark_published(&test.db, &mut lease, &marks([1, 3])).await.unwrap();
    assert_eq!(ids(&test, 0, 2).await, [2, 4]);
    assert_eq!(ids(&test, 4, 2).await, [5, 6]);
    assert_eq!(ids(&test, 6, 2).await, [0; 0]);
}

async fn a_published_row_says_where_it_went_and_keeps_saying_it(test: TestDb) {
    given(&test, (1..=100).map(|user| event(user, 1)).collect()).await;
    let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
    mark_published(&test.db, &mut lease, &marks(1..=100)).await.unwrap();
    let mut again = marks([7]);
    again[0].offset = 9_999;
    mark_published(&test.db, &mut lease, &again).await.unwrap();
    assert_eq!(
        test.ints("select kafka_offset from outbox where processed_at is not null order by id").await,
        (101..=200).collect::<Vec<_>>()
    );
}

async fn a_refused_row_waits_for_its_next_attempt(test: TestDb) {
    given(&test, vec![event(1, 1), event(2, 1)]).await;
    let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
    let row = claimed(&test, 0, 10).await.remove(0);
    mark_failed(&test.db, &mut lease, &row, &"é".repeat(5_000)).await.unwrap();
    let rows = claimed(&test, 0, 10).await;
    assert_eq!(
        rows.iter().map(|row| (row.attempts, row.waiting)).collect::<Vec<_>>(),
        [(1, true), (0, false)]
    );
    test.execute("update outbox set next_attempt_at = next_attempt_at - 1000 where id = 1").await;
    assert!(!claimed(&test, 0, 1).await[0].waiting);
    assert_eq!(test.int("select length(last_error) > 0 from outbox where id = 1").await, 1);
}

#[test]
fn attempts_are_1_2_4_8_16_seconds_apart_and_then_5_minutes() {
    assert_eq!(
        (1..=7).map(delay).collect::<Vec<_>>(),
        [1_000, 2_000, 4_000, 8_000, 16_000, 300_000, 300_000]
    );
}

async fn the_backlog_is_counted_up_to_a_limit(test: TestDb) {
    given(&test, (1..=5).map(|user| event(user, 1)).collect()).await;
    let mut reader = test.db.read().await.unwrap();
    assert_eq!(backlog(&mut reader.conn(), 3).await.unwrap().0, 3);
    let (count, oldest) = backlog(&mut reader.conn(), 100).await.unwrap();
    assert_eq!((count, oldest), (5, Some(claimed(&test, 0, 1).await[0].created_at)));
}

async fn a_row_that_commits_late_with_a_low_id_is_claimed(test: TestDb) {
    given(&test, vec![]).await;
    let mut slow = test.db.begin().await.unwrap();
    esteira_outbox::append(&mut slow.conn(), vec![event(1, 1)]).await.unwrap();
    commit(&test.db, vec![event(2, 1)]).await.unwrap();
    assert_eq!(ids(&test, 0, 10).await, [2]);
    let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
    mark_published(&test.db, &mut lease, &marks([2])).await.unwrap();
    slow.commit().await.unwrap();
    assert_eq!(ids(&test, 0, 10).await, [1]);
}
