//! The faults by number; a file a group.

mod commands;
mod dispatcher;
mod engines;
mod letters;
mod machine;
mod rebuild;
mod restarts;

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::lab::Lab;
use crate::report::Verdict;

/// One fault.
pub struct Fault {
    pub number: u8,
    pub title: &'static str,
    /// Which of the shorter runs have it.
    also: &'static [Run],
    pub run: fn(Arc<Lab>) -> BoxFuture<'static, Verdict>,
}

/// A run that does not have every fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Of processes only: engines that others use may serve.
    Short,
    /// On the embedded engines, in one process.
    Embedded,
}

impl Fault {
    pub fn is_in(&self, run: Run) -> bool {
        self.also.contains(&run)
    }
}

macro_rules! faults {
    ($($number:literal $title:literal $run:path $([$($also:ident),+])?;)+) => {
        pub const ALL: &[Fault] = &[$(Fault {
            number: $number,
            title: $title,
            also: &[$($(Run::$also),+)?],
            run: |lab| Box::pin($run(lab)),
        }),+];
    };
}

faults! {
    1 "a command service dies before and after its commit" commands::dies_at_the_commit [Short, Embedded];
    2 "fifty posts of one key at once" commands::fifty_posts_of_one_key [Short, Embedded];
    3 "the dispatcher dies before a send, and before the mark" dispatcher::dies_around_a_send [Short];
    4 "the slots' owner is stopped past the end of its lease" dispatcher::owner_is_stopped;
    5 "a transaction is held open" restarts::open_transaction;
    6 "rollbacks" dispatcher::rollbacks;
    7 "a row that cannot be published" dispatcher::unpublishable_row [Short];
    8 "Kafka is down" engines::kafka_is_down;
    9 "MySQL is killed" engines::mysql_is_killed;
    10 "1,000 buyers of 100 pieces" commands::a_thousand_buyers [Short, Embedded];
    11 "MongoDB is down" engines::mongo_is_down;
    12 "first writes of one document at once" restarts::first_writes [Short];
    13 "a projector joins and leaves" restarts::joins_and_leaves;
    14 "a handler is slower than the group allows" engines::handler_is_too_slow;
    15 "records that nobody can read" letters::hopeless_records [Short];
    16 "the dead letter queue cannot be written" letters::queue_is_not_writable;
    17 "redrive" letters::redrive_twice;
    18 "views are rebuilt" rebuild::rebuild_under_load [Embedded];
    19 "any order of arrival" machine::any_order_of_arrival;
    20 "a rolling restart" restarts::rolling_restart [Embedded];
    21 "the disk is full" machine::disk_is_full [Embedded];
    22 "clocks jump" machine::clock_jumps [Embedded];
    23 "a soak" machine::soak [Embedded];
}
