//! The batch executor: a bounded queue of commands, and workers that turn what is waiting into transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esteira_sql::{Db, Fault, fault};
use esteira_telemetry::metrics::{COMMAND_BATCH, COMMAND_BATCH_DURATION, COMMAND_QUEUE, COMMANDS};
use esteira_telemetry::{BatchSpans, Span, Stage, State};
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::batch::{self, BatchError, CommandResult};
use crate::service::{Answer, CommandError, Input, Service, WriteError};
use crate::spans;

/// How often a lone command is redone after a deadlock, a lock timeout or a stale row.
const ATTEMPTS: u32 = 8;
/// How often a lone command waits for a lock, each time for the engine's lock timeout.
const LOCK_WAITS: u32 = 2;
/// How long a batch may be redone one by one; what is left then is handed back, so that other rows need not wait.
const ONE_BY_ONE_LIMIT: Duration = Duration::from_secs(4);
/// How often a whole batch is redone before its inputs are tried one at a time.
const BATCH_ATTEMPTS: u32 = 3;
/// How long a lost answer to COMMIT is asked after before the callers are told that nobody knows.
const COMMIT_UNKNOWN_LIMIT: Duration = Duration::from_secs(5);
/// How often a store that was away is asked whether it is back.
const WATCH: Duration = Duration::from_secs(1);
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
    /// From here to its answer; none where nobody records it.
    span: Option<Box<Span>>,
}

impl<S: Service> Pending<S> {
    fn new(input: Input<S::Command>) -> (Self, oneshot::Receiver<CommandResult<S>>) {
        let (reply, answer) = oneshot::channel();
        let span = spans::begin::<S>(&input.cause).map(Box::new);
        (Self { input, reply, span }, answer)
    }
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
        let (pending, answer) = Pending::new(input);
        let result = match self.queue.try_send(pending) {
            Ok(()) => answered::<S>(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => Err(CommandError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CommandError::Unavailable),
        };
        COMMANDS.add([S::NAME, outcome::<S>(&result)], 1);
        result
    }

    /// Hands a reaction's command in; waits for room in the queue.
    pub async fn submit_waiting(&self, input: Input<S::Command>) -> CommandResult<S> {
        let (pending, answer) = Pending::new(input);
        let result = match self.queue.send(pending).await {
            Ok(()) => answered::<S>(answer).await,
            Err(_) => Err(CommandError::Unavailable),
        };
        COMMANDS.add([S::NAME, outcome::<S>(&result)], 1);
        result
    }
}

pub(crate) fn outcome<S: Service>(result: &CommandResult<S>) -> &'static str {
    match result {
        Ok(Answer::Done(_)) => "done",
        Ok(Answer::Replayed(_)) => "replayed",
        Ok(Answer::Duplicate) => "duplicate",
        Err(CommandError::Rejected(_)) => "rejected",
        Err(CommandError::KeyReused) => "key_reused",
        Err(CommandError::PreconditionFailed { .. }) => "precondition_failed",
        Err(CommandError::Overloaded) => "overloaded",
        Err(CommandError::Contended) => "contended",
        Err(CommandError::Unavailable) => "unavailable",
        Err(CommandError::Internal) => "internal",
    }
}

/// A dropped reply means that the batch panicked, which was logged there.
async fn answered<S: Service>(answer: oneshot::Receiver<CommandResult<S>>) -> CommandResult<S> {
    answer.await.unwrap_or(Err(CommandError::Internal))
}

/// The workers of one service.
pub struct Executor<S: Service> {
    submitter: Submitter<S>,
    closing: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    watch: JoinHandle<()>,
}

/// The end of the queue that the workers share.
struct Queue<S: Service> {
    pending: Arc<Mutex<mpsc::Receiver<Pending<S>>>>,
    closing: watch::Receiver<bool>,
}

