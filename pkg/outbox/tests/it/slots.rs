//! How dispatchers share the slots, and what each claims.

use std::collections::BTreeSet;
use std::time::Duration;

use esteira_events::Topics;
use esteira_outbox::{
    Key, Lease, LeaseError, Outgoing, SLOTS, Slots, balance, claim, dispatchers, is_dispatched, leave,
    mark_published, take_over,
};
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{MINUTE, commit, event, given, marks};

on_every_engine!(
    slots_are_shared_evenly_and_each_has_one_owner,
    many_at_once_share_without_waiting_for_each_other,
    who_leaves_leaves_its_slots_at_once,
    who_has_the_store_alone_takes_the_slots_of_who_was_killed,
    the_slots_of_who_is_gone_are_taken_when_their_time_is_over,
    a_lost_slot_loses_all,
    claims_of_all_slots_have_every_row_once,
    a_row_of_go_is_claimed_by_all_and_is_for_one,
    a_claim_goes_on_behind_rows_of_others,
    a_dead_dispatcher_from_before_the_clock_went_back_has_no_share,
    nothing_is_given_up_for_who_dies_at_every_start,
    a_lease_of_another_length_is_not_taken_for_one_of_another_time,
    a_row_that_names_an_id_and_no_aggregate_is_for_one,
);

fn places(lease: &Lease) -> BTreeSet<String> {
    lease.names().map(str::to_owned).collect()
}

/// Balances all of them until nothing changes any more.
async fn settle(test: &TestDb, leases: &mut [Lease]) {
    for _ in 0..3 {
        for lease in &mut *leases {
            balance(&test.db, lease).await.unwrap();
        }
    }
}

fn joined(owners: impl IntoIterator<Item = usize>) -> Vec<Lease> {
    owners.into_iter().map(|owner| Lease::new(&format!("owner-{owner:02}"), MINUTE)).collect()
}

fn shares(leases: &[Lease]) -> Vec<usize> {
    leases.iter().map(|lease| Slots::of(lease).len()).collect()
}

async fn slots_are_shared_evenly_and_each_has_one_owner(test: TestDb) {
    given(&test, vec![]).await;
    let mut leases = Vec::new();
    let expected: [&[usize]; 5] = [&[16], &[8, 8], &[6, 5, 5], &[4, 4, 4, 4], &[4, 3, 3, 3, 3]];
    for (owner, expected) in expected.into_iter().enumerate() {
        leases.extend(joined([owner]));
        settle(&test, &mut leases).await;
        assert_eq!(shares(&leases), expected);
        let all: BTreeSet<_> = leases.iter().flat_map(places).collect();
        assert_eq!(all.len(), usize::from(SLOTS));
    }
    leases.extend(joined(5..17));
    settle(&test, &mut leases).await;
    assert_eq!(shares(&leases), [vec![1; 16], vec![0]].concat(), "the seventeenth stands by");
    let told = dispatchers(&mut test.db.read().await.unwrap().conn()).await.unwrap();
    assert_eq!(told.iter().map(|it| it.slots).collect::<Vec<_>>(), [vec![1; 16], vec![0]].concat());
    assert!(told.iter().all(|it| (50_000..=60_000).contains(&it.remaining)), "{told:?}");
}

async fn many_at_once_share_without_waiting_for_each_other(test: TestDb) {
    given(&test, vec![]).await;
    // The rows of the slots are made once.
    settle(&test, &mut joined([99])).await;
    test.execute("update leases set expires_at = 0").await;
    test.execute("delete from dispatchers").await;
    let mut owners = tokio::task::JoinSet::new();
    for mut lease in joined(0..6) {
        let db = test.another().await;
        owners.spawn(async move {
            for _ in 0..30 {
                balance(&db, &mut lease).await.unwrap();
                mark_published(&db, &mut lease, &[]).await.unwrap();
            }
            lease
        });
    }
    let mut leases = owners.join_all().await;
    settle(&test, &mut leases).await;
    let mut shares = shares(&leases);
    shares.sort_unstable();
    assert_eq!(shares, [2, 2, 3, 3, 3, 3]);
}

