//! Records that are published again, and the deletion of what they replace.

use esteira_bus::{EmbeddedLog, Header, Log, LogError, Position, Record};

use crate::fixture::{Fixture, WAIT, contract, number, numbered, take, unique};

contract!(
    a_record_that_is_published_again_tells_where_it_stood_first,
    what_is_deleted_is_gone_and_offsets_go_on,
    a_group_that_lags_behind_reads_what_was_published_again,
    a_member_that_is_at_it_goes_on_behind_what_was_deleted,
    only_what_is_there_can_be_deleted,
);

async fn republish(fixture: &Fixture, records: Vec<Record>) -> Vec<Position> {
    fixture.log.republish(records).await.into_iter().map(Result::unwrap).collect()
}

async fn a_record_that_is_published_again_tells_where_it_stood_first(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let positions = fixture.publish(numbered(&topic, 9, 9)).await;
    let partition = positions[4].partition;
    let first = fixture.log.read(&topic, partition, 0, 100).await.unwrap();
    assert!(first.iter().all(|record| record.origin() == record.position() && !record.is_copy()));
    let end = i64::try_from(first.len()).unwrap();
    assert_eq!(republish(&fixture, first.clone()).await[0], Position { partition, offset: end });
    let second = fixture.log.read(&topic, partition, end, 100).await.unwrap();
    republish(&fixture, second.clone()).await;
    let third = fixture.log.read(&topic, partition, 2 * end, 100).await.unwrap();
    assert_eq!((second.len(), third.len()), (first.len(), first.len()));
    for (copies, start) in [(second, end), (third, 2 * end)] {
        for (record, copy) in first.iter().zip(copies) {
            assert_eq!((copy.origin(), copy.offset), (record.position(), record.offset + start));
            let mut headers = record.headers.clone();
            headers.push(Header::text("esteira_origin", format!("{topic}/{partition}/{}", record.offset)));
            let expected = Record { offset: copy.offset, headers, ..record.clone() };
            assert_eq!(copy, expected, "but for the header it is the same, its time too");
        }
    }
}