impl<S: Service> Queue<S> {
    /// Waits for commands and takes what is there, up to `max`; none once the queue is closed and empty.
    /// Locked only while waiting and taking: what arrives during a transaction is the next batch.
    async fn take(&mut self, max: usize) -> Vec<Pending<S>> {
        let mut taken = Vec::with_capacity(max);
        let mut pending = self.pending.lock().await;
        tokio::select! {
            _ = pending.recv_many(&mut taken, max) => {
                COMMAND_QUEUE.count([S::NAME], pending.len() as u64);
                return taken;
            }
            true = closed(&mut self.closing) => pending.close(),
        }
        pending.recv_many(&mut taken, max).await;
        taken
    }
}

/// Whether it closes, or its executor was dropped and it never will.
async fn closed(closing: &mut watch::Receiver<bool>) -> bool {
    closing.wait_for(|closing| *closing).await.is_ok()
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
        let (queue, pending) = mpsc::channel(settings.queue);
        let pending = Arc::new(Mutex::new(pending));
        let closing = watch::Sender::new(false);
        let count = db.writers(settings.workers);
        let watch = tokio::spawn(watch(db.clone(), stage.clone()));
        let worker = Worker { service, db, committed, stage, batch_max: settings.batch_max };
        let start = |_| {
            let queue = Queue { pending: Arc::clone(&pending), closing: closing.subscribe() };
            tokio::spawn(worker.clone().work(queue))
        };
        let workers = (0..count).map(start).collect();
        Self { submitter: Submitter { queue }, closing, workers, watch }
    }

    pub fn submitter(&self) -> Submitter<S> {
        self.submitter.clone()
    }

    /// Finishes every command that was handed in; submitters that are left are told that the store is not available.
    pub async fn close(self) {
        self.closing.send_replace(true);
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, service = S::NAME, "a command worker ended badly");
            }
        }
        self.watch.abort();
    }
}

impl<S: Service> Worker<S> {
    async fn work(self, mut queue: Queue<S>) {
        loop {
            let pending = queue.take(self.batch_max).await;
            if pending.is_empty() {
                return;
            }
            // A task of its own, so that a panic costs the batch and not the worker.
            let worker = self.clone();
            if let Err(error) = tokio::spawn(async move { worker.execute(pending).await }).await {
                tracing::error!(%error, service = S::NAME, "a batch panicked");
            }
        }
    }

    async fn execute(&self, mut pending: Vec<Pending<S>>) {
        // A caller that went away was told nothing, and will ask again if it still wants the command.
        pending.retain(|pending| !pending.reply.is_closed());
        let spans = pending.iter_mut().map(|pending| pending.span.take().map(|span| *span));
        let spans = BatchSpans::around("transaction", S::NAME, spans);
        let inputs: Vec<&Input<S::Command>> = pending.iter().map(|pending| &pending.input).collect();
        let started = Instant::now();
        let answers = match self.together(&inputs).await {
            Some(answers) => answers,
            None => self.one_by_one(&inputs).await,
        };
        COMMAND_BATCH.size([S::NAME], inputs.len());
        COMMAND_BATCH_DURATION.took([S::NAME], started.elapsed());
        if answers.iter().any(|answer| matches!(answer, Ok(Answer::Done(_)))) {
            self.committed.notify_one();
        }
        spans::end::<S>(spans, &answers);
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
        let started = Instant::now();
        let mut answers = Vec::with_capacity(inputs.len());
        for input in inputs {
            if started.elapsed() > ONE_BY_ONE_LIMIT {
                answers.resize_with(inputs.len(), || Err(CommandError::Overloaded));
                break;
            }
            let Some(answer) = self.alone(input).await else {
                // Each of the others would wait for a connection too.
                answers.resize_with(inputs.len(), || Err(CommandError::Unavailable));
                break;
            };
            answers.push(answer);
        }
        answers
    }

