//! The log's ceiling: librdkafka's own producer, as the platform configures it, with everything at hand.

use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use esteira_bus::{KafkaConfig, NewRecord};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::progress::Progress;

const FLUSH: Duration = Duration::from_mins(2);
const FULL: Duration = Duration::from_millis(1);

/// Records a second, until the last is acknowledged.
#[expect(clippy::cast_precision_loss, reason = "a count of records")]
pub async fn produce(
    config: &KafkaConfig,
    records: &[NewRecord],
    progress: &Progress,
) -> anyhow::Result<f64> {
    let producer: ThreadedProducer<DefaultProducerContext> = config.producer().create()?;
    let started = Instant::now();
    for (sent, record) in records.iter().enumerate() {
        let mut message = to_kafka(record)?;
        while let Err((error, again)) = producer.send(message) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(error.into());
            }
            message = again;
            progress.at(sent as u64);
            tokio::time::sleep(FULL).await;
        }
    }
    // A blocking call, of which nothing else here takes notice.
    let left =
        tokio::task::spawn_blocking(move || producer.flush(FLUSH).map(|()| producer.in_flight_count()));
    if left.await?? > 0 {
        bail!("librdkafka has not sent everything");
    }
    Ok(records.len() as f64 / started.elapsed().as_secs_f64())
}

fn to_kafka(record: &NewRecord) -> anyhow::Result<BaseRecord<'_, [u8], [u8]>> {
    let key = record.key.as_deref().ok_or_else(|| anyhow!("a record has no key"))?;
    let value = record.value.as_deref().ok_or_else(|| anyhow!("a record has no value"))?;
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |all, header| {
        all.insert(Header { key: &header.name, value: header.value.as_ref() })
    });
    Ok(BaseRecord::to(&record.topic).key(key).payload(value).headers(headers))
}
