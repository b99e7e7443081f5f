//! A platform whose belt is moved by hand, and a client of its live orders.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use axum::response::Response;
use esteira_bus::{EmbeddedLog, KafkaConfig, KafkaLog, Log, NewRecord, TopicSpec};
use esteira_events::{
    Event, EventMeta, EventType, OrderCanceled, OrderCreated, OrderData, OrderDeleted, OrderId, OrderPaid,
    OrderStatus, OrderUpdated, Payload, SCHEMA_VERSION, Topics, UserId,
};
use esteira_query_api::{LiveLimits, LiveOrders, QueryState};
use esteira_sql::{Money, Timestamp};
use esteira_testkit::{DEADLINE, eventually};
use esteira_views::{ORDERS, TOMBSTONES};
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use crate::client::{Answer, Api, get, order};

/// Runs each scenario on every event log.
macro_rules! on_every_log {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(crate::stream::Belt::embedded().await).await;
            })+
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                if let Some(belt) = crate::stream::Belt::kafka().await {
                    super::$scenario(belt).await;
                }
            })+
        }
    };
}
pub(crate) use on_every_log;

/// Quick enough for a test.
pub(crate) const LIMITS: LiveLimits = LiveLimits {
    streams: 8,
    behind: 1_024,
    keep_alive: Duration::from_mins(1),
    linger: Duration::from_mins(1),
};

/// An event log with the orders' topics.
pub(crate) struct Belt {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) topics: Topics,
    pub(crate) group: String,
    _directory: TempDir,
}

impl Belt {
    pub(crate) async fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        Self::on(Arc::new(log), directory).await
    }

    pub(crate) async fn kafka() -> Option<Self> {
        let brokers = esteira_testkit::engine("Kafka", "KAFKA_BROKERS")?;
        let log = KafkaLog::connect(&KafkaConfig::new(brokers)).unwrap();
        Some(Self::on(Arc::new(log), tempfile::tempdir().unwrap()).await)
    }

    async fn on(log: Arc<dyn Log>, directory: TempDir) -> Self {
        let prefix = format!("test.{}.", Uuid::new_v4().simple());
        let topics = Topics::with_prefix(prefix.as_str());
        let spec = |name| TopicSpec { name, partitions: 2, replication: -1, config: Vec::new() };
        let specs: Vec<_> = topics.names(&EventType::ALL).into_iter().map(spec).collect();
        log.create_topics(&specs).await.unwrap();
        let belt = Self { log, topics, group: format!("{prefix}query-consumer"), _directory: directory };
        belt.settled().await;
        belt
    }

    /// A broker takes a moment to lead the partitions that it has made.
    async fn settled(&self) {
        let names = self.topics.names(&EventType::ALL);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        eventually("the partitions have leaders", async || {
            let lags = self.log.lag(&self.group, &names).await.ok()?;
            (lags.len() == 2 * names.len()).then_some(())
        })
        .await;
    }

    /// The projector's group commits the first `count` records.
    pub(crate) async fn projector_reads(&self, count: usize) {
        let topics = self.topics.names(&EventType::ALL);
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        let mut projector = self.log.subscribe(&self.group, &topics).await.unwrap();
        let mut read = Vec::new();
        while read.len() < count {
            read.extend(projector.take(count - read.len(), DEADLINE).await.unwrap());
        }
        projector.commit(&read).await.unwrap();
        projector.close().await;
    }

    /// A query service on this log, with views of its own.
    pub(crate) async fn api(&self, limits: LiveLimits) -> Api {
        self.api_until(limits, CancellationToken::new()).await
    }

    pub(crate) async fn api_until(&self, limits: LiveLimits, stop: CancellationToken) -> Api {
        Api::with(|state| {
            let (log, views) = (Arc::clone(&self.log), Arc::clone(&state.views));
            let live = LiveOrders::new(log, views, self.topics.clone(), self.group.clone(), None);
            QueryState { live: Some(Arc::new(live.limited(limits).until(stop))), ..state }
        })
        .await
    }

    /// Puts the event that makes `order` reach `sequence` into the log; the views do not show it yet.
    pub(crate) async fn publish(&self, order: i64, sequence: i64, payload: Payload) {
        let meta = EventMeta {
            event_id: Uuid::now_v7(),
            occurred_at: Timestamp::now(),
            sequence: Some(sequence),
            schema_version: SCHEMA_VERSION,
        };
        let event = Event { meta, payload };
        let record = NewRecord {
            topic: self.topics.name(event.event_type()),
            key: Some(order.to_string().into()),
            value: Some(event.encode().unwrap().into()),
            headers: Vec::new(),
        };
        self.log.publish(vec![record]).await.pop().unwrap().unwrap();
    }

    pub(crate) async fn created(&self, order: i64) {
        let order = OrderData {
            id: OrderId(order),
            user_id: UserId(1),
            status: OrderStatus::Created,
            total_amount: Money::from_f64(9.9).unwrap(),
            items: Vec::new(),
            user: None,
        };
        self.publish(order.id.0, 1, Payload::OrderCreated(OrderCreated { order })).await;
    }

    pub(crate) async fn paid(&self, order: i64, sequence: i64) {
        let paid = OrderPaid { order_id: OrderId(order), payment_method: None };
        self.publish(order, sequence, Payload::OrderPaid(paid)).await;
    }

    pub(crate) async fn updated(&self, order: i64, sequence: i64) {
        let updated = OrderUpdated {
            order_id: OrderId(order),
            status: OrderStatus::Processing,
            reservation: None,
            refund_due: None,
            refund_reference: None,
        };
        self.publish(order, sequence, Payload::OrderUpdated(updated)).await;
    }

    pub(crate) async fn canceled(&self, order: i64, sequence: i64) {
        let canceled = OrderCanceled {
            order_id: OrderId(order),
            reason: String::new(),
            refund_due: None,
            reservation: None,
        };
        self.publish(order, sequence, Payload::OrderCanceled(canceled)).await;
    }

    pub(crate) async fn deleted(&self, order: i64, sequence: i64) {
        let deleted = OrderDeleted { order_id: OrderId(order) };
        self.publish(order, sequence, Payload::OrderDeleted(deleted)).await;
    }

    /// An order of user 1, created and shown.
    pub(crate) async fn placed(&self, api: &Api, order: i64) {
        self.created(order).await;
        show(api, order, 1, 1, "CREATED").await;
    }
}

