//! A parked record comes back byte for byte.

use esteira_bus::{Header, Record};
use proptest::prelude::*;

pub(crate) fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        any::<String>().prop_map(|text| Some(text.into_bytes())),
    ]
}

fn header() -> impl Strategy<Value = Header> {
    let name =
        prop_oneof![any::<String>(), Just("dlq_partition".to_owned()), Just("dlq_header_count".to_owned())];
    (name, bytes()).prop_map(|(name, value)| Header { name, value })
}

prop_compose! {
    pub(crate) fn records()(
        topic in "[a-z.]{1,20}", partition in 0..100_i32, offset in 0..i64::MAX, timestamp_ms in any::<Option<i64>>(),
        key in bytes(), value in bytes(), headers in prop::collection::vec(header(), 0..5),
    ) -> Record {
        Record { topic, partition, offset, timestamp_ms, key, value, headers }
    }
}

proptest! {
    #[test]
    fn a_record_survives_json(record in records()) {
        let json = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}

#[test]
fn the_json_of_a_record_is_fixed() {
    let record = Record {
        topic: "order.created".to_owned(),
        partition: 2,
        offset: 41,
        timestamp_ms: Some(1_795_351_383_891),
        key: Some(b"7".to_vec()),
        value: None,
        headers: vec![
            Header { name: "h".to_owned(), value: Some(vec![0xff]) },
            Header { name: "n".to_owned(), value: None },
        ],
    };
    let json = concat!(
        r#"{"topic":"order.created","partition":2,"offset":41,"timestamp_ms":1795351383891,"key":"Nw==","value":null,"#,
        r#""headers":[{"name":"h","value":"/w=="},{"name":"n","value":null}]}"#
    );
    assert_eq!(serde_json::to_string(&record).unwrap(), json);
}

#[test]
fn the_last_header_of_a_name_counts_whatever_its_case() {
    let header = |name: &str, value: &str| Header::text(name, value);
    let mut record =
        serde_json::from_str::<Record>(r#"{"topic":"t","partition":0,"offset":0,"timestamp_ms":null}"#)
            .unwrap();
    record.headers =
        vec![header("A", "1"), header("a", "2"), header("b", "3"), Header { name: "c".into(), value: None }];
    assert_eq!(record.header("A"), Some("2"));
    assert_eq!(record.header("B"), Some("3"));
    assert_eq!((record.header("c"), record.header("d")), (None, None));
}
