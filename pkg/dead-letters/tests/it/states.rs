//! From open to applied or discarded.

use esteira_bus::{Record, dead_letter};
use esteira_dead_letters::{DeadLettersError, Filters, State};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, VIEWS, failure, minute, paid};

async fn a_letter_is_open_then_redriving_then_applied(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    assert_eq!(fixture.state(&letter).await, State::Open);
    assert!(fixture.redrive(&letter).await);
    assert_eq!(fixture.state(&letter).await, State::Redriving);
    assert!(!fixture.redrive(&letter).await);
    fixture.views.applies_what_waits();
    assert_eq!(fixture.state(&letter).await, State::Applied);
    assert!(!fixture.redrive(&letter).await);
    assert_eq!(fixture.views.handed_in(), [paid(1)]);
    // Only to the group that gave it up.
    assert_eq!(fixture.stock.handed_in(), []);
    let listed = fixture.list(&Filters::default()).await;
    assert_eq!((listed.len(), listed[0].state), (1, State::Applied));
}

async fn a_discarded_letter_says_why_and_is_never_handed_in(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    let id = letter.parse().unwrap();
    let discarded = fixture.letters.discard(&id, "the order never was").await.unwrap();
    assert_eq!(
        (discarded.state, discarded.reason.as_deref()),
        (State::Discarded, Some("the order never was"))
    );
    assert_eq!(fixture.list(&Filters::default()).await, [discarded]);
    assert!(!fixture.redrive(&letter).await);
    // The last reason counts; a long one is cut.
    let long = "é".repeat(2_000);
    fixture.letters.discard(&id, &long).await.unwrap();
    let reason = fixture.list(&Filters::default()).await.remove(0).reason.unwrap();
    assert_eq!(reason, "é".repeat(1_000));
    assert_eq!(fixture.views.handed_in(), []);
}

/// After a crash in between: it says discarded, and what waits behind it still does.
async fn a_discard_that_was_broken_off_can_be_repeated(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await.parse().unwrap();
    fixture.letters.discard(&letter, "x").await.unwrap();
    fixture.views.gives_up(&paid(1));
    fixture.letters.discard(&letter, "x").await.unwrap();
    fixture.views.applies_what_waits();
    let standing = fixture.letters.stores[0].standing(&[paid(1)]).await.unwrap();
    assert_eq!(standing, [None]);
}

async fn an_applied_letter_cannot_be_discarded(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    fixture.redrive(&letter).await;
    fixture.views.applies_what_waits();
    let left = fixture.letters.discard(&letter.parse().unwrap(), "x").await.unwrap();
    assert_eq!((left.state, left.reason), (State::Applied, None));
    assert_eq!(fixture.state(&letter).await, State::Applied);
}

async fn a_record_that_was_given_up_again_is_open_under_its_newest_letter(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let first = fixture.dead(&paid(1)).await;
    fixture.redrive(&first).await;
    fixture.views.gives_up(&paid(1));
    let second =
        fixture.publish(dead_letter(&paid(1), &failure(VIEWS, "no order 1, again", minute(9)))).await;
    let listed = fixture.list(&Filters::default()).await;
    assert_eq!((listed.len(), listed[0].letter.as_str(), listed[0].state), (1, second.as_str(), State::Open));
    assert!(fixture.redrive(&second).await);
    fixture.views.applies_what_waits();
    for letter in [first, second] {
        assert_eq!(fixture.state(&letter).await, State::Applied);
    }
}

/// The topic was made anew, and its queue was not.
async fn letters_of_two_records_that_stood_at_one_place_are_two(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let later = Record { offset: 1, ..paid(2) };
    let letters = [fixture.dead(&paid(1)).await, fixture.dead(&later).await];
    let listed = fixture.list(&Filters::default()).await;
    assert_eq!(listed.iter().map(|letter| letter.letter.as_str()).collect::<Vec<_>>(), letters);
}

async fn the_same_record_in_two_groups_is_two_letters(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let of_views = fixture.dead(&paid(1)).await;
    fixture.stock.gives_up(&paid(1));
    let of_stock = fixture.publish(dead_letter(&paid(1), &failure("product-consumer", "x", minute(2)))).await;
    assert!(fixture.redrive(&of_stock).await);
    assert_eq!(fixture.state(&of_views).await, State::Open);
    assert_eq!(fixture.state(&of_stock).await, State::Redriving);
    assert_eq!((fixture.views.handed_in(), fixture.stock.handed_in()), (vec![], vec![paid(1)]));
}

async fn one_that_would_fail_as_it_did_stays_open(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    fixture.views.undecodable.lock().unwrap().insert(1);
    let refused = fixture.letters.redrive(&letter.parse().unwrap()).await.unwrap_err();
    assert!(matches!(refused, DeadLettersError::Undecodable(..)), "{refused}");
    assert_eq!(fixture.state(&letter).await, State::Open);
}

/// As of a group that another version or a prefix has.
async fn a_letter_of_a_group_that_nobody_knows_here_stays_open(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.publish(dead_letter(&paid(1), &failure("payments-consumer", "x", minute(1)))).await;
    assert_eq!(fixture.state(&letter).await, State::Open);
    let refused = fixture.letters.redrive(&letter.parse().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("payments-consumer"), "{refused}");
    assert_eq!(fixture.state(&letter).await, State::Open);
    let discarded = fixture.letters.discard(&letter.parse().unwrap(), "x").await.unwrap();
    assert_eq!(discarded.state, State::Discarded);
    assert_eq!(fixture.state(&letter).await, State::Discarded);
}

async fn while_a_retry_store_is_away_nobody_guesses(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await.parse().unwrap();
    *fixture.views.away.lock().unwrap() = true;
    for outcome in [
        fixture.letters.list(&Filters::default()).await.map(drop),
        fixture.letters.show(&letter).await.map(drop),
        fixture.letters.redrive(&letter).await.map(drop),
        fixture.letters.discard(&letter, "x").await.map(drop),
    ] {
        assert!(matches!(outcome, Err(DeadLettersError::Unavailable(_))), "{outcome:?}");
    }
    *fixture.views.away.lock().unwrap() = false;
    assert_eq!(fixture.state(&letter.to_string()).await, State::Open);
}

esteira_testkit::on_every_engine!(
    a_letter_is_open_then_redriving_then_applied,
    a_discarded_letter_says_why_and_is_never_handed_in,
    a_discard_that_was_broken_off_can_be_repeated,
    an_applied_letter_cannot_be_discarded,
    a_record_that_was_given_up_again_is_open_under_its_newest_letter,
    letters_of_two_records_that_stood_at_one_place_are_two,
    the_same_record_in_two_groups_is_two_letters,
    one_that_would_fail_as_it_did_stays_open,
    a_letter_of_a_group_that_nobody_knows_here_stays_open,
    while_a_retry_store_is_away_nobody_guesses,
);