async fn who_leaves_leaves_its_slots_at_once(test: TestDb) {
    given(&test, vec![]).await;
    let mut leases = joined(0..2);
    settle(&test, &mut leases).await;
    leave(&test.db, &mut leases[0]).await.unwrap();
    settle(&test, &mut leases[1..]).await;
    assert_eq!(shares(&leases), [0, 16]);
    leave(&test.db, &mut leases[1]).await.unwrap();
    assert!(!is_dispatched(&mut test.db.read().await.unwrap().conn()).await.unwrap());
}

async fn who_has_the_store_alone_takes_the_slots_of_who_was_killed(test: TestDb) {
    given(&test, vec![]).await;
    let mut killed = joined(0..2);
    settle(&test, &mut killed).await;
    let mut next = joined([2]);
    balance(&test.db, &mut next[0]).await.unwrap();
    assert_eq!(shares(&next), [0]);
    take_over(&test.db).await.unwrap();
    balance(&test.db, &mut next[0]).await.unwrap();
    assert_eq!(shares(&next), [16]);
    let lost = mark_published(&test.db, &mut killed[0], &[]).await;
    assert!(matches!(lost, Err(LeaseError::Lost(_))), "{lost:?}");
}

async fn the_slots_of_who_is_gone_are_taken_when_their_time_is_over(test: TestDb) {
    given(&test, vec![]).await;
    let mut leases = joined(0..2);
    settle(&test, &mut leases).await;
    let ended = "set expires_at = expires_at - 3600000 where owner = 'owner-00'";
    settle(&test, &mut leases[1..]).await;
    assert_eq!(Slots::of(&leases[1]).len(), 8);
    test.execute(&format!("update leases {ended}")).await;
    test.execute(&format!("update dispatchers {ended}")).await;
    settle(&test, &mut leases[1..]).await;
    assert_eq!(Slots::of(&leases[1]).len(), 16);
    assert_eq!(test.texts("select owner from dispatchers").await, ["owner-01"], "it is forgotten");
    let back = balance(&test.db, &mut leases[0]).await;
    assert!(matches!(back, Err(LeaseError::Lost(_))), "{back:?}");
}

async fn a_lost_slot_loses_all(test: TestDb) {
    given(&test, vec![event(1, 1)]).await;
    let mut lease = joined([0]).remove(0);
    balance(&test.db, &mut lease).await.unwrap();
    test.execute("update leases set token = token + 1 where name = 'dispatcher/07'").await;
    let marked = mark_published(&test.db, &mut lease, &marks([1])).await;
    assert!(matches!(marked, Err(LeaseError::Lost(_))), "{marked:?}");
    assert_eq!(test.int("select count(*) from outbox where processed_at is null").await, 1);
    let balanced = balance(&test.db, &mut lease).await;
    assert!(matches!(balanced, Err(LeaseError::Lost(_))), "{balanced:?}");
}

/// The users of the rows that `lease` claims, a page at a time.
async fn users(test: &TestDb, lease: &Lease, limit: u32) -> Vec<i64> {
    let (mut users, mut next) = (Vec::new(), Some(0));
    while let Some(after) = next {
        let page =
            claim(&mut test.db.read().await.unwrap().conn(), Slots::of(lease), after, limit).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        next = page.next;
        users.extend(page.rows.iter().filter_map(|row| row.aggregate_id));
    }
    users
}

async fn claims_of_all_slots_have_every_row_once(test: TestDb) {
    given(&test, (1..=100).flat_map(|user| [event(user, 1), event(user, 2)]).collect()).await;
    for (count, limit) in [(1, 7), (3, 1), (3, 5), (3, 1_000), (16, 2)] {
        let mut leases = joined(0..count);
        settle(&test, &mut leases).await;
        let mut all = Vec::new();
        for lease in &leases {
            let users = users(&test, lease, limit).await;
            let key = |user: &i64| Key::Aggregate("user".to_owned(), *user);
            assert!(users.iter().all(|user| Slots::of(lease).have(&key(user))));
            all.extend(users);
        }
        all.sort_unstable();
        assert_eq!(all, (1..=100).flat_map(|user| [user, user]).collect::<Vec<_>>());
        for lease in &mut leases {
            leave(&test.db, lease).await.unwrap();
        }
    }
}

