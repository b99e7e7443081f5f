//! Dead letters that an operator hands in again, looks at, or gives up for good.

use esteira_bus::dlq::{Preview, RedriveError, RetryStore, Standing};
use esteira_bus::{Handler, Header, Record};
use esteira_events::Payload;
use esteira_views::{Collection, DocId, Document, Filter, ORDERS, PARKED, PRODUCTS, TOMBSTONES, USERS};
use serde_json::{Value, json};

use crate::events::{
    made, moved, order_created, product_created, product_updated, user_created, user_data, user_deleted,
    user_updated,
};
use crate::fixture::Fixture;
use crate::hooks::Hooked;

/// Gives `records` up: the store refuses what they would write of `id`, until no attempt is left.
async fn give_up(fixture: &Fixture, collection: &'static Collection, id: i64, records: &[Record]) {
    let refusing = fixture.hooked(&Hooked::refusing(&fixture.views, collection, id));
    refusing.handle(records).await.unwrap();
    for _ in 0..6 {
        fixture.let_time_pass().await;
        refusing.tick().await.unwrap();
    }
}

async fn standing(fixture: &Fixture, record: &Record) -> Option<Standing> {
    fixture.projector().standing(std::slice::from_ref(record)).await.unwrap().remove(0)
}

async fn redrive(fixture: &Fixture, record: &Record) {
    fixture.projector().redrive(record).await.unwrap();
}

async fn discard(fixture: &Fixture, record: &Record) {
    fixture.projector().discard(record, "the order never was").await.unwrap();
}

fn parked(parked: &[(&str, &str)]) -> Vec<(String, String)> {
    parked.iter().map(|(id, state)| ((*id).to_owned(), (*state).to_owned())).collect()
}

/// The record that the one parked document keeps.
async fn kept(fixture: &Fixture) -> Record {
    let mut documents = fixture.all(&PARKED).await;
    assert_eq!(documents.len(), 1, "{documents:?}");
    serde_json::from_value(documents.remove(0).body.remove("record").unwrap()).unwrap()
}

fn stock_moved(sequence: i64) -> Record {
    // It does not say what is left, so that applying it twice would show.
    made(sequence, Payload::StockReserved(moved(7, 2, None)))
}

/// A record that is no event, of user 1.
fn broken(offset: i64, sequence: Option<&str>) -> Record {
    let headers = sequence.map(|sequence| Header::text("ce_sequence", sequence)).into_iter().collect();
    Record { offset, value: Some(b"{".to_vec()), headers, ..made(0, user_updated(1, "x")) }
}

async fn a_letter_that_is_handed_in_again_is_applied_once_however_often_it_is(fixture: Fixture) {
    for sequence in [2, 0] {
        let dead = stock_moved(sequence);
        fixture.handle(&[made(1, product_created(7, 10))]).await;
        let before = fixture.product(7).await.unwrap().stock;
        give_up(&fixture, &PRODUCTS, 7, std::slice::from_ref(&dead)).await;
        assert_eq!(standing(&fixture, &dead).await, Some(Standing::Dead));
        redrive(&fixture, &dead).await;
        redrive(&fixture, &dead).await;
        assert_eq!(standing(&fixture, &dead).await, Some(Standing::Waiting));
        assert_eq!(fixture.product(7).await.unwrap().stock, before);
        let (one, other) = (fixture.projector(), fixture.projector());
        let (one, other) = tokio::join!(one.tick(), other.tick());
        one.and(other).unwrap();
        assert_eq!(fixture.product(7).await.unwrap().stock, before - 2);
        assert_eq!(standing(&fixture, &dead).await, None);
        redrive(&fixture, &dead).await;
        fixture.sweep().await;
        assert_eq!(fixture.product(7).await.unwrap().stock, before - 2);
        assert_eq!(fixture.parked().await, []);
    }
}

