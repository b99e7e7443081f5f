//! An email belongs to one user, however many ask for it at once and however they write it.

use esteira_aggregate::Input;
use esteira_testkit::{TestDb, on_every_engine};
use futures::future::join_all;

use crate::fixture::{Fixture, change_email, create, done, taken};

on_every_engine!(
    an_email_twice_in_a_batch_is_given_once,
    an_email_on_two_executors_is_given_once,
    an_email_is_the_same_in_any_case_and_with_any_accent,
    a_user_keeps_its_email_and_may_write_it_otherwise,
    an_email_that_its_owner_gave_up_is_free,
);

async fn an_email_twice_in_a_batch_is_given_once(test: TestDb) {
    let fixture = Fixture::new(test).await;
    for round in 0..10 {
        let email = format!("ana{round}@example.com");
        let answers = join_all((0..5).map(|_| fixture.submit(create(&email)))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == taken(&email)).count(), 4, "{answers:?}");
    }
    assert_eq!(fixture.test.int("select count(*) from outbox").await, 10);
}

async fn an_email_on_two_executors_is_given_once(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let calls = (0..80).map(|n| {
        let submitter = fixture.submitter(n);
        let email = format!("{}{}@example.com", if n % 3 == 0 { "ANA" } else { "ana" }, n / 8);
        async move { submitter.submit(Input::plain(create(&email))).await }
    });
    for eight in join_all(calls).await.chunks(8) {
        assert_eq!(eight.iter().filter(|answer| answer.is_ok()).count(), 1, "{eight:?}");
    }
    assert_eq!(fixture.test.int("select count(*) from users").await, 10);
    assert_eq!(fixture.test.int("select count(*) from outbox").await, 10);
}

async fn an_email_is_the_same_in_any_case_and_with_any_accent(test: TestDb) {
    let fixture = Fixture::new(test).await;
    done(fixture.submit(create("josé.groß@example.com")).await);
    for email in ["josé.groß@example.com", "JOSE.gross@example.com", "JOSÉ.GROẞ@Example.com"] {
        assert_eq!(fixture.submit(create(email)).await, taken(email));
    }
    let other = done(fixture.submit(create("ana@example.com")).await);
    let email = "José.Gross@example.com";
    assert_eq!(fixture.submit(change_email(other.id, email)).await, taken(email));
}

async fn a_user_keeps_its_email_and_may_write_it_otherwise(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let user = done(fixture.submit(create("ana@example.com")).await);
    assert_eq!(done(fixture.submit(change_email(user.id, "ana@example.com")).await).version, 1);
    let changed = done(fixture.submit(change_email(user.id, "Ana@Example.com")).await);
    assert_eq!((changed.version, changed.state.unwrap().email.as_str()), (2, "Ana@Example.com"));
    assert_eq!(fixture.test.texts("select email from users").await, ["Ana@Example.com"]);
}

async fn an_email_that_its_owner_gave_up_is_free(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let user = done(fixture.submit(create("ana@example.com")).await);
    done(fixture.submit(change_email(user.id, "other@example.com")).await);
    done(fixture.submit(create("ana@example.com")).await);
}