async fn a_row_of_go_is_claimed_by_all_and_is_for_one(test: TestDb) {
    given(&test, vec![]).await;
    let value = r#"{"event_id": "c5ed6cd5-8a70-44e7-b29c-400c003d8a64", "occurred_at": "2026-11-22T12:43:01Z", "order_id": 7, "reason": "why"}"#;
    test.execute(&format!("insert into outbox (event_type, payload) values ('order.canceled', '{value}')"))
        .await;
    let mut leases = joined(0..3);
    settle(&test, &mut leases).await;
    let mut owners = 0;
    for lease in &leases {
        let slots = Slots::of(lease);
        let page = claim(&mut test.db.read().await.unwrap().conn(), slots, 0, 10).await.unwrap();
        let row = page.rows.into_iter().next().unwrap();
        let key = Outgoing::new(row, &Topics::default()).key;
        assert_eq!(key, Key::Aggregate("order".to_owned(), 7));
        owners += usize::from(slots.have(&key));
    }
    assert_eq!(owners, 1);
}

async fn a_claim_goes_on_behind_rows_of_others(test: TestDb) {
    given(&test, vec![]).await;
    let mut leases = joined(0..2);
    settle(&test, &mut leases).await;
    let user_of = |lease: &Lease| (1..=16).find(|id| Slots::of(lease).have(&Key::Row(*id))).unwrap();
    let (others, own) = (user_of(&leases[0]), user_of(&leases[1]));
    commit(&test.db, (1..=200).map(|sequence| event(others, sequence)).collect()).await.unwrap();
    commit(&test.db, vec![event(own, 1)]).await.unwrap();
    let slots = Slots::of(&leases[1]);
    let first = claim(&mut test.db.read().await.unwrap().conn(), slots, 0, 4).await.unwrap();
    assert_eq!((first.rows.len(), first.next), (0, Some(8)), "a stretch, not the table");
    assert_eq!(users(&test, &leases[1], 4).await, [own]);
}

#[test]
fn every_id_has_a_slot() {
    for id in [i64::MIN, -1, 0, 1, 17, i64::MAX] {
        assert!(Slots::ALL.have(&Key::Row(id)), "{id}");
    }
}

async fn a_dead_dispatcher_from_before_the_clock_went_back_has_no_share(test: TestDb) {
    given(&test, vec![]).await;
    settle(&test, &mut joined([0])).await;
    test.execute("update leases set expires_at = expires_at + 3600000").await;
    test.execute("update dispatchers set expires_at = expires_at + 3600000").await;
    let mut new = joined([1]);
    settle(&test, &mut new).await;
    assert_eq!(shares(&new), [16]);
    assert_eq!(test.texts("select owner from dispatchers").await, ["owner-01"]);
}

async fn nothing_is_given_up_for_who_dies_at_every_start(test: TestDb) {
    given(&test, vec![]).await;
    let mut alive = joined([0]);
    settle(&test, &mut alive).await;
    for crash in 1..5 {
        balance(&test.db, &mut joined([crash])[0]).await.unwrap();
        settle(&test, &mut alive).await;
    }
    assert_eq!(shares(&alive), [16]);
}

async fn a_lease_of_another_length_is_not_taken_for_one_of_another_time(test: TestDb) {
    given(&test, vec![]).await;
    let mut long = Lease::new("long", Duration::from_mins(10));
    balance(&test.db, &mut long).await.unwrap();
    balance(&test.db, &mut Lease::new("short", Duration::from_secs(6))).await.unwrap();
    mark_published(&test.db, &mut long, &[]).await.unwrap();
}

async fn a_row_that_names_an_id_and_no_aggregate_is_for_one(test: TestDb) {
    given(&test, vec![]).await;
    let mut leases = joined(0..2);
    settle(&test, &mut leases).await;
    for (id, of) in [(1, 2), (2, 8), (8, 1), (9, 15), (15, 16)] {
        let row = format!("({id}, {of}, 'nobody.knows', '{{}}')");
        test.execute(&format!("insert into outbox (id, aggregate_id, event_type, payload) values {row}"))
            .await;
    }
    let mut sent = Vec::new();
    for lease in &leases {
        let slots = Slots::of(lease);
        let page = claim(&mut test.db.read().await.unwrap().conn(), slots, 0, 10).await.unwrap();
        let rows = page.rows.into_iter().map(|row| Outgoing::new(row, &Topics::default()));
        sent.extend(rows.filter(|outgoing| slots.have(&outgoing.key)).map(|outgoing| outgoing.row.id));
    }
    sent.sort_unstable();
    assert_eq!(sent, [1, 2, 8, 9, 15]);
}