async fn a_letter_comes_back_byte_for_byte_with_all_its_attempts(fixture: Fixture) {
    let mut dead = made(1, user_created(1, "ana"));
    let value = String::from_utf8(dead.value.unwrap()).unwrap().replacen('{', "{ \t\n", 1);
    dead.value = Some(value.into_bytes());
    dead.headers.extend([
        Header { name: "x".to_owned(), value: None },
        Header { name: "X".to_owned(), value: Some(vec![0xff, 0]) },
    ]);
    give_up(&fixture, &USERS, 1, std::slice::from_ref(&dead)).await;
    let (original, _) = fixture.dead_letters("user.created").await.remove(0);
    redrive(&fixture, &original).await;
    assert_eq!(kept(&fixture).await, dead);
    // What fails again is given up again, as it was.
    give_up(&fixture, &USERS, 1, &[]).await;
    let letters = fixture.dead_letters("user.created").await;
    assert_eq!(letters.len(), 2);
    for (original, letter) in letters {
        assert_eq!((original, letter.header("dlq_attempts")), (dead.clone(), Some("6")));
    }
}

async fn what_waited_behind_a_letter_follows_it_home(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let dead = made(2, user_updated(1, "eva"));
    give_up(&fixture, &USERS, 1, std::slice::from_ref(&dead)).await;
    let followers = [made(3, user_updated(1, "ida")), made(4, user_updated(1, "iva"))];
    fixture.handle(&followers).await;
    fixture.sweep().await;
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
    redrive(&fixture, &dead).await;
    fixture.sweep().await;
    let user = fixture.user(1).await.unwrap();
    assert_eq!((user.version, user.name.as_str()), (4, "iva"));
    assert_eq!(fixture.parked().await, []);
}

async fn a_letter_that_is_handed_in_before_its_predecessor_follows_it(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), broken(5, Some("2")), broken(6, Some("3"))]).await;
    let (second, third) = (made(2, user_updated(1, "eva")), made(3, user_updated(1, "ida")));
    redrive(&fixture, &third).await;
    fixture.sweep().await;
    assert_eq!(standing(&fixture, &third).await, Some(Standing::Waiting));
    redrive(&fixture, &second).await;
    fixture.sweep().await;
    assert_eq!(fixture.user(1).await.unwrap().version, 3);
    // The letters of the broken ones, whose places they took, are still there.
    let dead = [("user.updated/0/5/1795351389000", "dead"), ("user.updated/0/6/1795351389000", "dead")];
    assert_eq!(fixture.parked().await, parked(&dead));
}

async fn one_that_is_no_event_is_refused_and_stays(fixture: Fixture) {
    let records = [broken(5, Some("2")), broken(6, None)];
    fixture.handle(&records).await;
    let before = fixture.all(&PARKED).await;
    for record in &records {
        let refused = fixture.projector().redrive(record).await;
        assert!(matches!(refused, Err(RedriveError::Undecodable(_))), "{refused:?}");
        assert_eq!(standing(&fixture, record).await, Some(Standing::Dead));
    }
    assert_eq!(fixture.all(&PARKED).await, before);
}

