//! An outbox that the Go services made.

use esteira_outbox::{SCHEMA, mark_failed, mark_published};
use esteira_testkit::{TestDb, on_mysql};

use crate::fixture::{MINUTE, claimed, commit, event, lease, marks};

on_mysql!(an_outbox_that_gorm_made_is_claimed_and_marked, a_go_service_may_insert_into_ours,);

const GO_INSERT: &str = "insert into outbox (aggregate, event_type, payload, created_at, processed_at) values \
    ('order', 'order.paid', '{\"event_id\": \"c5ed6cd5-8a70-44e7-b29c-400c003d8a64\"}', '2026-11-22 12:43:01', null)";

async fn an_outbox_that_gorm_made_is_claimed_and_marked(test: TestDb) {
    for (sequence, (text, payload)) in
        (1..).zip([("longtext", "json"), ("varchar(191)", "longtext"), ("varchar(50)", "longblob")])
    {
        test.execute("drop table if exists outbox").await;
        test.execute(&format!(
            "create table outbox (id bigint unsigned not null auto_increment primary key, aggregate {text}, \
             event_type {text}, payload {payload}, created_at datetime(3) null, processed_at datetime(3) null)"
        ))
        .await;
        test.execute(GO_INSERT).await;
        test.migrate(&[SCHEMA]).await;
        commit(&test.db, vec![event(1, sequence)]).await.unwrap();
        let rows = claimed(&test, 0, 10).await;
        assert_eq!((rows[0].id, rows[0].aggregate_id, rows[0].sequence), (1, None, None));
        assert!(rows[0].value().starts_with(b"{") && rows[1].sequence.is_some());
        test.execute("delete from leases").await;
        let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
        mark_failed(&test.db, &mut lease, &rows[1], "refused").await.unwrap();
        mark_published(&test.db, &mut lease, &marks([1])).await.unwrap();
        let rest = claimed(&test, 0, 10).await;
        assert_eq!(rest.iter().map(|row| (row.id, row.attempts)).collect::<Vec<_>>(), [(2, 1)]);
    }
}

async fn a_go_service_may_insert_into_ours(test: TestDb) {
    test.migrate(&[SCHEMA]).await;
    test.execute(GO_INSERT).await;
    test.execute(GO_INSERT).await;
    let rows = claimed(&test, 0, 10).await;
    assert_eq!(
        rows.iter().map(|row| (row.id, row.attempts, row.waiting)).collect::<Vec<_>>(),
        [(1, 0, false), (2, 0, false)]
    );
}
