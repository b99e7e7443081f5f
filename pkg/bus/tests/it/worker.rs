//! The consumer loop: what is committed, and when.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use esteira_bus::{
    Consumer, GroupMember, Handler, Log, LogDescription, LogError, NewRecord, Outage, PartitionLag, Position,
    PublishError, Record, Tail, TopicSpec, Worker,
};
use esteira_telemetry::{Health, Stage, State};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::fixture::{DEADLINE, Fixture, contract, number, numbered, unique};

contract!(
    a_batch_is_committed_only_after_it_was_handled,
    an_outage_keeps_the_batch_and_commits_nothing,
    an_outage_of_the_tick_does_not_cost_the_membership,
    stopping_finishes_and_commits_the_batch_in_hand,
    stopping_in_an_outage_leaves_the_batch_to_the_next,
    killing_in_the_middle_leaves_the_batch_to_the_next,
);

/// A handler that tells what it was given, waits to be let through, and fails as often as it is told.
struct Told {
    batches: mpsc::UnboundedSender<Vec<usize>>,
    doors: Semaphore,
    outages: Mutex<VecDeque<usize>>,
    tick_outages: AtomicUsize,
}

#[async_trait]
impl Handler for Told {
    async fn handle(&self, records: &[Record]) -> Result<(), Outage> {
        let mut numbers: Vec<usize> = records.iter().map(number).collect();
        numbers.sort_unstable();
        self.batches.send(numbers).unwrap();
        self.doors.acquire().await.unwrap().forget();
        let away = self.outages.lock().unwrap().pop_front().is_some();
        if away { Err(Outage("the store is away".to_owned())) } else { Ok(()) }
    }

    async fn tick(&self) -> Result<(), Outage> {
        let left =
            self.tick_outages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { Err(Outage("the store is away".to_owned())) } else { Ok(()) }
    }
}

/// Counts how often the group is joined.
struct Counted {
    log: Arc<dyn Log>,
    joined: AtomicUsize,
}

#[async_trait]
impl Log for Counted {
    fn system(&self) -> &'static str {
        self.log.system()
    }

    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>> {
        self.log.republish(records).await
    }

    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.log.delete_before(topic, partition, offset).await
    }

    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>> {
        self.log.publish(records).await
    }

    async fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.log.start(topic, partition).await
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        self.joined.fetch_add(1, Ordering::Relaxed);
        self.log.subscribe(group, topics).await
    }

    async fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<(String, bool)>, LogError> {
        self.log.create_topics(topics).await
    }

    async fn describe(&self) -> Result<LogDescription, LogError> {
        self.log.describe().await
    }

    async fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<PartitionLag>, LogError> {
        self.log.lag(group, topics).await
    }

    async fn members(&self, group: &str) -> Result<Vec<GroupMember>, LogError> {
        self.log.members(group).await
    }

    async fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, LogError> {
        self.log.read(topic, partition, offset, max).await
    }

    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError> {
        self.log.tail(from).await
    }
}

/// A group of a topic of one partition with five records, and its worker.
struct Scene {
    log: Arc<Counted>,
    handler: Arc<Told>,
    batches: mpsc::UnboundedReceiver<Vec<usize>>,
    topic: String,
    group: String,
    stage: Stage,
    stop: CancellationToken,
}

const ALL: [usize; 5] = [0, 1, 2, 3, 4];

impl Scene {
    async fn set(fixture: &Fixture, outages: usize, doors: usize) -> Self {
        let (batches, told) = mpsc::unbounded_channel();
        let topic = fixture.topic(1).await;
        fixture.publish(numbered(&topic, 5, 1)).await;
        let handler = Told {
            batches,
            doors: Semaphore::new(doors),
            outages: Mutex::new((0..outages).collect()),
            tick_outages: AtomicUsize::new(0),
        };
        Self {
            log: Arc::new(Counted { log: Arc::clone(&fixture.log), joined: AtomicUsize::new(0) }),
            handler: Arc::new(handler),
            batches: told,
            topic,
            group: unique("group"),
            stage: Health::new().stage("worker"),
            stop: CancellationToken::new(),
        }
    }

    fn start(&self) -> JoinHandle<()> {
        let worker = Worker {
            log: Arc::clone(&self.log) as Arc<dyn Log>,
            group: self.group.clone(),
            topics: vec![self.topic.clone()],
            handler: Arc::clone(&self.handler) as Arc<dyn Handler>,
            stage: self.stage.clone(),
            batch: 100,
        };
        tokio::spawn(worker.run(self.stop.clone()))
    }

    async fn next_batch(&mut self) -> Vec<usize> {
        timeout(DEADLINE, self.batches.recv()).await.unwrap().unwrap()
    }

    fn open(&self, doors: usize) {
        self.handler.doors.add_permits(doors);
    }

    async fn committed(&self) -> Option<i64> {
        self.log.lag(&self.group, &[&self.topic]).await.unwrap().remove(0).committed
    }

    async fn until_committed(&self, offset: i64) {
        let reached = async {
            while self.committed().await != Some(offset) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, reached).await.unwrap();
    }
}

async fn a_batch_is_committed_only_after_it_was_handled(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 0, 0).await;
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    assert_eq!(scene.committed().await, None);
    scene.open(1);
    scene.until_committed(5).await;
    scene.stop.cancel();
    task.await.unwrap();
}

async fn an_outage_keeps_the_batch_and_commits_nothing(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 3, 0).await;
    let task = scene.start();
    for _ in 0..3 {
        assert_eq!(scene.next_batch().await, ALL);
        assert_eq!(scene.committed().await, None);
        scene.open(1);
    }
    assert_eq!(scene.next_batch().await, ALL);
    assert_eq!(scene.stage.report().state, State::Paused);
    assert_eq!(scene.log.joined.load(Ordering::Relaxed), 1);
    scene.open(1);
    scene.until_committed(5).await;
    scene.stop.cancel();
    task.await.unwrap();
}

/// A store that is away for a moment must not make the whole group hand its partitions round.
async fn an_outage_of_the_tick_does_not_cost_the_membership(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 0, 100).await;
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    scene.until_committed(5).await;
    scene.handler.tick_outages.store(3, Ordering::Relaxed);
    let waited_out = async {
        while scene.handler.tick_outages.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, waited_out).await.unwrap();
    fixture.publish(numbered(&scene.topic, 1, 1)).await;
    assert_eq!(scene.next_batch().await, [0]);
    assert_eq!(scene.log.joined.load(Ordering::Relaxed), 1);
    scene.stop.cancel();
    task.await.unwrap();
}

async fn stopping_finishes_and_commits_the_batch_in_hand(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 0, 0).await;
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    scene.stop.cancel();
    scene.open(1);
    task.await.unwrap();
    assert_eq!(scene.committed().await, Some(5));
}

async fn stopping_in_an_outage_leaves_the_batch_to_the_next(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 1, 0).await;
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    scene.stop.cancel();
    scene.open(1);
    task.await.unwrap();
    assert_eq!(scene.committed().await, None);
    scene.stop = CancellationToken::new();
    scene.open(1);
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    scene.until_committed(5).await;
    scene.stop.cancel();
    task.await.unwrap();
}

async fn killing_in_the_middle_leaves_the_batch_to_the_next(fixture: Fixture) {
    let mut scene = Scene::set(&fixture, 0, 0).await;
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(scene.committed().await, None);
    scene.open(1);
    let task = scene.start();
    assert_eq!(scene.next_batch().await, ALL);
    scene.until_committed(5).await;
    scene.stop.cancel();
    task.await.unwrap();
}
