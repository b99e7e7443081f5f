//! One batch as one transaction: load, decide, write state and events, marks and keys.

use std::collections::{HashMap, HashSet};

use esteira_sql::{Conn, Db, Timestamp, on};
use uuid::Uuid;

use crate::idempotency::{self, Kept, KeptAnswers};
use crate::inbox;
use crate::service::{Answer, Cause, CommandError, Dedup, Input, Service, WriteError};

pub(crate) type CommandResult<S> =
    Result<Answer<<S as Service>::Outcome>, CommandError<<S as Service>::Rejection>>;

/// Why a batch was not, or perhaps not, committed.
pub(crate) enum BatchError<S: Service> {
    /// Nothing was committed.
    Failed(WriteError),
    /// The answer to COMMIT was lost; these are the answers if it had committed.
    CommitUnknown(Vec<CommandResult<S>>),
    /// The batch id is there: an earlier attempt had committed.
    AlreadyCommitted,
}

impl<S: Service, E: Into<WriteError>> From<E> for BatchError<S> {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs `inputs` as one transaction; one answer each, in order.
pub(crate) async fn run<S: Service>(
    service: &S,
    db: &Db,
    batch_id: Uuid,
    inputs: &[&Input<S::Command>],
) -> Result<Vec<CommandResult<S>>, BatchError<S>> {
    let at = Timestamp::now();
    let mut tx = db.begin().await?;
    match in_transaction(service, &mut tx.conn(), batch_id, inputs, at).await {
        Ok(answers) => {
            #[cfg(feature = "failpoints")]
            fail::fail_point!("batch-before-commit", |_| std::process::abort());
            match tx.commit().await {
                Ok(()) => {
                    #[cfg(feature = "failpoints")]
                    fail::fail_point!("batch-after-commit", |_| std::process::abort());
                    Ok(answers)
                }
                Err(_) => Err(BatchError::CommitUnknown(answers)),
            }
        }
        Err(error) => {
            // A connection that cannot roll back is closed by the pool, which rolls back too.
            let _ = tx.rollback().await;
            Err(error)
        }
    }
}

async fn in_transaction<S: Service>(
    service: &S,
    conn: &mut Conn<'_>,
    batch_id: Uuid,
    inputs: &[&Input<S::Command>],
    at: Timestamp,
) -> Result<Vec<CommandResult<S>>, BatchError<S>> {
    insert_batch_id(conn, batch_id, at).await?;
    let commands: Vec<&S::Command> = inputs.iter().map(|input| &input.command).collect();
    let mut world = service.load(conn, &commands, at).await?;
    // After the rows are locked: the same key in flight elsewhere has committed its answer by now.
    let known = Known::load::<S>(conn, inputs).await?;
    let plan: Vec<Step<S>> = known.plan::<S>(inputs);
    let decided_here: Vec<bool> = plan.iter().map(|step| matches!(step, Step::Decide)).collect();
    let decided: Vec<Decided<S>> =
        inputs.iter().zip(plan).map(|(input, step)| decide(service, &mut world, input, step)).collect();
    write_state_and_events(service, conn, &mut world).await?;
    let answers = answer(service, &world, inputs, decided);
    // What was replayed or shared is kept already.
    let new =
        inputs.iter().copied().zip(&answers).zip(decided_here).filter(|(_, decided_here)| *decided_here);
    remember::<S>(conn, new.map(|(answered, _)| answered).collect(), at).await?;
    Ok(answers)
}

/// The only place that writes state, and it writes the events with it.
async fn write_state_and_events<S: Service>(
    service: &S,
    conn: &mut Conn<'_>,
    world: &mut S::World,
) -> Result<(), WriteError> {
    service.write(conn, world).await?;
    esteira_outbox::append(conn, service.take_events(world)).await?;
    Ok(())
}

/// Whether the store takes writes: one that is full or read only still answers reads.
pub(crate) async fn probe(db: &Db) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("insert into command_batches (batch_id, created_at) values (?, ?)")
            .bind(Uuid::now_v7().to_string())
            .bind(Timestamp::now())
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    tx.rollback().await
}

async fn insert_batch_id<S: Service>(
    conn: &mut Conn<'_>,
    batch_id: Uuid,
    at: Timestamp,
) -> Result<(), BatchError<S>> {
    let inserted = on!(conn, c => {
        sqlx::query("insert into command_batches (batch_id, created_at) values (?, ?)")
            .bind(batch_id.to_string())
            .bind(at)
            .execute(&mut *c)
            .await
            .map(drop)
    });
    match inserted {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(BatchError::AlreadyCommitted),
        other => Ok(other?),
    }
}

/// What the store knows of the inputs before they are decided.
struct Known {
    answers: KeptAnswers,
    handled: HashSet<String>,
}

/// What is to be done about one input.
enum Step<S: Service> {
    Decide,
    /// The same key stands earlier in the batch.
    ShareWith(usize),
    Answer(CommandResult<S>),
}

impl Known {
    async fn load<S: Service>(
        conn: &mut Conn<'_>,
        inputs: &[&Input<S::Command>],
    ) -> Result<Self, sqlx::Error> {
        let mut scopes = Vec::new();
        let mut event_ids = Vec::new();
        for input in inputs {
            match &input.dedup {
                Dedup::Key(key) => scopes.push(key.scope.as_str()),
                Dedup::Inbox { event_id } => event_ids.push(event_id.as_str()),
                Dedup::None => {}
            }
        }
        Ok(Self {
            answers: idempotency::load(conn, &scopes).await?,
            handled: inbox::handled(conn, S::NAME, &event_ids).await?,
        })
    }

