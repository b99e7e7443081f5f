//! Partitions that are published again, also where that is broken off.

use std::sync::atomic::Ordering;

use esteira_bus::{Header, Record};
use esteira_erasure::ErasureError;
use esteira_testkit::{TestDb, on_every_engine};
use esteira_views::{ORDERS, USERS, Write};
use serde_json::{Value, json};

use crate::fixture::{ANA, EMAIL, Erasing, Fixture, record};

on_every_engine!(
    a_partition_is_published_again_without_her_and_else_as_it_was,
    what_was_broken_off_anywhere_is_completed_with_one_copy_of_each_record,
    a_later_erasure_that_is_broken_off_leaves_one_copy_of_each_record_too,
    what_only_the_views_have_is_erased_too,
    a_group_that_stands_still_is_told,
    what_another_erasure_has_published_again_is_not_lost,
);

/// Ten events of hers between ten of Eva's.
async fn filled(store: &TestDb, groups: &[&str]) -> Fixture {
    let fixture = Fixture::new(store, groups).await;
    for sequence in 1..=10 {
        fixture.event(sequence, false).await;
        fixture.publish(vec![record(ANA, sequence), record(13, sequence)]).await;
    }
    fixture
}

fn copy_of(record: &Record, offset: i64) -> Record {
    let mut headers = record.headers.clone();
    headers.push(Header::text("esteira_origin", format!("user.updated/0/{}", record.offset)));
    Record { offset, headers, ..record.clone() }
}

async fn a_partition_is_published_again_without_her_and_else_as_it_was(store: TestDb) {
    let fixture = filled(&store, &[]).await;
    let before = fixture.records().await;
    let erased = fixture.run().await.unwrap();
    assert_eq!((erased.events, erased.records, erased.partitions, erased.published_again), (10, 10, 1, 20));
    let after = fixture.records().await;
    assert_eq!(after.len(), 20);
    for (old, new) in before.iter().zip(&after) {
        let mut expected = copy_of(old, old.offset + 20);
        if old.key == Some(b"12".to_vec()) {
            expected.value.clone_from(&new.value);
            let json: serde_json::Value = serde_json::from_slice(new.value.as_deref().unwrap()).unwrap();
            let mut of_old: serde_json::Value =
                serde_json::from_slice(old.value.as_deref().unwrap()).unwrap();
            of_old["user"]["name"] = "erased".into();
            of_old["user"]["email"] = "erased-12@erased.invalid".into();
            assert_eq!(json, of_old);
        }
        assert_eq!(*new, expected);
    }
    assert_eq!(fixture.hers().await, (0, 0));
    // Each row tells where its record is now.
    let offsets = fixture.store.ints("select kafka_offset from outbox order by sequence").await;
    assert_eq!(offsets, (10..20).map(|number| 2 * number).collect::<Vec<i64>>());
    assert_eq!(fixture.run().await.unwrap().published_again, 0);
}

async fn what_was_broken_off_anywhere_is_completed_with_one_copy_of_each_record(store: TestDb) {
    let fixture = filled(&store, &[]).await;
    for (copies, deletions) in [(0, 9), (7, 9), (20, 0), (11, 9), (20, 0)] {
        fixture.copies.store(copies, Ordering::SeqCst);
        fixture.deletions.store(deletions, Ordering::SeqCst);
        let broken = fixture.run().await;
        assert!(matches!(broken, Err(ErasureError::Unavailable(_))), "{broken:?}");
        assert_eq!(fixture.erasure.list().await.unwrap()[0].erased_at.map(|at| at.to_string()), None);
        // The platform goes on meanwhile.
        fixture.publish(vec![record(14, 1)]).await;
    }
    fixture.copies.store(usize::MAX, Ordering::SeqCst);
    fixture.deletions.store(usize::MAX, Ordering::SeqCst);
    // Somebody else's erasure completes what hers has left.
    let erased = fixture.run_for(&[13], &Erasing).await.unwrap();
    assert_eq!(erased.users, [ANA, 13]);
    assert_eq!(fixture.hers().await, (0, 0));
    let after = fixture.records().await;
    let origins: Vec<i64> = after.iter().map(|record| record.origin().offset).collect();
    assert_eq!(after.len(), 25, "{origins:?}");
    assert_eq!(origins[..20], (0..20).collect::<Vec<i64>>());
    assert!(fixture.erasure.list().await.unwrap().iter().all(|entry| entry.erased_at.is_some()));
}

