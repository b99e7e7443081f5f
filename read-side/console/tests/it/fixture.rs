//! A console over files of its own, and a browser's requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use esteira_bus::dlq::RetryStore;
use esteira_bus::{EmbeddedLog, Group, Handler, Header, Log, NewRecord, TopicSpec};
use esteira_console::{Console, Guard};
use esteira_dead_letters::DeadLetters;
use esteira_events::{AggregateKind, EventType, Topics};
use esteira_projector::{GROUP, Projector, TOPICS};
use esteira_sql::Db;
use esteira_sql::schema::{Schema, migrate};
use esteira_telemetry::Health;
use esteira_views::{ALL_COLLECTIONS, SqliteViews, Views};
use esteira_web::Limits;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::watched::Watched;

pub(crate) const HOST: &str = "127.0.0.1:8087";
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8087";
pub(crate) const TOKEN: &str = "a long token";

pub(crate) struct Fixture {
    pub(crate) router: Router,
    pub(crate) db: Db,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) views: Arc<Watched>,
    pub(crate) health: Health,
    pub(crate) stop: CancellationToken,
    projector: Arc<Projector>,
    /// What a browser keeps.
    pub(crate) cookie: Option<String>,
    _directory: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// Panics unless `text` is in the page.
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{} does not show {text:?}: {}", self.status, self.body);
        self
    }
}

fn schemas() -> Vec<Schema> {
    vec![
        esteira_outbox::SCHEMA,
        esteira_aggregate::SCHEMA,
        esteira_reactions::SCHEMA,
        esteira_users::SCHEMA,
        esteira_products::SCHEMA,
        esteira_orders::SCHEMA,
        esteira_dead_letters::SCHEMA,
    ]
}

impl Fixture {
    /// Without a token, on this machine only.
    pub(crate) async fn new() -> Self {
        Self::guarded_by(Guard::new([], "127.0.0.1")).await
    }

    /// With a token, and nobody signed in.
    pub(crate) async fn with_token() -> Self {
        Self::guarded_by(Guard::new([TOKEN], "0.0.0.0")).await
    }