    fn plan<S: Service>(&self, inputs: &[&Input<S::Command>]) -> Vec<Step<S>> {
        let mut keys: HashMap<&str, usize> = HashMap::new();
        let mut events: HashSet<&str> = HashSet::new();
        let mut plan = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            plan.push(match &input.dedup {
                Dedup::Inbox { event_id } if self.handled.contains(event_id) || !events.insert(event_id) => {
                    Step::Answer(Ok(Answer::Duplicate))
                }
                Dedup::None | Dedup::Inbox { .. } => Step::Decide,
                Dedup::Key(key) => match (self.answers.get(&key.scope), keys.get(key.scope.as_str())) {
                    (Some((hash, _)), _) if *hash != key.body_hash => {
                        Step::Answer(Err(CommandError::KeyReused))
                    }
                    (Some((_, answer)), _) => Step::Answer(replay::<S>(answer, input.cause)),
                    (None, Some(&first)) => Step::ShareWith(first),
                    (None, None) => {
                        keys.insert(&key.scope, index);
                        Step::Decide
                    }
                },
            });
        }
        plan
    }
}

fn replay<S: Service>(answer: &str, cause: Cause) -> CommandResult<S> {
    match serde_json::from_str::<Kept<S::Outcome, S::Rejection>>(answer) {
        Ok(Kept::Done(outcome)) => Ok(Answer::Replayed(outcome)),
        Ok(Kept::Rejected(rejection)) => Err(CommandError::Rejected(rejection)),
        Err(error) => {
            tracing::error!(%error, trace_id = cause.trace_id(), "a kept answer cannot be read");
            Err(CommandError::Internal)
        }
    }
}

/// A decided input, until the write gives new rows their ids.
enum Decided<S: Service> {
    Accepted(S::Receipt),
    ShareWith(usize),
    Answered(CommandResult<S>),
}

fn decide<S: Service>(
    service: &S,
    world: &mut S::World,
    input: &Input<S::Command>,
    step: Step<S>,
) -> Decided<S> {
    match step {
        Step::ShareWith(first) => return Decided::ShareWith(first),
        Step::Answer(answer) => return Decided::Answered(answer),
        Step::Decide => {}
    }
    if let (Some(wanted), Some(current)) = (&input.if_match, service.version(world, &input.command))
        && !wanted.contains(&current)
    {
        return Decided::Answered(Err(CommandError::PreconditionFailed { current: Some(current) }));
    }
    match service.decide(world, &input.command, &input.cause) {
        Ok(receipt) => Decided::Accepted(receipt),
        Err(rejection) => Decided::Answered(Err(CommandError::Rejected(rejection))),
    }
}

fn answer<S: Service>(
    service: &S,
    world: &S::World,
    inputs: &[&Input<S::Command>],
    decided: Vec<Decided<S>>,
) -> Vec<CommandResult<S>> {
    let mut answers: Vec<CommandResult<S>> = Vec::with_capacity(decided.len());
    for (decided, input) in decided.into_iter().zip(inputs) {
        let answer = match decided {
            Decided::Accepted(receipt) => Ok(Answer::Done(service.outcome(world, receipt))),
            Decided::Answered(answer) => answer,
            Decided::ShareWith(first) => shared::<S>(inputs[first], input, &answers[first]),
        };
        answers.push(answer);
    }
    answers
}

/// The answer of a second call in the same batch: the first one's, unless its body is another.
fn shared<S: Service>(
    first: &Input<S::Command>,
    second: &Input<S::Command>,
    answer: &CommandResult<S>,
) -> CommandResult<S> {
    match (&first.dedup, &second.dedup) {
        (Dedup::Key(first), Dedup::Key(second)) if first.body_hash != second.body_hash => {
            Err(CommandError::KeyReused)
        }
        _ => match answer.clone() {
            Ok(Answer::Done(outcome)) => Ok(Answer::Replayed(outcome)),
            other => other,
        },
    }
}

/// Keeps the answers of keyed commands and marks handled events.
async fn remember<S: Service>(
    conn: &mut Conn<'_>,
    answered: Vec<(&Input<S::Command>, &CommandResult<S>)>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut kept = Vec::new();
    let mut handled = Vec::new();
    for (input, answer) in answered {
        let to_keep = match answer {
            Ok(Answer::Done(outcome)) => Kept::Done(outcome),
            Err(CommandError::Rejected(rejection)) => Kept::Rejected(rejection),
            _ => continue,
        };
        match &input.dedup {
            Dedup::None => {}
            Dedup::Inbox { event_id } => handled.push(event_id.as_str()),
            Dedup::Key(key) => {
                if let Kept::Rejected(rejection) = &to_keep
                    && !S::is_kept(rejection)
                {
                    continue;
                }
                let json =
                    serde_json::to_string(&to_keep).map_err(|error| sqlx::Error::Encode(error.into()))?;
                kept.push((key, json));
            }
        }
    }
    idempotency::keep(conn, &kept, at).await?;
    inbox::mark(conn, S::NAME, &handled, at).await
}
