//! The retry stores: the reactions' in the write store, the projector's beside the views.

use esteira_bus::Record;
use esteira_events::Topics;
use esteira_sql::{Db, on};
use esteira_views::{DocId, Document, Filter, PARKED, Query, Scalar, Sort, Views, ViewsError};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::people::People;
use crate::records::Redaction;

const PAGE: u32 = 200;

esteira_sql::row! {
    struct Row {
        id: String,
        record: Json<Record>,
        error: String,
    }
}

/// Takes them out of the records that reactions keep; how many had something of theirs.
pub(crate) async fn erase_of_reactions(
    db: &Db,
    people: &People,
    topics: &Topics,
    dry: bool,
) -> Result<u64, sqlx::Error> {
    let (mut after, mut erased) = (String::new(), 0);
    loop {
        let page: Vec<Row> = {
            let mut reader = db.read().await?;
            on!(&mut reader.conn(), c => {
                sqlx::query_as("select id, record, error from parked_records where id > ? order by id limit ?")
                    .bind(after.clone())
                    .bind(PAGE)
                    .fetch_all(&mut *c)
                    .await
            })?
        };
        let Some(last) = page.last() else { return Ok(erased) };
        after.clone_from(&last.id);
        for mut row in page {
            let changed = erase(people, topics, &mut row.record.0, &mut row.error);
            erased += u64::from(changed);
            if changed && !dry {
                write(db, row).await?;
            }
        }
    }
}

/// A row that is gone meanwhile stays gone.
async fn write(db: &Db, row: Row) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("update parked_records set record = ?, error = ? where id = ?")
            .bind(row.record)
            .bind(row.error)
            .bind(row.id)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    tx.commit().await
}

/// Takes them out of the records that projectors have parked; how many had something of theirs.
pub(crate) async fn erase_of_projectors(
    views: &dyn Views,
    people: &People,
    topics: &Topics,
    dry: bool,
) -> Result<u64, ViewsError> {
    let (mut after, mut erased) = (None, 0);
    loop {
        let query =
            Query { filters: Vec::new(), sort: Sort::ascending("_id"), after: after.take(), limit: PAGE };
        let page = views.find(&PARKED, &query).await?;
        let Some(last) = page.last() else { return Ok(erased) };
        after = Some((Scalar::Null, last.id.clone()));
        for document in page {
            let Some((filters, set)) = change(people, topics, &document) else { continue };
            erased += 1;
            if !dry {
                views.update_where(&PARKED, vec![(filters, set)]).await?;
            }
        }
    }
}

/// Never made anew, and only while it has this record: it may be applied meanwhile, another one may have its place, or an
/// operator may have put the word that there is none there.
fn change(
    people: &People,
    topics: &Topics,
    document: &Document,
) -> Option<(Vec<Filter>, esteira_views::Fields)> {
    let mut record: Record = serde_json::from_value(document.body.get("record")?.clone()).ok()?;
    let mut error = document.body.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (place, before) =
        (record.position(), document.body.get("record")?.get("value")?.as_str()?.to_owned());
    if !erase(people, topics, &mut record, &mut error) {
        return None;
    }
    let id = match &document.id {
        DocId::Int(id) => Scalar::from(*id),
        DocId::Text(id) => Scalar::from(id.as_str()),
    };
    let filters = vec![
        Filter::Eq("_id".to_owned(), id),
        Filter::eq("record.topic", record.topic.as_str()),
        Filter::eq("record.offset", place.offset),
        Filter::eq("record.value", before.as_str()),
    ];
    let Value::Object(mut fields) = serde_json::to_value(&record).ok()? else { return None };
    let mut set = esteira_views::Fields::new();
    set.insert("record.value".to_owned(), fields.remove("value").unwrap_or(Value::Null));
    if document.body.contains_key("error") {
        set.insert("error".to_owned(), json!(error));
    }
    Some((filters, set))
}

fn erase(people: &People, topics: &Topics, record: &mut Record, error: &mut String) -> bool {
    let found = Redaction { people, topics }.apply(record);
    let without = if found.concerned { people.without_names(error) } else { people.without_emails(error) };
    let changed = found.changed || without.is_some();
    if let Some(without) = without {
        *error = without;
    }
    changed
}

#[cfg(test)]
mod tests {
    use esteira_views::{ALL_COLLECTIONS, SqliteViews, Write};

    use super::*;

    fn parked(value: &Value) -> esteira_views::Fields {
        let record = Record {
            topic: "user.updated".to_owned(),
            partition: 0,
            offset: 7,
            timestamp_ms: None,
            key: Some(b"12".to_vec()),
            value: Some(value.to_string().into_bytes()),
            headers: Vec::new(),
        };
        [("record".to_owned(), serde_json::to_value(record).unwrap())].into_iter().collect()
    }

    #[tokio::test]
    async fn what_an_operator_puts_in_the_place_of_a_parked_event_meanwhile_stays() {
        let directory = tempfile::tempdir().unwrap();
        let views = SqliteViews::open(&directory.path().join("views.db")).await.unwrap();
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let id = DocId::Text("user:12:3".to_owned());
        let put =
            |value: &Value| vec![Write::Upsert { collection: &PARKED, id: id.clone(), set: parked(value) }];
        let hers = json!({"event_id": "0199aaaa-0000-7000-8000-000000000003", "occurred_at": "2026-11-22T12:43:00Z",
            "sequence": 3, "user": {"id": 12, "name": "Ana", "email": "ana@example.com"}});
        views.write(put(&hers)).await.unwrap();
        let document = views.get(&PARKED, std::slice::from_ref(&id)).await.unwrap().remove(0);
        let changes = || change(&People::new([12]), &Topics::default(), &document).unwrap();
        let given_up =
            json!({"event_id": "0199aaaa-0000-7000-8000-000000000004", "skipped": {"reason": "asked"}});
        views.write(put(&given_up)).await.unwrap();
        assert_eq!(views.update_where(&PARKED, vec![changes()]).await.unwrap(), 0);
        views.write(put(&hers)).await.unwrap();
        assert_eq!(views.update_where(&PARKED, vec![changes()]).await.unwrap(), 1);
    }
}
