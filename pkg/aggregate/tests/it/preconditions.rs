//! `If-Match`.

use esteira_aggregate::{CommandError, Input};
use esteira_testkit::{TestDb, on_every_engine};

use crate::counters::Command;
use crate::fixture::{Fixture, add, done, keyed, plain};

on_every_engine!(a_command_for_another_version_is_refused, a_lost_precondition_is_not_kept);

fn if_match(versions: &[i64], input: Input<Command>) -> Input<Command> {
    Input { if_match: Some(versions.to_vec()), ..input }
}

async fn a_command_for_another_version_is_refused(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let lost = Err(CommandError::PreconditionFailed { current: Some(1) });
    assert_eq!(fixture.submit(if_match(&[2, 3], plain(add(1, 1)))).await, lost);
    assert_eq!(fixture.value(1).await, 0);
    done(fixture.submit(if_match(&[1, 7], plain(add(1, 1)))).await);
    let lost = Err(CommandError::PreconditionFailed { current: Some(2) });
    assert_eq!(fixture.submit(if_match(&[], plain(add(1, 1)))).await, lost, "no version can match");
    assert_eq!(fixture.value(1).await, 1);
}

async fn a_lost_precondition_is_not_kept(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let lost = Err(CommandError::PreconditionFailed { current: Some(1) });
    assert_eq!(fixture.submit(if_match(&[2], keyed(add(1, 1), "key", "body"))).await, lost);
    done(fixture.submit(plain(add(1, 1))).await);
    assert_eq!(done(fixture.submit(if_match(&[2], keyed(add(1, 1), "key", "body"))).await).version, 3);
}
