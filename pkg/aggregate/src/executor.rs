//! The batch executor: a bounded queue of commands, and workers that turn what is waiting into transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esteira_sql::{Db, Fault, fault};
use esteira_telemetry::Stage;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::batch::{self, BatchError, CommandResult};
use crate::service::{Answer, CommandError, Input, Service, WriteError};

/// How often a lone command is redone after a deadlock, a lock timeout or a stale row.
const ATTEMPTS: u32 = 8;
/// How often a whole batch is redone before its inputs are tried one at a time.
const BATCH_ATTEMPTS: u32 = 3;
/// How long a lost answer to COMMIT is asked after before the callers are told that nobody knows.
const COMMIT_UNKNOWN_LIMIT: Duration = Duration::from_secs(5);
const COMMIT_UNKNOWN_PAUSE: Duration = Duration::from_millis(100);

/// The size of the executor.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorSettings {
    /// The most commands in one transaction.
    pub batch_max: usize,
    /// The most commands that wait; one more is answered with `Overloaded`.
    pub queue: usize,
    /// Transactions side by side.
    pub workers: usize,
}

struct Pending<S: Service> {
    input: Input<S::Command>,
    reply: oneshot::Sender<CommandResult<S>>,
}

/// Where commands are handed in. Cloning shares the queue.
pub struct Submitter<S: Service> {
    queue: mpsc::Sender<Pending<S>>,
}

impl<S: Service> Clone for Submitter<S> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<S: Service> Submitter<S> {
    /// Hands a client's command in; refused at once when the queue is full.
    pub async fn submit(&self, input: Input<S::Command>) -> CommandResult<S> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Pending { input, reply }) {
            Ok(()) => answered::<S>(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => Err(CommandError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CommandError::Unavailable),
        }
    }

    /// Hands a reaction's command in; waits for room in the queue.
    pub async fn submit_waiting(&self, input: Input<S::Command>) -> CommandResult<S> {
        let (reply, answer) = oneshot::channel();
        match self.queue.send(Pending { input, reply }).await {
            Ok(()) => answered::<S>(answer).await,
            Err(_) => Err(CommandError::Unavailable),
        }
    }
}

/// A dropped reply means that the batch panicked, which was logged there.
async fn answered<S: Service>(answer: oneshot::Receiver<CommandResult<S>>) -> CommandResult<S> {
    answer.await.unwrap_or(Err(CommandError::Internal))
}

/// The workers of one service.
pub struct Executor<S: Service> {
    submitter: Submitter<S>,
    workers: Vec<JoinHandle<()>>,
}

struct Worker<S: Service> {
    service: Arc<S>,
    db: Db,
    /// Woken after every commit, for the dispatcher of the same process.
    committed: Arc<Notify>,
    stage: Stage,
    batch_max: usize,
}

impl<S: Service> Clone for Worker<S> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            db: self.db.clone(),
            committed: Arc::clone(&self.committed),
            stage: self.stage.clone(),
            batch_max: self.batch_max,
        }
    }
}

impl<S: Service> Executor<S> {
    /// Starts the workers.
    pub fn start(
        service: Arc<S>,
        db: Db,
        settings: ExecutorSettings,
        committed: Arc<Notify>,
        stage: Stage,
    ) -> Self {
        let (queue, receiver) = mpsc::channel(settings.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let count = db.writers(settings.workers);
        let worker = Worker { service, db, committed, stage, batch_max: settings.batch_max };
        let workers = (0..count).map(|_| tokio::spawn(worker.clone().work(Arc::clone(&receiver)))).collect();
        Self { submitter: Submitter { queue }, workers }
    }

    pub fn submitter(&self) -> Submitter<S> {
        self.submitter.clone()
    }

    /// Finishes every command that was handed in. Every other submitter must be gone or idle by now.
    pub async fn close(self) {
        drop(self.submitter);
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, service = S::NAME, "a command worker ended badly");
            }
        }
    }
}

impl<S: Service> Worker<S> {
    async fn work(self, queue: Arc<Mutex<mpsc::Receiver<Pending<S>>>>) {
        loop {
            let mut pending = Vec::with_capacity(self.batch_max);
            // Held only while waiting and taking: what arrives during the transaction is the next batch.
            if queue.lock().await.recv_many(&mut pending, self.batch_max).await == 0 {
                return;
            }
            // A task of its own, so that a panic costs the batch and not the worker.
            let worker = self.clone();
            if let Err(error) = tokio::spawn(async move { worker.execute(pending).await }).await {
                tracing::error!(%error, service = S::NAME, "a batch panicked");
            }
        }
    }

    async fn execute(&self, pending: Vec<Pending<S>>) {
        let inputs: Vec<&Input<S::Command>> = pending.iter().map(|pending| &pending.input).collect();
        let answers = match self.together(&inputs).await {
            Some(answers) => answers,
            None => self.one_by_one(&inputs).await,
        };
        if answers.iter().any(|answer| matches!(answer, Ok(Answer::Done(_)))) {
            self.committed.notify_one();
        }
        for (pending, answer) in pending.into_iter().zip(answers) {
            // A caller that went away needs no answer.
            let _ = pending.reply.send(answer);
        }
    }