/// As a newer version finds a record that an older one could not read.
async fn one_that_is_an_event_by_now_moves_to_its_place_in_the_sequence(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let mut readable = made(2, user_updated(1, "eva"));
    readable.headers.clear();
    let text = String::from_utf8(readable.value.clone().unwrap()).unwrap();
    let newer = text.replace(r#""schema_version":1"#, r#""schema_version":99"#);
    let unreadable = Record { value: Some(newer.into_bytes()), ..readable.clone() };
    fixture.handle(&[unreadable.clone(), made(3, user_updated(1, "ida"))]).await;
    let set = [("record".to_owned(), serde_json::to_value(&readable).unwrap())].into_iter().collect();
    let there = vec![Filter::eq("_id", unreadable.identity().as_str())];
    assert_eq!(fixture.views.update_where(&PARKED, vec![(there, set)]).await.unwrap(), 1);
    assert_eq!(standing(&fixture, &readable).await, Some(Standing::Dead));
    redrive(&fixture, &readable).await;
    assert_eq!(fixture.parked().await, parked(&[("user:1:2", "retry"), ("user:1:3", "waiting")]));
    fixture.sweep().await;
    assert_eq!(fixture.user(1).await.unwrap().version, 3);
    assert_eq!(fixture.parked().await, []);
}

/// The user's document without what says which events it has.
async fn content(fixture: &Fixture, id: i64) -> Value {
    let Document { mut body, .. } = fixture.views.get(&USERS, &[DocId::Int(id)]).await.unwrap().remove(0);
    body.remove("version");
    Value::Object(body)
}

async fn of_a_discarded_event_only_the_place_in_the_sequence_is_left(fixture: Fixture) {
    // With an event of Go's in it, whose order with ours is not known.
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    fixture.handle(&[made(0, user_updated(1, "ana maria"))]).await;
    let dead = made(2, user_updated(1, "eva"));
    give_up(&fixture, &USERS, 1, std::slice::from_ref(&dead)).await;
    let before = content(&fixture, 1).await;
    discard(&fixture, &dead).await;
    discard(&fixture, &dead).await;
    fixture.sweep().await;
    assert_eq!(content(&fixture, 1).await, before);
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    assert_eq!(fixture.parked().await, []);
    // It stays given up when it comes again.
    fixture.handle(std::slice::from_ref(&dead)).await;
    redrive(&fixture, &dead).await;
    fixture.sweep().await;
    assert_eq!(content(&fixture, 1).await, before);
}

async fn what_waited_behind_a_discarded_event_goes_on(fixture: Fixture) {
    fixture.handle(&[made(1, product_created(7, 10)), made(1, user_created(1, "ana"))]).await;
    let dead = [stock_moved(2), broken(5, Some("2"))];
    give_up(&fixture, &PRODUCTS, 7, &dead).await;
    fixture.handle(&[stock_moved(3), stock_moved(4), made(3, user_updated(1, "ida"))]).await;
    for dead in &dead {
        discard(&fixture, dead).await;
    }
    fixture.sweep().await;
    let product = fixture.product(7).await.unwrap();
    assert_eq!((product.version, product.stock), (4, 6));
    let user = fixture.user(1).await.unwrap();
    assert_eq!((user.version, user.name.as_str()), (3, "ida"));
    assert_eq!(fixture.parked().await, parked(&[("user.updated/0/5/1795351389000", "discarded")]));
}

async fn with_its_creation_an_aggregate_is_given_up(fixture: Fixture) {
    let dead = made(1, user_created(1, "ana"));
    give_up(&fixture, &USERS, 1, std::slice::from_ref(&dead)).await;
    fixture.handle(&[made(2, user_updated(1, "eva")), made(3, user_updated(1, "ida"))]).await;
    discard(&fixture, &dead).await;
    fixture.sweep().await;
    fixture.handle(&[made(4, user_updated(1, "iva")), dead]).await;
    assert!(fixture.user(1).await.is_none());
    assert_eq!(fixture.parked().await, []);
    let stones = fixture.all(&TOMBSTONES).await;
    let stones: Vec<_> = stones.iter().map(|stone| (stone.id.to_string(), stone.version())).collect();
    assert_eq!(stones, [("user:1".to_owned(), 1)]);
}

async fn a_discarded_event_without_a_sequence_stays_given_up(fixture: Fixture) {
    fixture.handle(&[made(1, product_created(7, 10))]).await;
    let dead = [stock_moved(0), broken(5, None)];
    give_up(&fixture, &PRODUCTS, 7, &dead).await;
    for dead in &dead {
        assert_eq!(standing(&fixture, dead).await, Some(Standing::Dead));
        discard(&fixture, dead).await;
    }
    let left = parked(&[("user.updated/0/5/1795351389000", "discarded")]);
    assert_eq!(fixture.parked().await, left);
    assert_eq!(standing(&fixture, &dead[1]).await, Some(Standing::Discarded));
    fixture.sweep().await;
    // Both come again.
    fixture.handle(&dead).await;
    fixture.sweep().await;
    assert_eq!(fixture.parked().await, left);
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 1);
    let product = fixture.product(7).await.unwrap();
    assert_eq!((product.version, product.stock), (1, 10));
}