    pub(crate) async fn guarded_by(guard: Guard) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let db = Db::sqlite(&file("store.db")).await.unwrap();
        migrate(&db, &schemas()).await.unwrap();
        let log = Arc::new(EmbeddedLog::open(&file("log.db")).await.unwrap());
        let topics = Topics::default();
        let names = topics.names(&EventType::ALL);
        let names = names.iter().cloned().chain(names.iter().map(|name| Topics::dead_letters(name)));
        let spec = |name| TopicSpec { name, partitions: 3, replication: -1, config: Vec::new() };
        log.create_topics(&names.map(spec).collect::<Vec<_>>()).await.unwrap();
        let views = Arc::new(Watched::new(SqliteViews::open(&file("views.db")).await.unwrap()));
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let projector = Arc::new(Projector::new(
            Arc::clone(&views) as Arc<dyn Views>,
            Arc::clone(&log) as Arc<dyn Log>,
            Some(db.clone()),
            topics.clone(),
            GROUP.to_owned(),
        ));
        let letters = DeadLetters {
            log: Arc::clone(&log) as Arc<dyn Log>,
            topics: topics.clone(),
            db: db.clone(),
            stores: vec![Arc::clone(&projector) as Arc<dyn RetryStore>],
        };
        let (health, stop) = (Health::new(), CancellationToken::new());
        let console = Console {
            letters,
            views: Arc::clone(&views) as Arc<dyn Views>,
            projector: Arc::clone(&projector),
            groups: vec![Group { name: GROUP.to_owned(), topics: topics.names(&TOPICS) }],
            schemas: schemas(),
            health: health.clone(),
            guard,
            stop: stop.clone(),
        };
        let router = esteira_console::router(Router::new(), console, &Limits::default());
        Self { router, db, log, views, health, stop, projector, cookie: None, _directory: directory }
    }

    pub(crate) async fn sign_in(&mut self) {
        let answer = self.post("/sign-in", &[("token", TOKEN)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    /// A request as a browser sends it, of which `change` makes another one.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: String,
        change: impl FnOnce(&mut HeaderMap),
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let headers = request.headers_mut();
        headers.insert(header::HOST, HOST.parse().unwrap());
        headers.insert(header::ACCEPT, "text/html,application/xhtml+xml".parse().unwrap());
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, cookie.parse().unwrap());
        }
        change(headers);
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        read(self.send(Method::GET, path, String::new(), |_| {}).await).await
    }

    /// Sends the form as a page of the console would.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token().await;
        let mut form = vec![("form_token", token.as_str())];
        form.extend(fields);
        self.post_from(path, ORIGIN, &form).await
    }

    pub(crate) async fn post_from(&self, path: &str, origin: &str, form: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(form).unwrap();
        let change = |headers: &mut HeaderMap| {
            headers.insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
            if !origin.is_empty() {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
        };
        read(self.send(Method::POST, path, body, change).await).await
    }

    /// What the forms of this visitor's pages have; empty for whoever sees none.
    pub(crate) async fn form_token(&self) -> String {
        let page = self.get("/operations").await.body;
        let value = page.split("name=\"form_token\" value=\"").nth(1);
        value.map(|rest| rest.split('"').next().unwrap().to_owned()).unwrap_or_default()
    }

    /// Appends an event to the outbox, as a service does, with its value as it stands.
    pub(crate) async fn stored(&self, event: EventType, id: i64, sequence: i64, value: &Value) -> i64 {
        let kind: AggregateKind = event.aggregate();
        let mut tx = self.db.begin().await.unwrap();
        let row = esteira_sql::on!(&mut tx.conn(), c => {
            esteira_sql::sqlx::query_scalar(
                "insert into outbox (aggregate, aggregate_id, sequence, event_type, event_id, payload) values (?, ?, ?, ?, ?, ?) returning id",
            )
            .bind(kind.as_str())
            .bind(id)
            .bind(sequence)
            .bind(event.as_str())
            .bind(value["event_id"].as_str().unwrap().to_owned())
            .bind(value.to_string())
            .fetch_one(&mut *c)
            .await
        });
        tx.commit().await.unwrap();
        row.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut tx = self.db.begin().await.unwrap();
        esteira_sql::on!(&mut tx.conn(), c => esteira_sql::sqlx::query(sql).execute(&mut *c).await.map(drop))
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Publishes a record and lets the projector have it; where it is.
    pub(crate) async fn published(&self, event: EventType, key: &[u8], value: &[u8]) -> String {
        let record = NewRecord {
            topic: event.as_str().to_owned(),
            key: Some(key.to_vec()),
            value: Some(value.to_vec()),
            headers: vec![
                Header::text("ce_type", event.as_str()),
                Header::text("odd", "<script>alert(2)</script>"),
            ],
        };
        let at = self.log.publish(vec![record]).await.remove(0).unwrap();
        let records = self.log.read(event.as_str(), at.partition, at.offset, 1).await.unwrap();
        self.projector.handle(&records).await.unwrap();
        format!("{event}/{}/{}", at.partition, at.offset)
    }

    /// What is left of a dead letter after the projector has had its turn.
    pub(crate) async fn tick(&self) {
        self.projector.tick().await.unwrap();
    }

    /// A user that was made, published and applied.
    pub(crate) async fn user(&self, id: i64, name: &str) {
        let value = user(EventType::UserCreated, id, 1, name);
        self.stored(EventType::UserCreated, id, 1, &value).await;
        self.published(EventType::UserCreated, id.to_string().as_bytes(), value.to_string().as_bytes()).await;
    }

    /// A dead letter of user 7, of which nothing can be read; where it is.
    pub(crate) async fn dead_letter(&self) -> String {
        self.published(EventType::UserUpdated, b"7", b"\xff<script>alert(1)</script>").await;
        self.letter("user.updated.dlq").await
    }

    /// The newest letter of a queue.
    pub(crate) async fn letter(&self, queue: &str) -> String {
        for partition in 0..3 {
            if let Some(letter) = self.log.read(queue, partition, 0, 100).await.unwrap().pop() {
                return format!("{queue}/{partition}/{}", letter.offset);
            }
        }
        panic!("{queue} is empty");
    }
}

pub(crate) fn user(event: EventType, id: i64, sequence: i64, name: &str) -> Value {
    let event_id = uuid::Uuid::now_v7();
    json!({"event_id": event_id, "occurred_at": "2026-11-22T12:43:00.000Z", "sequence": sequence, "schema_version": 1,
        "user": {"id": id, "name": name, "email": format!("{id}@example.com")}, "note": event.as_str()})
}

pub(crate) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes: Bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
}
