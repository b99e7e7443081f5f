//! Executors of the users service.

use std::sync::Arc;

use esteira_aggregate::{Answer, CommandError, Executor, ExecutorSettings, Input, Snapshot, Submitter};
use esteira_events::UserId;
use esteira_sql::Db;
use esteira_telemetry::Health;
use esteira_testkit::TestDb;
use esteira_users::domain::{CreateUser, DeleteUser, UpdateUser, UserRejected};
use esteira_users::{User, UserCommand, Users};
use tokio::sync::Notify;

pub(crate) type Answered = Result<Answer<Snapshot<User>>, CommandError<UserRejected>>;

pub(crate) struct Fixture {
    pub(crate) test: TestDb,
    executors: [Executor<Users>; 2],
}

fn start(db: Db, workers: usize) -> Executor<Users> {
    let settings = ExecutorSettings { batch_max: 64, queue: 512, workers };
    Executor::start(Arc::new(Users), db, settings, Arc::new(Notify::new()), Health::new().stage("users"))
}

impl Fixture {
    /// Two executors, each with connections of its own where the store allows for more than one process.
    pub(crate) async fn new(test: TestDb) -> Self {
        test.migrate(&[esteira_outbox::SCHEMA, esteira_aggregate::SCHEMA, esteira_users::SCHEMA]).await;
        let other = if test.mysql_options().is_some() { test.another().await } else { test.db.clone() };
        let executors = [start(test.db.clone(), 1), start(other, 2)];
        Self { test, executors }
    }

    pub(crate) fn submitter(&self, number: usize) -> Submitter<Users> {
        self.executors[number % 2].submitter()
    }

    pub(crate) async fn submit(&self, command: UserCommand) -> Answered {
        self.submitter(0).submit(Input::plain(command)).await
    }
}

pub(crate) fn create(email: &str) -> UserCommand {
    UserCommand::Create(CreateUser { name: "Ana".into(), email: email.into() })
}

pub(crate) fn change_email(id: i64, email: &str) -> UserCommand {
    UserCommand::Update(UpdateUser { id: UserId(id), name: None, email: Some(email.into()) })
}

pub(crate) fn delete(id: i64) -> UserCommand {
    UserCommand::Delete(DeleteUser { id: UserId(id) })
}

pub(crate) fn done(answer: Answered) -> Snapshot<User> {
    match answer {
        Ok(Answer::Done(snapshot)) => snapshot,
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn taken(email: &str) -> Answered {
    Err(CommandError::Rejected(UserRejected::EmailTaken { email: email.into() }))
}