/// A broken copy of it was dead-lettered, and stands elsewhere.
async fn discarding_a_broken_copy_leaves_the_sound_event(fixture: Fixture) {
    fixture.handle(&[made(3, user_updated(1, "ida"))]).await;
    let copies = [broken(5, Some("3")), broken(6, Some("3"))];
    fixture.handle(&copies).await;
    for copy in &copies {
        assert_eq!(standing(&fixture, copy).await, Some(Standing::Dead));
        discard(&fixture, copy).await;
    }
    let discarded =
        [("user.updated/0/5/1795351389000", "discarded"), ("user.updated/0/6/1795351389000", "discarded")];
    assert_eq!(fixture.parked().await, parked(&[discarded[0], discarded[1], ("user:1:3", "waiting")]));
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))]).await;
    assert_eq!(fixture.user(1).await.unwrap().name, "ida");
}

/// Both say that they are event 2 of user 1, byte for byte.
async fn of_two_equal_broken_records_each_is_discarded_by_itself(fixture: Fixture) {
    let records = [broken(5, Some("2")), broken(6, Some("2"))];
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    fixture.handle(&records).await;
    discard(&fixture, &records[1]).await;
    let discarded =
        [("user.updated/0/5/1795351389000", "discarded"), ("user.updated/0/6/1795351389000", "discarded")];
    assert_eq!(fixture.parked().await, parked(&[discarded[1], ("user:1:2", "dead")]));
    discard(&fixture, &records[0]).await;
    fixture.sweep().await;
    assert_eq!(fixture.parked().await, parked(&discarded));
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    fixture.handle(&records).await;
    assert_eq!(fixture.parked().await, parked(&discarded));
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 2);
}

/// A broken record without a key tells no aggregate, whatever its sequence.
async fn a_discarded_record_of_nobody_holds_nobody_back(fixture: Fixture) {
    let record = Record { key: None, ..broken(5, Some("2")) };
    fixture.handle(std::slice::from_ref(&record)).await;
    discard(&fixture, &record).await;
    assert_eq!(fixture.parked().await, parked(&[("user.updated/0/5/1795351389000", "discarded")]));
    fixture.sweep().await;
    assert!(fixture.user(1).await.is_none());
}

/// Another record says that it is the same event of the sequence, and waits there.
async fn a_letter_whose_place_is_taken_is_refused_and_the_other_stays(fixture: Fixture) {
    let (dead, sound) = (broken(5, Some("3")), made(3, user_updated(1, "ida")));
    fixture.handle(&[sound, dead]).await;
    let before = fixture.all(&PARKED).await;
    let readable = Record { offset: 5, ..made(3, user_updated(1, "eva")) };
    let refused = fixture.projector().redrive(&readable).await;
    assert!(matches!(refused, Err(RedriveError::Taken(_))), "{refused:?}");
    assert_eq!(fixture.all(&PARKED).await, before);
}

async fn each_record_stands_for_itself(fixture: Fixture) {
    let (waiting, dead) = (made(3, user_updated(1, "ida")), broken(5, Some("2")));
    fixture.handle(&[waiting.clone(), dead.clone()]).await;
    let unknown = made(4, user_updated(1, "iva"));
    // The same place in the sequence, and not the same record.
    let others = [made(2, user_updated(1, "eva")), made(3, user_updated(1, "eva"))];
    let records = [unknown, dead, others[0].clone(), waiting, others[1].clone()];
    let standings = fixture.projector().standing(&records).await.unwrap();
    assert_eq!(standings, [None, Some(Standing::Dead), None, Some(Standing::Waiting), None]);
    assert_eq!(fixture.projector().standing(&[]).await.unwrap(), []);
}

