//! Long work that goes on while nobody looks, and what is known of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use esteira_web::Problem;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Ended jobs beyond this are forgotten.
const KEPT: usize = 20;

/// The jobs of this process, newest first.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    jobs: VecDeque<Arc<Job>>,
    started: u64,
}

/// One piece of work.
pub(crate) struct Job {
    pub(crate) id: u64,
    /// What it does; of the same work one runs at a time.
    pub(crate) title: String,
    pub(crate) started: DateTime<Utc>,
    told: watch::Sender<Told>,
    cancel: CancellationToken,
}

/// How far a job is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) done: u64,
    pub(crate) total: u64,
    /// Names and values, for people.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What it has found, a line each.
    pub(crate) findings: Vec<String>,
    pub(crate) end: Option<End>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: DateTime<Utc>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Cancelled,
    Failed(String),
}

impl Job {
    pub(crate) fn watch(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    pub(crate) fn now(&self) -> Told {
        self.told.borrow().clone()
    }

    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    fn runs(&self) -> bool {
        self.told.borrow().end.is_none()
    }
}

/// What work tells its progress to.
pub(crate) type Tell = Box<dyn Fn(Told) + Send + Sync>;

impl Jobs {
    /// Starts `work`, or answers the job that does the same already.
    pub(crate) fn start<F>(
        &self,
        title: String,
        stop: &CancellationToken,
        work: impl FnOnce(Tell) -> F,
    ) -> Arc<Job>
    where
        F: Future<Output = Result<Told, Problem>> + Send + 'static,
    {
        let mut kept = self.kept();
        if let Some(running) = kept.jobs.iter().find(|job| job.title == title && job.runs()) {
            return Arc::clone(running);
        }
        kept.started += 1;
        let job = Arc::new(Job {
            id: kept.started,
            title,
            started: Utc::now(),
            told: watch::Sender::new(Told::default()),
            cancel: stop.child_token(),
        });
        kept.jobs.push_front(Arc::clone(&job));
        kept.jobs.truncate(KEPT);
        drop(kept);
        let teller = Arc::clone(&job);
        let work = work(Box::new(move |told| drop(teller.told.send_replace(told))));
        tokio::spawn(run(Arc::clone(&job), work));
        job
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Job>> {
        self.kept().jobs.iter().find(|job| job.id == id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.kept().jobs.iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(job: Arc<Job>, work: impl Future<Output = Result<Told, Problem>> + Send + 'static) {
    // In a task of its own, so that a panic is an end like others.
    let mut working = tokio::spawn(work);
    let outcome = tokio::select! {
        outcome = &mut working => match outcome {
            Ok(Ok(told)) => {
                job.told.send_replace(told);
                Outcome::Done
            }
            Ok(Err(problem)) => Outcome::Failed(problem.detail.clone()),
            Err(error) => Outcome::Failed(error.to_string()),
        },
        () = job.cancel.cancelled() => {
            working.abort();
            // Once it has ended it tells nothing any more.
            drop(working.await);
            Outcome::Cancelled
        }
    };
    tracing::info!(job = job.id, title = job.title, ?outcome, "operator's work ended");
    job.told.send_modify(|told| told.end = Some(End { at: Utc::now(), outcome }));
}
