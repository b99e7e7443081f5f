//! A running process: its tasks, and how they end.

use std::sync::Arc;
use std::time::Duration;

use esteira_aggregate::{Executor, ExecutorSettings, Service, Submitter};
use esteira_bus::dlq::RetryStore;
use esteira_bus::{Handler, Worker};
use esteira_config::Settings;
use esteira_console::Console;
use esteira_events::Topics;
use esteira_projector::{GROUP, Projector, TOPICS};
use esteira_reactions::{React, ReactionStore, Reactions};
use esteira_sql::Timestamp;
use esteira_telemetry::{Health, Stage};
use esteira_web::{ApiInfo, Bearer, Limits, health_routes, mount, serve, traced};
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::engines::Engines;
use super::gauges::{Gauges, GroupGauges};
use super::listeners::Listeners;
use super::local_http::authority;
use crate::roles::Role;

/// How often what no retry can ask for any more is removed.
const PURGE: Duration = Duration::from_mins(10);

/// How long the first lines wait for every stage.
const START_PATIENCE: Duration = Duration::from_secs(10);
const START_PAUSE: Duration = Duration::from_millis(5);
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How much longer than requests in flight everything else may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(10);
/// The most events that reactions hand in at once.
const REACTION_BATCH: usize = 256;

/// The shared parts of the roles in this process.
pub struct Platform {
    pub settings: Settings,
    pub engines: Engines,
    pub health: Health,
    /// Names this process in leases.
    pub instance: String,
    /// Wakes the dispatcher of this process after a commit.
    pub committed: Arc<Notify>,
    stop: CancellationToken,
    apis: Vec<(Role, OpenApiRouter, ApiInfo)>,
    console: Option<Console>,
    /// Where each role listens that does.
    ports: Vec<(Role, u16)>,
    projector: Option<Arc<Projector>>,
    gauges: Gauges,
    /// End by themselves after `stop`.
    tasks: JoinSet<()>,
    /// End when everything that submits to them has.
    executors: Vec<BoxFuture<'static, ()>>,
}

impl Platform {
    pub fn new(settings: Settings, engines: Engines) -> Self {
        Self {
            settings,
            engines,
            health: Health::new(),
            instance: format!("{}-{}", std::process::id(), Uuid::new_v4().simple()),
            committed: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
            apis: Vec::new(),
            console: None,
            ports: Vec::new(),
            projector: None,
            gauges: Gauges::default(),
            tasks: JoinSet::new(),
            executors: Vec::new(),
        }
    }

    pub fn topics(&self) -> Topics {
        Topics::with_prefix(self.settings.topic_prefix.clone())
    }