async fn it_reads_the_topics_of_views_and_no_other(fixture: Fixture) {
    let projector = fixture.projector();
    assert_eq!(projector.group(), "query-consumer");
    assert!(projector.reads("order.paid") && projector.reads("stock.released"));
    assert!(!projector.reads("stock.rejected") && !projector.reads("order.paid.dlq"));
}

async fn everything(fixture: &Fixture) -> Vec<Document> {
    let mut documents = Vec::new();
    for collection in [&USERS, &PRODUCTS, &ORDERS, &TOMBSTONES, &PARKED] {
        documents.extend(fixture.all(collection).await);
    }
    documents
}

fn field<'a>(document: Option<&'a Value>, name: &str) -> &'a Value {
    document.and_then(|document| document.get(name)).unwrap_or(&Value::Null)
}

async fn a_look_at_a_letter_tells_what_would_become_of_the_view_and_changes_nothing(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), made(1, product_created(7, 10))]).await;
    fixture.handle(&[broken(5, Some("2"))]).await;
    let before = everything(&fixture).await;
    let preview = async |record: Record| fixture.projector().preview(&record).await.unwrap();

    let Preview::View { before: old, after } = preview(made(2, user_updated(1, "eva"))).await else {
        panic!()
    };
    assert_eq!((field(old.as_ref(), "name"), field(old.as_ref(), "version")), (&json!("ana"), &json!(1)));
    assert_eq!((field(after.as_ref(), "name"), field(after.as_ref(), "version")), (&json!("eva"), &json!(2)));
    // The order's facets are filled as they would be.
    let order = made(1, order_created(1, 1, 7, Some(user_data(1, "ana", 1))));
    let Preview::View { before: None, after: Some(made_order) } = preview(order).await else { panic!() };
    assert_eq!(made_order["user"]["name"], "ana");
    let Preview::View { before: Some(_), after: None } = preview(made(2, user_deleted(1))).await else {
        panic!()
    };
    assert_eq!(preview(made(1, user_created(1, "ana"))).await, Preview::Known);
    assert_eq!(preview(made(3, user_updated(1, "ida"))).await, Preview::Waits);
    assert_eq!(preview(made(2, product_updated(9, 1))).await, Preview::Waits);
    let Preview::Fails(why) = preview(made(1, user_updated(2, "eva"))).await else { panic!() };
    assert!(why.contains("user.updated does not fit"), "{why}");
    let Preview::Fails(why) = preview(broken(5, Some("2"))).await else { panic!() };
    assert!(why.contains("EOF"), "{why}");
    let Preview::Fails(why) = preview(Record { topic: "x".to_owned(), ..stock_moved(2) }).await else {
        panic!()
    };
    assert!(why.contains("topic x carries no event"), "{why}");
    assert_eq!(everything(&fixture).await, before);
}

crate::on_every_engine!(
    a_letter_that_is_handed_in_again_is_applied_once_however_often_it_is,
    a_letter_comes_back_byte_for_byte_with_all_its_attempts,
    what_waited_behind_a_letter_follows_it_home,
    a_letter_that_is_handed_in_before_its_predecessor_follows_it,
    one_that_is_no_event_is_refused_and_stays,
    one_that_is_an_event_by_now_moves_to_its_place_in_the_sequence,
    of_a_discarded_event_only_the_place_in_the_sequence_is_left,
    what_waited_behind_a_discarded_event_goes_on,
    with_its_creation_an_aggregate_is_given_up,
    a_discarded_event_without_a_sequence_stays_given_up,
    discarding_a_broken_copy_leaves_the_sound_event,
    of_two_equal_broken_records_each_is_discarded_by_itself,
    a_discarded_record_of_nobody_holds_nobody_back,
    a_letter_whose_place_is_taken_is_refused_and_the_other_stays,
    each_record_stands_for_itself,
    it_reads_the_topics_of_views_and_no_other,
    a_look_at_a_letter_tells_what_would_become_of_the_view_and_changes_nothing,
);
