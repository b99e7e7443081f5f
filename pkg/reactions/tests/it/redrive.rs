//! Dead letters that an operator hands in again, looks at, or gives up for good.

use esteira_bus::dlq::{Awaits, Preview, RedriveError, RetryStore, Standing};
use esteira_bus::{Handler, Record};
use esteira_events::Topics;
use esteira_reactions::{React, ReactionStore, Reactions};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, garbage, record};
use crate::service::Notes;

fn tools(fixture: &Fixture) -> ReactionStore<Notes> {
    ReactionStore::new(fixture.store.db.clone(), Topics::default(), Notes::GROUP.to_owned())
}

async fn standing(fixture: &Fixture, record: &Record) -> Option<Standing> {
    tools(fixture).standing(std::slice::from_ref(record)).await.unwrap().remove(0)
}

/// Until no attempt is left.
async fn go_on(fixture: &Fixture, reactions: &Reactions<Notes>) {
    for _ in 0..6 {
        fixture.let_time_pass().await;
        reactions.tick().await.unwrap();
    }
}

/// Reactions that have given the event of order 2 up; its note can be written by now.
async fn with_a_dead_letter(fixture: &Fixture) -> Reactions<Notes> {
    let reactions = fixture.reactions();
    fixture.broken.lock().unwrap().insert(2);
    reactions.handle(&[record(1), record(2)]).await.unwrap();
    go_on(fixture, &reactions).await;
    assert_eq!(fixture.parked().await, ["dead 6"]);
    fixture.broken.lock().unwrap().clear();
    reactions
}

async fn a_letter_that_is_handed_in_again_has_its_effect_once_however_often_it_is(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let (reactions, tools) = (with_a_dead_letter(&fixture).await, tools(&fixture));
    assert_eq!(standing(&fixture, &record(2)).await, Some(Standing::Dead));
    tools.redrive(&record(2)).await.unwrap();
    tools.redrive(&record(2)).await.unwrap();
    assert_eq!(standing(&fixture, &record(2)).await, Some(Standing::Waiting));
    assert_eq!(fixture.notes().await, [1]);
    let (one, other) = tokio::join!(reactions.tick(), reactions.tick());
    one.and(other).unwrap();
    assert_eq!(fixture.notes().await, [1, 2]);
    assert_eq!(standing(&fixture, &record(2)).await, None);
    tools.redrive(&record(2)).await.unwrap();
    reactions.tick().await.unwrap();
    assert_eq!(fixture.notes().await, [1, 2]);
    assert_eq!(fixture.parked().await, [""; 0]);
}

async fn what_is_set_aside_is_told_by_what_it_awaits(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let tools = tools(&fixture);
    assert_eq!(tools.set_aside(10).await.unwrap(), []);
    fixture.broken.lock().unwrap().insert(2);
    fixture.reactions().handle(&[record(1), record(2), garbage(7)]).await.unwrap();
    let mut told = tools.set_aside(10).await.unwrap();
    told.sort_by_key(|it| it.awaits);
    let counts: Vec<_> = told.iter().map(|it| (it.awaits, it.records)).collect();
    assert_eq!(counts, [(Awaits::NextAttempt, 1), (Awaits::Operator, 1)]);
    assert!(told.iter().all(|it| it.oldest.is_some() && it.error.is_some()), "{told:?}");
}

async fn a_letter_comes_back_byte_for_byte_with_all_its_attempts(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = with_a_dead_letter(&fixture).await;
    fixture.broken.lock().unwrap().insert(2);
    let (original, _) = fixture.dead_letters().await.remove(0);
    tools(&fixture).redrive(&original).await.unwrap();
    assert_eq!(fixture.parked().await, ["retry 0"]);
    go_on(&fixture, &reactions).await;
    let letters = fixture.dead_letters().await;
    assert_eq!(letters.len(), 2);
    for (original, letter) in letters {
        assert_eq!((original, letter.header("dlq_attempts")), (record(2), Some("6")));
    }
}

async fn one_that_is_no_event_is_refused_and_stays(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.reactions().handle(&[garbage(7)]).await.unwrap();
    let refused = tools(&fixture).redrive(&garbage(7)).await;
    assert!(matches!(refused, Err(RedriveError::Undecodable(_))), "{refused:?}");
    assert_eq!(standing(&fixture, &garbage(7)).await, Some(Standing::Dead));
}