/// What the projector does.
pub(crate) async fn show(api: &Api, id: i64, user: i64, version: i64, status: &str) {
    let mut document = order(id, user, status, 9.9, &[5]);
    document["version"] = json!(version);
    api.given(&ORDERS, id, document).await;
}

pub(crate) async fn bury(api: &Api, id: i64, version: i64) {
    let tombstone = json!({ "aggregate": "order", "aggregate_id": id, "version": version });
    api.given(&TOMBSTONES, format!("order:{id}"), tombstone).await;
}

/// One event of a stream; a comment has no name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
    pub(crate) comment: String,
}

impl Told {
    /// The order's id, version and status.
    pub(crate) fn order(&self) -> (i64, i64, &str) {
        assert_eq!(self.name, "order", "{self:?}");
        let number = |field: &str| self.data[field].as_i64().unwrap();
        (number("id"), number("version"), self.data["status"].as_str().unwrap())
    }

    pub(crate) fn removed(&self) -> (i64, i64, bool) {
        assert_eq!(self.name, "removed", "{self:?}");
        let number = |field: &str| self.data[field].as_i64().unwrap();
        (number("id"), number("version"), self.data["deleted"].as_bool().unwrap())
    }
}

/// A client of a stream.
pub(crate) struct Listener {
    body: BodyDataStream,
    text: String,
}

pub(crate) async fn ask(api: &Api, path: &str, last: Option<&str>) -> Response {
    let mut request = Request::get(path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

impl Listener {
    pub(crate) async fn open(api: &Api, path: &str, last: Option<&str>) -> Self {
        let response = ask(api, path, last).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// A stream from now on, and the id that it starts with.
    pub(crate) async fn new(api: &Api, path: &str) -> (Self, String) {
        Self::after(api, path, None).await
    }

    pub(crate) async fn after(api: &Api, path: &str, last: Option<&str>) -> (Self, String) {
        let mut listener = Self::open(api, path, last).await;
        let ready = listener.next().await.unwrap();
        assert_eq!((ready.name.as_str(), &ready.data), ("ready", &json!({})));
        assert!(!ready.id.is_empty());
        (listener, ready.id)
    }

    /// The next event or comment, `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        while !self.text.contains("\n\n") {
            let piece = timeout(DEADLINE, self.body.next()).await.expect("an event came in time")?;
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let told = parse(event);
        self.text = rest.into();
        Some(told)
    }

    pub(crate) async fn event(&mut self) -> Told {
        self.next().await.unwrap()
    }
}

fn parse(event: &str) -> Told {
    let mut told = Told::default();
    for line in event.lines() {
        let (field, value) = line.split_once(": ").or_else(|| line.split_once(':')).unwrap();
        match field {
            "event" => value.clone_into(&mut told.name),
            "id" => value.clone_into(&mut told.id),
            "data" => told.data = serde_json::from_str(value).unwrap(),
            "" => value.clone_into(&mut told.comment),
            other => assert_eq!(other, "retry"),
        }
    }
    told
}

pub(crate) async fn refusal(api: &Api, path: &str, last: &str) -> Answer {
    let response = ask(api, path, Some(last)).await;
    assert!(!response.status().is_success());
    crate::client::answer(response).await
}

pub(crate) async fn plain(api: &Api, path: &str) -> Answer {
    get(&api.router, path, None).await
}
