//! What every stage of the belt says about itself; `/readyz` shows it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// All the stages of one process. Cheap to clone; clones share the stages.
#[derive(Clone, Debug, Default)]
pub struct Health {
    stages: Arc<Mutex<Vec<Stage>>>,
}

impl Health {
    /// A registry without stages, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a stage as `starting`, or returns the one that already has this name.
    pub fn stage(&self, name: impl Into<String>) -> Stage {
        let name = name.into();
        let mut stages = lock(&self.stages);
        if let Some(stage) = stages.iter().find(|stage| stage.name() == name) {
            return stage.clone();
        }
        let stage = Stage::starting(name);
        stages.push(stage.clone());
        stage
    }

    /// Every stage in the order of registration.
    pub fn snapshot(&self) -> Vec<StageReport> {
        lock(&self.stages).iter().map(Stage::report).collect()
    }

    /// Whether every stage is ready.
    pub fn is_ready(&self) -> bool {
        lock(&self.stages).iter().all(|stage| stage.report().state == State::Ready)
    }
}

/// One stage's own handle on its health. Cheap to clone; clones speak for the same stage.
///
/// Only a change of state is logged, so a loop can call these on every turn.
#[derive(Clone, Debug)]
pub struct Stage {
    name: Arc<str>,
    condition: Arc<Mutex<Condition>>,
}

#[derive(Clone, Debug)]
struct Condition {
    state: State,
    reason: Option<String>,
    since: DateTime<Utc>,
    /// Until when it counts as ready without another word.
    due: Option<(Instant, Duration)>,
}

impl Stage {
    fn starting(name: String) -> Self {
        let condition = Condition { state: State::Starting, reason: None, since: Utc::now(), due: None };
        Self { name: name.into(), condition: Arc::new(Mutex::new(condition)) }
    }

    /// The name it was registered with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It does its work.
    pub fn ready(&self) {
        if let Some(left) = self.enter(State::Ready, None) {
            tracing::info!(stage = %self.name, after = %left.state, "stage ready");
        }
    }

    /// It does its work, and says so again within `limit`: a loop that hangs is not ready, whatever it said last.
    pub fn ready_for(&self, limit: Duration) {
        self.ready();
        lock(&self.condition).due = Some((Instant::now() + limit, limit));
    }

    /// It waits for something outside (a store, a broker, a lease) and goes on by itself.
    pub fn paused(&self, reason: impl fmt::Display) {
        let reason = reason.to_string();
        if self.enter(State::Paused, Some(&reason)).is_some() {
            tracing::warn!(stage = %self.name, %reason, "stage paused");
        }
    }

    /// It has stopped and needs an operator.
    pub fn failed(&self, reason: impl fmt::Display) {
        let reason = reason.to_string();
        if self.enter(State::Failed, Some(&reason)).is_some() {
            tracing::error!(stage = %self.name, %reason, "stage failed");
        }
    }

    /// What it says now.
    pub fn report(&self) -> StageReport {
        let Condition { state, reason, since, due } = lock(&self.condition).clone();
        let name = self.name.to_string();
        match due {
            Some((due, limit)) if state == State::Ready && due < Instant::now() => {
                let silent = (limit + due.elapsed()).as_secs();
                let reason = Some(format!("no progress for {silent} s: it hangs in one piece of work"));
                StageReport { name, state: State::Stalled, reason, since }
            }
            _ => StageReport { name, state, reason, since },
        }
    }

    /// Returns the condition that was left, if this is a change of state. A new reason alone replaces the old one silently.
    fn enter(&self, state: State, reason: Option<&str>) -> Option<Condition> {
        let mut condition = lock(&self.condition);
        if condition.state == state {
            if condition.reason.as_deref() != reason {
                condition.reason = reason.map(str::to_owned);
            }
            return None;
        }
        let entered = Condition { state, reason: reason.map(str::to_owned), since: Utc::now(), due: None };
        Some(std::mem::replace(&mut *condition, entered))
    }
}

/// The state of a stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not at work yet.
    Starting,
    /// At work.
    Ready,
    /// Waiting for something outside; goes on by itself.
    Paused,
    /// It said that it is at work, and nothing since.
    Stalled,
    /// Stopped; an operator has to act.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Paused => "paused",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
        })
    }
}

/// One stage as `/readyz` shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stage)]
pub struct StageReport {
    /// The stage's name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Why it is paused, stalled or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it entered this state.
    pub since: DateTime<Utc>,
}

/// Health must be readable after a panic elsewhere: the guarded values are replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_stage_is_starting_and_holds_readiness_back() {
        let health = Health::new();
        assert!(health.is_ready());
        let stage = health.stage("dispatcher");
        assert!(!health.is_ready());
        stage.ready();
        assert!(health.is_ready());
    }

    #[test]
    fn the_same_name_is_the_same_stage() {
        let health = Health::new();
        health.stage("projector").paused("kafka is away");
        health.stage("projector").ready();
        let snapshot = health.snapshot();
        assert_eq!(snapshot.len(), 1);
        assert_eq!((snapshot[0].state, snapshot[0].reason.clone()), (State::Ready, None));
    }

    #[test]
    fn saying_the_same_again_keeps_the_time_and_a_new_reason_replaces_the_old() {
        let stage = Health::new().stage("dispatcher");
        stage.paused("mysql is away");
        let first = stage.report();
        stage.paused("kafka is away");
        let second = stage.report();
        assert_eq!(first.since, second.since);
        assert_eq!(second.reason.as_deref(), Some("kafka is away"));
    }

    #[test]
    fn a_stage_that_says_nothing_for_too_long_is_stalled_until_it_speaks_again() {
        let health = Health::new();
        let stage = health.stage("projector");
        stage.ready_for(Duration::ZERO);
        while stage.report().state == State::Ready {
            std::thread::yield_now();
        }
        assert!(!health.is_ready());
        assert!(stage.report().reason.is_some_and(|reason| reason.contains("no progress")));
        stage.ready_for(Duration::from_hours(1));
        assert!(health.is_ready());
        stage.paused("kafka is away");
        stage.ready();
        assert!(health.is_ready());
    }

    #[test]
    fn a_report_is_json_in_snake_case() {
        let stage = Health::new().stage("dispatcher");
        stage.failed("another member has the lease");
        let json = serde_json::to_value(stage.report()).unwrap();
        assert_eq!(json["name"], "dispatcher");
        assert_eq!(json["state"], "failed");
        assert_eq!(json["reason"], "another member has the lease");
        assert!(json["since"].is_string());
    }
}