/// Also at another place, as when the dispatcher had sent it twice.
async fn a_discarded_record_is_not_tried_when_it_comes_again(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = with_a_dead_letter(&fixture).await;
    tools(&fixture).discard(&record(2), "the order never was").await.unwrap();
    tools(&fixture).discard(&record(2), "it never was").await.unwrap();
    assert_eq!(standing(&fixture, &record(2)).await, Some(Standing::Discarded));
    reactions.handle(&[record(2), Record { offset: 77, ..record(2) }, record(3)]).await.unwrap();
    go_on(&fixture, &reactions).await;
    assert_eq!(fixture.notes().await, [1, 3]);
    assert_eq!(standing(&fixture, &record(2)).await, Some(Standing::Discarded));
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

async fn a_discarded_record_that_is_no_event_gets_no_second_letter(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.reactions().handle(&[garbage(7)]).await.unwrap();
    tools(&fixture).discard(&garbage(7), "garbage").await.unwrap();
    fixture.reactions().handle(&[garbage(7)]).await.unwrap();
    assert_eq!(standing(&fixture, &garbage(7)).await, Some(Standing::Discarded));
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

/// A discard takes no effect back, and one that is handed in already may be given up all the same.
async fn what_was_applied_or_handed_in_may_be_discarded(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let (reactions, tools) = (with_a_dead_letter(&fixture).await, tools(&fixture));
    tools.redrive(&record(2)).await.unwrap();
    tools.discard(&record(2), "it never was").await.unwrap();
    tools.discard(&record(1), "it never was").await.unwrap();
    go_on(&fixture, &reactions).await;
    assert_eq!(fixture.notes().await, [1]);
}

async fn each_record_stands_for_itself(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.broken.lock().unwrap().insert(700);
    fixture.reactions().handle(&[garbage(3), record(700), garbage(4)]).await.unwrap();
    tools(&fixture).discard(&garbage(4), "garbage").await.unwrap();
    // Also from another record at its place.
    let records: Vec<Record> = (0..=700).map(record).chain([garbage(3), garbage(4)]).collect();
    let standings = tools(&fixture).standing(&records).await.unwrap();
    assert_eq!(standings.len(), records.len());
    for (number, standing) in standings.into_iter().enumerate() {
        let expected = match number {
            700 => Some(Standing::Waiting),
            701 => Some(Standing::Dead),
            702 => Some(Standing::Discarded),
            _ => None,
        };
        assert_eq!(standing, expected, "{number}");
    }
    // Another group's records are its own.
    let others = ReactionStore::<Notes>::new(fixture.store.db.clone(), Topics::default(), "other".to_owned());
    assert_eq!(others.standing(&[garbage(3)]).await.unwrap(), [None]);
    assert_eq!(others.group(), "other");
    assert!(others.reads("order.deleted") && !others.reads("order.paid") && !others.reads("x"));
}

async fn a_look_at_a_letter_tells_what_would_be_done_and_does_nothing(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let (reactions, tools) = (with_a_dead_letter(&fixture).await, tools(&fixture));
    let preview = async |record: Record| tools.preview(&record).await.unwrap();
    let reacts = Preview::Command("notes reacts to order.deleted".to_owned());
    assert_eq!(preview(record(2)).await, reacts);
    assert_eq!(preview(record(1)).await, Preview::Known);
    let paid = Record { topic: "order.paid".to_owned(), ..record(2) };
    assert_eq!(preview(paid).await, Preview::Known);
    let Preview::Fails(why) = preview(garbage(7)).await else { panic!() };
    assert!(why.contains("not a order.deleted event"), "{why}");
    let Preview::Fails(why) = preview(Record { topic: "x".to_owned(), ..record(2) }).await else { panic!() };
    assert!(why.contains("topic x carries no event"), "{why}");
    go_on(&fixture, &reactions).await;
    assert_eq!(fixture.notes().await, [1]);
    assert_eq!(fixture.parked().await, ["dead 6"]);
}

esteira_testkit::on_every_engine!(
    a_letter_that_is_handed_in_again_has_its_effect_once_however_often_it_is,
    what_is_set_aside_is_told_by_what_it_awaits,
    a_letter_comes_back_byte_for_byte_with_all_its_attempts,
    one_that_is_no_event_is_refused_and_stays,
    a_discarded_record_is_not_tried_when_it_comes_again,
    a_discarded_record_that_is_no_event_gets_no_second_letter,
    what_was_applied_or_handed_in_may_be_discarded,
    each_record_stands_for_itself,
    a_look_at_a_letter_tells_what_would_be_done_and_does_nothing,
);
