//! Letters that Go's services wrote: nobody knows which group gave them up.

use esteira_dead_letters::{Filters, State};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, of_go, paid};

async fn a_letter_of_go_goes_to_every_group_that_reads_its_topic(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.publish(of_go(&paid(1))).await;
    assert_eq!(fixture.state(&letter).await, State::Open);
    assert!(fixture.redrive(&letter).await);
    for group in [&fixture.views, &fixture.stock] {
        let handed_in = group.handed_in();
        assert_eq!(handed_in.len(), 1);
        assert_eq!((&handed_in[0].value, &handed_in[0].key), (&paid(1).value, &paid(1).key));
    }
    assert_eq!(fixture.state(&letter).await, State::Redriving);
    fixture.views.applies_what_waits();
    assert_eq!(fixture.state(&letter).await, State::Redriving);
    fixture.stock.applies_what_waits();
    assert_eq!(fixture.state(&letter).await, State::Applied);
    assert!(!fixture.redrive(&letter).await);
    let listed = fixture.list(&Filters::default()).await.remove(0);
    assert_eq!((listed.group, listed.class, listed.attempts), (None, None, None));
    assert_eq!((listed.aggregate.as_deref(), listed.aggregate_id), (Some("order"), Some(1)));
}

async fn letters_of_go_are_told_apart_though_their_records_have_no_place(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let first = fixture.publish(of_go(&paid(1))).await;
    let second = fixture.publish(of_go(&paid(1))).await;
    assert_eq!(fixture.list(&Filters::default()).await.len(), 2);
    assert!(fixture.redrive(&second).await);
    assert_eq!(fixture.state(&first).await, State::Open);
}

async fn a_letter_of_go_on_a_topic_that_nobody_reads_here_stays_open(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let mut record = paid(1);
    "user.created".clone_into(&mut record.topic);
    let letter = fixture.publish(of_go(&record)).await;
    fixture.letters.redrive(&letter.parse().unwrap()).await.unwrap_err();
    assert_eq!(fixture.state(&letter).await, State::Open);
}

async fn a_discarded_letter_of_go_is_discarded_in_every_group(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.publish(of_go(&paid(1))).await;
    fixture.redrive(&letter).await;
    fixture.letters.discard(&letter.parse().unwrap(), "x").await.unwrap();
    let handed_in = fixture.views.handed_in();
    for store in &fixture.letters.stores {
        assert_eq!(store.standing(&handed_in).await.unwrap(), [None]);
    }
    assert_eq!(fixture.state(&letter).await, State::Discarded);
}

esteira_testkit::on_every_engine!(
    a_letter_of_go_goes_to_every_group_that_reads_its_topic,
    letters_of_go_are_told_apart_though_their_records_have_no_place,
    a_letter_of_go_on_a_topic_that_nobody_reads_here_stays_open,
    a_discarded_letter_of_go_is_discarded_in_every_group,
);