    /// The answer to one command, or `None` when the store is away.
    async fn alone(&self, input: &Input<S::Command>) -> Option<CommandResult<S>> {
        let (mut taken, mut waited) = (false, 0);
        for attempt in 1..=ATTEMPTS {
            match self.attempt(&[input]).await {
                Ok(mut answers) => return answers.pop(),
                Err(error) if is_unavailable(&error) => {
                    self.unavailable(1, &error);
                    return None;
                }
                Err(error) if is_lock_timeout(&error) => {
                    waited += 1;
                    if waited == LOCK_WAITS {
                        break;
                    }
                }
                Err(error) if is_contention(&error) => pause(attempt).await,
                // Once, the loser of a race may find what the winner wrote. Twice, its own value is taken.
                Err(error) if is_unique(&error) && !taken => taken = true,
                Err(error) if is_unique(&error) => {
                    let taken = self.service.taken(&input.command);
                    return Some(Err(taken.map_or(CommandError::Internal, CommandError::Rejected)));
                }
                Err(error) => {
                    tracing::error!(%error, service = S::NAME, trace_id = input.cause.trace_id(), "command failed");
                    return Some(Err(CommandError::Internal));
                }
            }
        }
        tracing::warn!(
            service = S::NAME,
            trace_id = input.cause.trace_id(),
            "command gave up on a contended row"
        );
        Some(Err(CommandError::Contended))
    }

    /// One transaction, and where the answer to its COMMIT is lost, the question whether it had committed.
    async fn attempt(&self, inputs: &[&Input<S::Command>]) -> Result<Vec<CommandResult<S>>, WriteError> {
        let batch_id = Uuid::now_v7();
        let mut unknown: Option<(Instant, Vec<CommandResult<S>>)> = None;
        loop {
            match (batch::run(self.service.as_ref(), &self.db, batch_id, inputs).await, unknown) {
                (Ok(answers), _) => {
                    self.stage.ready();
                    return Ok(answers);
                }
                (Err(BatchError::AlreadyCommitted), Some((_, answers))) => return Ok(answers),
                (Err(BatchError::AlreadyCommitted), None) => return Err(WriteError::Stale),
                (Err(BatchError::CommitUnknown(answers)), earlier) => {
                    unknown = Some((earlier.map_or_else(Instant::now, |(since, _)| since), answers));
                }
                // A transaction that is still open holds the lock on its batch id, so a timeout says that it may yet
                // commit: it must be asked after under the same id.
                (Err(BatchError::Failed(error)), Some(asked))
                    if is_unavailable(&error) || is_contention(&error) || is_lock_timeout(&error) =>
                {
                    unknown = Some(asked);
                }
                (Err(BatchError::Failed(error)), _) => return Err(error),
            }
            if unknown.as_ref().is_some_and(|(since, _)| since.elapsed() >= COMMIT_UNKNOWN_LIMIT) {
                return Err(WriteError::CommitUnknown);
            }
            tokio::time::sleep(COMMIT_UNKNOWN_PAUSE).await;
        }
    }

    fn unavailable(&self, count: usize, error: &WriteError) -> Vec<CommandResult<S>> {
        tracing::warn!(%error, service = S::NAME, commands = count, "the write store is not available");
        self.stage.paused("the write store is not available");
        (0..count).map(|_| Err(CommandError::Unavailable)).collect()
    }
}

/// Ends a pause when the store answers again: commands may be kept away from a service that is not ready.
async fn watch(db: Db, stage: Stage) {
    loop {
        tokio::time::sleep(WATCH).await;
        if stage.report().state == State::Paused && batch::probe(&db).await.is_ok() {
            stage.ready();
        }
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
        WriteError::CommitUnknown => Some(Fault::Unavailable),
        WriteError::Sql(error) => Some(fault(error)),
    }
}

fn is_unavailable(error: &WriteError) -> bool {
    fault_of(error) == Some(Fault::Unavailable)
}

fn is_contention(error: &WriteError) -> bool {
    matches!(fault_of(error), None | Some(Fault::Contention))
}

fn is_lock_timeout(error: &WriteError) -> bool {
    fault_of(error) == Some(Fault::LockTimeout)
}

fn is_unique(error: &WriteError) -> bool {
    fault_of(error) == Some(Fault::Unique)
}
