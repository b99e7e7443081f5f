//! One owner at a time, by the store's clock, and fencing of those before.

use std::time::Duration;

use esteira_outbox::{LeaseError, mark_failed, mark_published, release};
use esteira_testkit::{TestDb, eventually, on_every_engine};

use crate::fixture::{LEASE, MINUTE, claimed, event, expire, given, ids, lease, marks};

on_every_engine!(
    a_held_lease_is_nobody_elses,
    one_of_many_gets_the_lease,
    a_lease_ends_by_the_clock_of_the_store,
    an_owner_is_never_surer_than_the_store,
    a_lease_from_before_the_clock_went_back_is_over,
    renewing_keeps_others_out,
    an_expired_lease_is_lost_although_nobody_has_taken_it,
    a_stale_owner_marks_nothing,
    a_released_lease_is_free_at_once,
    a_stale_owner_releases_nothing,
);

async fn a_held_lease_is_nobody_elses(test: TestDb) {
    given(&test, vec![]).await;
    let held = lease(&test.db, "a", MINUTE).await.unwrap();
    assert!(lease(&test.another().await, "b", MINUTE).await.is_none());
    assert!(lease(&test.db, "a", MINUTE).await.is_none(), "a restarted owner waits like others");
    expire(&test).await;
    let stolen = lease(&test.db, "b", MINUTE).await.unwrap();
    assert!(stolen.token(LEASE) > held.token(LEASE));
}

async fn one_of_many_gets_the_lease(test: TestDb) {
    given(&test, vec![]).await;
    for _ in 0..5 {
        let mut owners = tokio::task::JoinSet::new();
        for owner in 0..8 {
            let db = test.db.clone();
            owners.spawn(async move { lease(&db, &owner.to_string(), MINUTE).await.is_some() });
        }
        let won = owners.join_all().await.into_iter().filter(|won| *won).count();
        assert_eq!(won, 1);
        expire(&test).await;
    }
}

async fn a_lease_ends_by_the_clock_of_the_store(test: TestDb) {
    given(&test, vec![]).await;
    let held = lease(&test.db, "a", Duration::from_millis(400)).await.unwrap();
    assert!(lease(&test.db, "b", MINUTE).await.is_none());
    eventually("the lease ends", async || lease(&test.db, "b", MINUTE).await).await;
    assert_eq!(held.remaining(), Duration::ZERO, "the owner knows before anybody else has it");
}

async fn an_owner_is_never_surer_than_the_store(test: TestDb) {
    given(&test, vec![]).await;
    let mut held = lease(&test.db, "a", MINUTE).await.unwrap();
    for _ in 0..20 {
        let now = test.db.read().await.unwrap().conn().now_ms();
        let left = test.int(&format!("select expires_at - {now} from leases")).await;
        assert!(held.remaining().as_millis() <= u128::from(left.unsigned_abs()) + 2);
        held.renew(&test.db).await.unwrap();
    }
}

async fn a_lease_from_before_the_clock_went_back_is_over(test: TestDb) {
    given(&test, vec![]).await;
    lease(&test.db, "a", MINUTE).await.unwrap();
    test.execute("update leases set expires_at = expires_at + 3600000").await;
    assert!(lease(&test.db, "b", MINUTE).await.is_some());
}

async fn renewing_keeps_others_out(test: TestDb) {
    given(&test, vec![event(1, 1)]).await;
    let mut held = lease(&test.db, "a", MINUTE).await.unwrap();
    let left = async || {
        let now = test.db.read().await.unwrap().conn().now_ms();
        test.int(&format!("select expires_at - {now} from leases")).await
    };
    let almost_over = "update leases set expires_at = expires_at - 50000";
    test.execute(almost_over).await;
    held.renew(&test.db).await.unwrap();
    assert!(left().await > 50_000);
    test.execute(almost_over).await;
    mark_published(&test.db, &mut held, &[]).await.unwrap();
    assert!(left().await > 50_000, "marking renews by the way");
    assert!(lease(&test.db, "b", MINUTE).await.is_none());
}

async fn an_expired_lease_is_lost_although_nobody_has_taken_it(test: TestDb) {
    given(&test, vec![event(1, 1)]).await;
    let mut held = lease(&test.db, "a", MINUTE).await.unwrap();
    expire(&test).await;
    let renewed = held.renew(&test.db).await;
    assert!(matches!(renewed, Err(LeaseError::Lost(_))), "{renewed:?}");
    let published = mark_published(&test.db, &mut held, &marks([1])).await;
    assert!(matches!(published, Err(LeaseError::Lost(_))), "{published:?}");
    assert_eq!(ids(&test, 0, 1).await, [1]);
}

async fn a_stale_owner_marks_nothing(test: TestDb) {
    given(&test, vec![event(1, 1)]).await;
    let mut stale = lease(&test.db, "a", MINUTE).await.unwrap();
    expire(&test).await;
    let mut held = lease(&test.db, "b", MINUTE).await.unwrap();
    let row = claimed(&test, 0, 1).await.remove(0);
    let published = mark_published(&test.db, &mut stale, &marks([1])).await;
    assert!(matches!(published, Err(LeaseError::Lost(_))), "{published:?}");
    let failed = mark_failed(&test.db, &mut stale, &row, "refused").await;
    assert!(matches!(failed, Err(LeaseError::Lost(_))), "{failed:?}");
    let renewed = stale.renew(&test.db).await;
    assert!(matches!(renewed, Err(LeaseError::Lost(_))), "{renewed:?}");
    assert_eq!((claimed(&test, 0, 1).await[0].attempts, ids(&test, 0, 1).await), (0, vec![1]));
    mark_published(&test.db, &mut held, &marks([1])).await.unwrap();
    assert_eq!(ids(&test, 0, 1).await, [0; 0]);
}

async fn a_released_lease_is_free_at_once(test: TestDb) {
    given(&test, vec![]).await;
    let held = lease(&test.db, "a", MINUTE).await.unwrap();
    release(&test.db, held).await.unwrap();
    assert!(lease(&test.db, "b", MINUTE).await.is_some());
}

async fn a_stale_owner_releases_nothing(test: TestDb) {
    given(&test, vec![]).await;
    let stale = lease(&test.db, "a", MINUTE).await.unwrap();
    expire(&test).await;
    lease(&test.db, "b", MINUTE).await.unwrap();
    release(&test.db, stale).await.unwrap();
    assert!(lease(&test.db, "c", MINUTE).await.is_none());
}
