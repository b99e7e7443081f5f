//! What is decided about letters, and what their stores say.

use esteira_dead_letters::{Filters, Pace, State};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, paid};

/// The store is away after the decision was written: the record is dead there still, and holds its order back.
async fn a_letter_that_its_store_still_holds_back_is_open(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    let id = letter.parse().unwrap();
    fixture.letters.discard(&id, "x").await.unwrap();
    // As `a_discard_that_was_broken_off_can_be_repeated` does it.
    fixture.views.gives_up(&paid(1));
    let open = fixture.list(&Filters { state: Some(State::Open), ..Filters::default() }).await;
    assert_eq!(open.len(), 1, "nobody sees that the order is held back");
}

/// A slow redrive; meanwhile an operator discards a letter that it has not come to.
async fn what_is_discarded_during_a_redrive_is_not_handed_in(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let mut letters = Vec::new();
    for order in 1..=2 {
        letters.push(fixture.dead(&paid(order)).await);
    }
    let id = letters[1].parse().unwrap();
    let mut first = true;
    let letters_ = fixture.letters.clone();
    fixture
        .letters
        .redrive_all(&Pace::default(), |_| {
            if std::mem::replace(&mut first, false) {
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current()
                        .block_on(letters_.discard(&id, "the order never was"))
                        .unwrap()
                });
            }
        })
        .await
        .unwrap();
    assert_eq!(fixture.views.handed_in(), [paid(1)]);
}

esteira_testkit::on_every_engine!(
    a_letter_that_its_store_still_holds_back_is_open,
    what_is_discarded_during_a_redrive_is_not_handed_in
);