    pub fn group(&self, name: &str) -> String {
        format!("{}{name}", self.settings.group_prefix)
    }

    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a stage until it ends by itself; one that panics says so in its health and is started again.
    pub fn run<F>(&mut self, stage: Stage, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop_token();
        self.tasks.spawn(async move {
            while let Err(error) = tokio::spawn(start()).await {
                stage.failed(format!("it panicked and starts again: {error}"));
                tokio::select! {
                    () = tokio::time::sleep(RESTART_PAUSE) => {}
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Starts the batch executor of a service.
    pub fn executor<S: Service>(&mut self, service: Arc<S>, stage: &str) -> anyhow::Result<Submitter<S>> {
        let settings = ExecutorSettings {
            batch_max: self.settings.batch_max,
            queue: self.settings.command_queue,
            workers: self.settings.command_workers,
        };
        let db = self.engines.store()?.clone();
        let stage = self.health.stage(stage);
        stage.ready();
        if self.executors.is_empty() {
            self.tasks.spawn(purge(db.clone(), self.stop_token()));
        }
        let executor = Executor::start(service, db, settings, Arc::clone(&self.committed), stage);
        let submitter = executor.submitter();
        self.executors.push(Box::pin(executor.close()));
        Ok(submitter)
    }

    /// Starts the reactions of a service: events become its commands.
    pub fn react<S: React>(&mut self, commands: Submitter<S>, stage: &str) -> anyhow::Result<()> {
        let group = self.group(S::GROUP);
        let topics = self.topics().names(S::EVENTS);
        self.gauges.groups.push(GroupGauges {
            log: Arc::clone(self.engines.log()?),
            topics: topics.clone(),
            retries: Arc::new(ReactionStore::<S>::new(
                self.engines.store()?.clone(),
                self.topics(),
                group.clone(),
            )),
        });
        let handler = Reactions {
            commands,
            db: self.engines.store()?.clone(),
            log: Arc::clone(self.engines.log()?),
            topics: self.topics(),
            group: group.clone(),
        };
        let stage = self.health.stage(stage);
        let worker = Worker {
            log: Arc::clone(self.engines.log()?),
            group,
            topics,
            handler: Arc::new(handler),
            stage: stage.clone(),
            batch: REACTION_BATCH,
        };
        let stop = self.stop_token();
        self.run(stage, move || worker.clone().run(stop.clone()));
        Ok(())
    }

    /// The projector of this process, made at the first call.
    pub fn projector(&mut self) -> anyhow::Result<Arc<dyn Handler>> {
        let projector = Arc::new(Projector::new(
            Arc::clone(self.engines.views()?),
            Arc::clone(self.engines.log()?),
            self.engines.store().ok().cloned(),
            self.topics(),
            self.group(GROUP),
        ));
        self.projector = Some(Arc::clone(&projector));
        self.gauges.groups.push(GroupGauges {
            log: Arc::clone(self.engines.log()?),
            topics: self.topics().names(&TOPICS),
            retries: Arc::clone(&projector) as Arc<dyn RetryStore>,
        });
        Ok(projector)
    }

    /// Changes with every write of the projector of this process, if it has one.
    pub fn projected(&self) -> Option<watch::Receiver<u64>> {
        self.projector.as_ref().map(|projector| projector.seen())
    }

    /// Adds the API of a role, to be served once every role is started.
    pub fn serve(&mut self, role: Role, routes: OpenApiRouter, info: ApiInfo) {
        self.apis.push((role, routes, info));
    }

    /// As [`Self::serve`], for whoever has the token of the command services, if there is one.
    pub fn serve_commands(&mut self, role: Role, routes: OpenApiRouter, info: ApiInfo) {
        let routes = match &self.settings.command_token {
            Some(tokens) => Bearer::new("ESTEIRA_COMMAND_TOKEN", tokens.reveal()).guard(routes),
            None => routes,
        };
        self.serve(role, routes, info);
    }

    /// Puts the pages of `console` around the API of its role.
    pub fn show(&mut self, console: Console) {
        self.console = Some(console);
    }

    /// Where `role` answers, once this process listens.
    pub fn url(&self, role: Role) -> Option<String> {
        let (_, port) = self.ports.iter().find(|(of, _)| *of == role)?;
        Some(format!("http://{}", authority(&self.settings.host, *port)))
    }

    /// Serves every role's API on its port; a role without one serves its health.
    pub fn listen(&mut self, listeners: Listeners) {
        let limits = Limits { grace: self.settings.shutdown_grace, ..Limits::default() };
        self.ports = listeners.ports();
        for (role, listener) in listeners.0 {
            let api =
                self.apis.iter().position(|(of, ..)| *of == role).map(|index| self.apis.swap_remove(index));
            let (api, info) = match api {
                Some((_, routes, info)) => (routes, info),
                None => (OpenApiRouter::new(), worker_info(role)),
            };
            let mut router = mount(api.merge(health_routes(self.health.clone())), info, &limits);
            if let Some(console) = self.console.take_if(|_| role == Role::Console) {
                router = esteira_console::router(router, console, &limits);
            }
            // The console's pages ask for news all the time.
            let router = traced(router, role.name(), role != Role::Console);
            let (limits, stop) = (limits.clone(), self.stop_token());
            self.tasks.spawn(async move {
                serve(listener, router, &limits, stop.cancelled()).await;
            });
        }
    }

    /// Looks at the levels of what this process runs.
    pub fn measure(&mut self, roles: &[Role]) {
        let store = self.engines.store().ok().cloned();
        let outbox = store.clone().filter(|_| roles.contains(&Role::Dispatcher));
        let gauges = Gauges { outbox, store, ..std::mem::take(&mut self.gauges) };
        self.tasks.spawn(gauges.run(self.stop_token()));
    }

    /// Waits a while until every stage is ready; one that is not says why itself.
    pub async fn started(&self) {
        let waited = tokio::time::timeout(START_PATIENCE, async {
            while !self.health.is_ready() {
                tokio::time::sleep(START_PAUSE).await;
            }
        });
        if waited.await.is_err() {
            tracing::warn!("not every stage is ready yet: see /readyz");
        }
    }

    /// Answers what is in flight, finishes batches, commits offsets, closes the engines. What takes longer than the
    /// grace period allows is cut off: nothing is lost by it, as by any crash.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let limit = self.settings.shutdown_grace + STOP_MARGIN;
        let orderly = async {
            while self.tasks.join_next().await.is_some() {}
            futures::future::join_all(self.executors).await;
            self.engines.close().await;
        };
        if tokio::time::timeout(limit, orderly).await.is_err() {
            tracing::warn!(?limit, "stopped before everything had ended");
        }
    }
}

fn worker_info(role: Role) -> ApiInfo {
    ApiInfo {
        title: role.name(),
        description: "The health of this process.",
        version: env!("CARGO_PKG_VERSION"),
    }
}

async fn purge(db: esteira_sql::Db, stop: CancellationToken) {
    loop {
        match esteira_aggregate::purge(&db, Timestamp::now()).await {
            Ok(rows) => tracing::debug!(rows, "purged expired idempotency keys and batch ids"),
            Err(error) => tracing::warn!(%error, "expired idempotency keys and batch ids stay for now"),
        }
        tokio::select! {
            () = tokio::time::sleep(PURGE) => {}
            () = stop.cancelled() => return,
        }
    }
}