    /// The answers of the whole batch, or `None` when the engine refuses it as a whole.
    async fn together(&self, inputs: &[&Input<S::Command>]) -> Option<Vec<CommandResult<S>>> {
        for attempt in 1..=BATCH_ATTEMPTS {
            match self.attempt(inputs).await {
                Ok(answers) => return Some(answers),
                Err(error) if is_unavailable(&error) => return Some(self.unavailable(inputs.len(), &error)),
                Err(error) if inputs.len() > 1 && is_contention(&error) && attempt < BATCH_ATTEMPTS => {
                    pause(attempt).await;
                }
                Err(error) => {
                    tracing::debug!(%error, service = S::NAME, commands = inputs.len(), "batch is redone one by one");
                    return None;
                }
            }
        }
        None
    }

    async fn one_by_one(&self, inputs: &[&Input<S::Command>]) -> Vec<CommandResult<S>> {
        let mut answers = Vec::with_capacity(inputs.len());
        for input in inputs {
            answers.push(self.alone(input).await);
        }
        answers
    }

    async fn alone(&self, input: &Input<S::Command>) -> CommandResult<S> {
        let mut taken = false;
        for attempt in 1..=ATTEMPTS {
            match self.attempt(&[input]).await {
                Ok(mut answers) => return answers.pop().unwrap_or(Err(CommandError::Internal)),
                Err(error) if is_unavailable(&error) => {
                    return self.unavailable(1, &error).pop().unwrap_or(Err(CommandError::Unavailable));
                }
                Err(error) if is_contention(&error) => pause(attempt).await,
                // Once, the loser of a race may find what the winner wrote. Twice, its own value is taken.
                Err(error) if is_unique(&error) && !taken => taken = true,
                Err(error) if is_unique(&error) => {
                    return Err(self
                        .service
                        .taken(&input.command)
                        .map_or(CommandError::Internal, CommandError::Rejected));
                }
                Err(error) => {
                    tracing::error!(%error, service = S::NAME, "command failed");
                    return Err(CommandError::Internal);
                }
            }
        }
        tracing::warn!(service = S::NAME, attempts = ATTEMPTS, "command gave up on a contended row");
        Err(CommandError::Unavailable)
    }

    /// One transaction, and where the answer to its COMMIT is lost, the question whether it had committed.
    async fn attempt(&self, inputs: &[&Input<S::Command>]) -> Result<Vec<CommandResult<S>>, WriteError> {
        let batch_id = Uuid::now_v7();
        let mut unknown: Option<(Instant, Vec<CommandResult<S>>)> = None;
        loop {
            match (batch::run(self.service.as_ref(), &self.db, batch_id, inputs).await, unknown.take()) {
                (Ok(answers), _) => {
                    self.stage.ready();
                    return Ok(answers);
                }
                (Err(BatchError::AlreadyCommitted), Some((_, answers))) => return Ok(answers),
                (Err(BatchError::AlreadyCommitted), None) => return Err(WriteError::Stale),
                (Err(BatchError::CommitUnknown(answers)), None) => unknown = Some((Instant::now(), answers)),
                (Err(BatchError::CommitUnknown(answers)), Some((since, _))) => {
                    unknown = Some((since, answers));
                }
                (Err(BatchError::Failed(error)), Some((since, answers)))
                    if is_unavailable(&error) && since.elapsed() < COMMIT_UNKNOWN_LIMIT =>
                {
                    unknown = Some((since, answers));
                    tokio::time::sleep(COMMIT_UNKNOWN_PAUSE).await;
                }
                (Err(BatchError::Failed(error)), _) => return Err(error),
            }
        }
    }

    fn unavailable(&self, count: usize, error: &WriteError) -> Vec<CommandResult<S>> {
        tracing::warn!(%error, service = S::NAME, commands = count, "the write store is not available");
        self.stage.paused("the write store is not available");
        (0..count).map(|_| Err(CommandError::Unavailable)).collect()
    }
}

/// A little longer each time, and never the same for two workers that deadlocked with each other.
async fn pause(attempt: u32) {
    let jitter = u64::from(Uuid::new_v4().as_bytes()[0]) % 8;
    tokio::time::sleep(Duration::from_millis((1 << attempt) + jitter)).await;
}

fn fault_of(error: &WriteError) -> Option<Fault> {
    match error {
        WriteError::Stale => None,
        WriteError::Sql(error) => Some(fault(error)),
    }
}

fn is_unavailable(error: &WriteError) -> bool {
    fault_of(error) == Some(Fault::Unavailable)
}

fn is_contention(error: &WriteError) -> bool {
    matches!(fault_of(error), None | Some(Fault::Contention))
}

fn is_unique(error: &WriteError) -> bool {
    fault_of(error) == Some(Fault::Unique)
}