/// Copies of copies tell where the first one stood, which was deleted long ago.
async fn a_later_erasure_that_is_broken_off_leaves_one_copy_of_each_record_too(store: TestDb) {
    let fixture = filled(&store, &[]).await;
    fixture.run().await.unwrap();
    for copies in [7, 20, 13] {
        fixture.copies.store(copies, Ordering::SeqCst);
        fixture.deletions.store(0, Ordering::SeqCst);
        fixture.run_for(&[13], &Erasing).await.unwrap_err();
    }
    fixture.copies.store(usize::MAX, Ordering::SeqCst);
    fixture.deletions.store(usize::MAX, Ordering::SeqCst);
    fixture.run_for(&[13], &Erasing).await.unwrap();
    let origins: Vec<i64> = fixture.records().await.iter().map(|record| record.origin().offset).collect();
    assert_eq!(origins, (0..20).collect::<Vec<i64>>());
}

async fn a_group_that_stands_still_is_told(store: TestDb) {
    let fixture = filled(&store, &["stopped", "done", "beginning"]).await;
    for (group, records) in [("stopped", 3), ("done", 20)] {
        let mut member = fixture.erasure.log.subscribe(group, &["user.updated"]).await.unwrap();
        let taken = member.take(records, std::time::Duration::from_secs(5)).await.unwrap();
        assert_eq!(taken.len(), records);
        member.commit(&taken).await.unwrap();
        member.close().await;
    }
    // Whoever has not committed yet may have the first records in hand.
    assert_eq!(fixture.run().await.unwrap().behind, ["stopped", "beginning"]);
}

/// Two that believe to be alone, since one was suspended for longer than its lease.
async fn what_another_erasure_has_published_again_is_not_lost(store: TestDb) {
    let fixture = filled(&store, &[]).await;
    let copied = fixture.records().await;
    // The other one has published everything again, and deletes it when this one has looked.
    let other = fixture.erasure.log.republish(copied).await;
    assert!(other.iter().all(Result::is_ok));
    fixture.cut_behind(20);
    let outcome = fixture.run().await;
    assert!(matches!(outcome, Err(ErasureError::Busy)), "{outcome:?}");
    let left: std::collections::BTreeSet<i64> =
        fixture.records().await.iter().map(|record| record.origin().offset).collect();
    assert_eq!(left, (0..20).collect());
    assert_eq!((fixture.run().await.unwrap().published_again, fixture.hers().await), (20, (0, 0)));
}

/// Such as the views of a stopped projector, or of a backup.
async fn what_only_the_views_have_is_erased_too(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let her = json!({"name": "Ana", "email": EMAIL, "version": 1});
    let order = json!({"user_id": ANA, "version": 1, "user": {"id": ANA, "name": "Ana", "email": EMAIL}});
    let upsert = |collection, id: i64, body: &Value| Write::Upsert {
        collection,
        id: id.into(),
        set: body.as_object().unwrap().clone().into_iter().collect(),
    };
    let views = &fixture.erasure.views;
    views.write(vec![upsert(&USERS, ANA, &her), upsert(&ORDERS, 3, &order)]).await.unwrap();
    assert_eq!(fixture.run().await.unwrap().documents, 2);
    let (user, order) =
        (views.get(&USERS, &[ANA.into()]).await.unwrap(), views.get(&ORDERS, &[3.into()]).await.unwrap());
    assert_eq!((&user[0].body["name"], &user[0].body["version"]), (&json!("erased"), &json!(1)));
    assert_eq!(
        order[0].body["user"],
        json!({"id": ANA, "name": "erased", "email": "erased-12@erased.invalid"})
    );
}
