//! Publishing: enqueue everything in order, then wait for every acknowledgement.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::producer::future_producer::{DeliveryFuture, FutureProducer};
use tokio::time::{Instant, sleep};

use super::config::BATCH_BYTES;
use super::context::LogContext;
use super::convert::to_kafka;
use super::errors::{invalid, may_be_a_neighbours_fault, publish_error};
use crate::record::Placed;
use crate::rules::{batch_bytes, check_record};
use crate::{LogError, Position, PublishError};

/// How long to wait for room in librdkafka's queue, and how often to look.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
const QUEUE_RETRY: Duration = Duration::from_millis(5);

type Client = FutureProducer<LogContext>;
type Answer = Result<Position, PublishError>;

/// An idempotent producer that is made anew once librdkafka has declared it dead.
pub(super) struct Producer {
    config: ClientConfig,
    client: Mutex<Client>,
}

enum Sent {
    Underway(DeliveryFuture),
    Refused(PublishError),
}

impl Producer {
    pub(super) fn new(config: ClientConfig) -> Result<Self, LogError> {
        let client = config.create_with_context(LogContext::default()).map_err(|error| invalid(&error))?;
        Ok(Self { config, client: Mutex::new(client) })
    }

    pub(super) async fn publish(&self, records: &[Placed]) -> Vec<Answer> {
        let client = self.client();
        let sent = send_all(&client, records).await;
        let outcomes = join_all(sent.into_iter().map(outcome_of)).await;
        let mut answers = Vec::with_capacity(records.len());
        for (record, outcome) in records.iter().zip(outcomes) {
            answers.push(match outcome {
                Outcome::Done(answer) => answer,
                Outcome::Failed(error) if worth_sending_alone(record, &error) => {
                    send_alone(&client, record).await
                }
                Outcome::Failed(error) => Err(publish_error(&error)),
            });
        }
        answers
    }

    /// After a fatal error an idempotent producer refuses everything, for good.
    fn client(&self) -> Client {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = client.client().fatal_error() {
            match self.config.create_with_context(LogContext::default()) {
                Ok(fresh) => {
                    tracing::warn!(%code, reason, "kafka producer replaced after a fatal error");
                    *client = fresh;
                }
                Err(error) => tracing::error!(%error, "kafka producer could not be replaced"),
            }
        }
        client.clone()
    }
}

/// A record smaller than a batch may have been refused for the batch it was in.
fn worth_sending_alone(record: &Placed, error: &KafkaError) -> bool {
    may_be_a_neighbours_fault(error) && batch_bytes(&record.record) < BATCH_BYTES
}

async fn send_alone(client: &Client, record: &Placed) -> Answer {
    match outcome_of(send(client, record).await).await {
        Outcome::Done(answer) => answer,
        Outcome::Failed(error) => Err(publish_error(&error)),
    }
}

/// Hands every record to librdkafka in order. Once one finds no room in time, those after it are not tried, or they
/// would overtake it.
async fn send_all(client: &Client, records: &[Placed]) -> Vec<Sent> {
    let mut sent = Vec::with_capacity(records.len());
    for record in records {
        let outcome = match sent.last() {
            Some(Sent::Refused(PublishError::Unavailable(reason))) => {
                Sent::Refused(PublishError::Unavailable(reason.clone()))
            }
            Some(_) | None => send(client, record).await,
        };
        sent.push(outcome);
    }
    sent
}

async fn send(client: &Client, record: &Placed) -> Sent {
    if let Err(reason) = check_record(&record.record) {
        return Sent::Refused(PublishError::Rejected(reason));
    }
    let deadline = Instant::now() + QUEUE_WAIT;
    let mut message = to_kafka(record);
    loop {
        match client.send_result(message) {
            Ok(delivery) => return Sent::Underway(delivery),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again))
                if Instant::now() < deadline =>
            {
                message = again;
                sleep(QUEUE_RETRY).await;
            }
            Err((error, _)) => return Sent::Refused(publish_error(&error)),
        }
    }
}

enum Outcome {
    Done(Answer),
    Failed(KafkaError),
}

async fn outcome_of(sent: Sent) -> Outcome {
    match sent {
        Sent::Refused(error) => Outcome::Done(Err(error)),
        Sent::Underway(delivery) => match delivery.await {
            Ok(Ok(at)) => Outcome::Done(Ok(Position { partition: at.partition, offset: at.offset })),
            Ok(Err((error, _))) => Outcome::Failed(error),
            Err(_) => Outcome::Done(Err(PublishError::Unavailable("producer stopped".to_owned()))),
        },
    }
}