/// Which a topic that was made anew has at the same place.
#[test]
fn a_copy_is_known_by_its_identity_and_another_record_is_not() {
    let id = |last: u8| format!("0199aaaa-0000-7000-8000-00000000000{last}");
    let of_go = |last: u8| Record {
        topic: "order.paid".to_owned(),
        partition: 2,
        offset: 7,
        timestamp_ms: Some(1_795_351_389_000),
        key: None,
        value: Some(format!(r#"{{"event_id": "{}", "order_id": 1}}"#, id(last)).into_bytes()),
        headers: Vec::new(),
    };
    let first = of_go(1);
    assert_eq!(first.identity(), format!("order.paid/2/7/{}", id(1)));
    let origin = vec![Header::text("esteira_origin", "order.paid/2/7")];
    assert_eq!(Record { offset: 90, headers: origin, ..first.clone() }.identity(), first.identity());
    let another = Record { offset: 8, ..first.clone() };
    for other in [of_go(2), another] {
        assert_ne!(other.identity(), first.identity());
    }
    // Ours tell it beside the value, of which nothing may be left.
    let headers = vec![Header::text("ce_id", id(1))];
    let unreadable = Record { value: Some(b"{".to_vec()), ..first.clone() };
    assert_eq!(Record { headers, ..unreadable.clone() }.identity(), first.identity());
    assert_eq!(unreadable.identity(), "order.paid/2/7/1795351389000");
    let long = vec![Header::text("ce_id", "x".repeat(1_000))];
    assert_eq!(Record { headers: long, ..first.clone() }.identity(), first.identity());
}

async fn what_is_deleted_is_gone_and_offsets_go_on(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    fixture.publish(numbered(&topic, 10, 1)).await;
    fixture.log.delete_before(&topic, 0, 4).await.unwrap();
    let read = async |from: i64| {
        let records = fixture.log.read(&topic, 0, from, 100).await.unwrap();
        records.iter().map(number).collect::<Vec<_>>()
    };
    assert_eq!(read(0).await, [4, 5, 6, 7, 8, 9]);
    let lag = fixture.log.lag(&unique("group"), &[&topic]).await.unwrap().remove(0);
    assert_eq!((lag.start, lag.end, lag.lag()), (4, 10, 6));
    assert_eq!(fixture.log.start(&topic, 0).await.unwrap(), 4);
    // Again, and less than before.
    fixture.log.delete_before(&topic, 0, 4).await.unwrap();
    fixture.log.delete_before(&topic, 0, 2).await.unwrap();
    assert_eq!(read(0).await.len(), 6);
    fixture.log.delete_before(&topic, 0, 10).await.unwrap();
    assert_eq!(read(0).await, Vec::<usize>::new());
    assert_eq!(fixture.publish(numbered(&topic, 1, 1)).await[0].offset, 10);
}

async fn a_group_that_lags_behind_reads_what_was_published_again(fixture: Fixture) {
    let (topic, group, fresh) = (fixture.topic(1).await, unique("group"), unique("group"));
    fixture.publish(numbered(&topic, 10, 1)).await;
    fixture.consume(&group, &topic, 3, true).await;
    let all = fixture.log.read(&topic, 0, 0, 100).await.unwrap();
    republish(&fixture, all).await;
    fixture.log.delete_before(&topic, 0, 10).await.unwrap();
    for group in [group, fresh] {
        let records = fixture.consume(&group, &topic, 10, true).await;
        assert_eq!(records.iter().map(number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(records[0].offset, 10);
        let lag = fixture.log.lag(&group, &[&topic]).await.unwrap().remove(0);
        assert_eq!((lag.committed, lag.lag()), (Some(20), 0));
    }
}

async fn a_member_that_is_at_it_goes_on_behind_what_was_deleted(fixture: Fixture) {
    let (topic, group) = (fixture.topic(1).await, unique("group"));
    fixture.publish(numbered(&topic, 10, 1)).await;
    let mut consumer = fixture.log.subscribe(&group, &[&topic]).await.unwrap();
    let first = take(&mut *consumer, 3).await;
    consumer.commit(&first).await.unwrap();
    take(&mut *consumer, 2).await;
    let all = fixture.log.read(&topic, 0, 0, 100).await.unwrap();
    republish(&fixture, all).await;
    fixture.log.delete_before(&topic, 0, 10).await.unwrap();
    // Its committed offset is before the start now.
    consumer.rewind().await.unwrap();
    let again = take(&mut *consumer, 10).await;
    assert_eq!(again.iter().map(|record| record.offset).collect::<Vec<_>>(), (10..20).collect::<Vec<_>>());
    consumer.commit(&again).await.unwrap();
    assert_eq!(consumer.take(10, WAIT).await.unwrap(), []);
    consumer.close().await;
    assert_eq!(fixture.log.lag(&group, &[&topic]).await.unwrap()[0].committed, Some(20));
}

async fn only_what_is_there_can_be_deleted(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    fixture.publish(numbered(&topic, 2, 1)).await;
    for (topic, partition, offset) in [(&topic, 0, 3), (&topic, 1, 0), (&unique("topic"), 0, 0)] {
        let answer = fixture.log.delete_before(topic, partition, offset).await;
        assert!(answer.is_err(), "{topic}/{partition} before {offset}: {answer:?}");
        let start = fixture.log.start(topic, partition).await;
        assert!(matches!((offset, start), (3, Ok(0)) | (0, Err(LogError::Invalid(_)))));
    }
    let beyond = fixture.log.delete_before(&topic, 0, 3).await;
    assert!(matches!(beyond, Err(LogError::Invalid(_))), "{beyond:?}");
    assert_eq!(fixture.log.read(&topic, 0, 0, 100).await.unwrap().len(), 2);
}

#[tokio::test]
async fn offsets_go_on_after_everything_was_deleted_and_the_file_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = EmbeddedLog::open(&path).await.unwrap();
    log.create_topics(&[crate::fixture::spec("t", 1, &[])]).await.unwrap();
    let secret = crate::fixture::record("t", "k", "a secret that was deleted");
    log.publish(vec![secret.clone(), secret]).await;
    log.delete_before("t", 0, 2).await.unwrap();
    let has_secret = || {
        std::fs::read_dir(directory.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(8).any(|part| part == b"a secret")
        })
    };
    assert!(has_secret());
    log.scrub().await.unwrap();
    assert!(!has_secret(), "nothing is left of it in the files");
    log.close().await;
    let log = EmbeddedLog::open(&path).await.unwrap();
    let published = log.publish(vec![crate::fixture::record("t", "k", "next")]).await.remove(0).unwrap();
    assert_eq!(published.offset, 2);
}
