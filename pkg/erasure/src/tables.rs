//! The other tables: kept answers, what was given up, decisions.

use std::collections::BTreeSet;

use esteira_bus::LetterId;
use esteira_sql::{Db, on};
use serde_json::{Map, Value};
use sqlx::types::Json;

use crate::people::People;

const PAGE: u32 = 500;

/// Takes them out of the answers that are kept for retries, which otherwise stay: a retry must not do a thing twice.
pub(crate) async fn erase_answers(db: &Db, people: &People, dry: bool) -> Result<u64, sqlx::Error> {
    let (mut after, mut erased) = (String::new(), 0);
    loop {
        let page: Vec<(String, Json<Value>)> = {
            let mut reader = db.read().await?;
            on!(&mut reader.conn(), c => {
                sqlx::query_as(
                    "select scope, answer from idempotency_keys where scope > ? and answer like '%\"email\"%' order by scope limit ?",
                )
                .bind(after.clone())
                .bind(PAGE)
                .fetch_all(&mut *c)
                .await
            })?
        };
        let Some((last, _)) = page.last() else { return Ok(erased) };
        after.clone_from(last);
        for (scope, Json(mut answer)) in page {
            let changed = erase_answer(people, &mut answer);
            erased += u64::from(changed);
            if changed && !dry {
                let sql = "update idempotency_keys set answer = ? where scope = ?";
                update(db, sql, answer.to_string(), scope).await?;
            }
        }
    }
}

fn erase_answer(people: &People, answer: &mut Value) -> bool {
    let Some((id, mut user)) = take_snapshot(answer) else { return people.erase(answer).changed };
    let changed = people.erase(answer).changed;
    // As everywhere else, a user tells its id: somebody else may have their email by now.
    user.insert("id".to_owned(), id);
    let mut wrapped = serde_json::json!({ "user": user });
    let of_user = people.erase(&mut wrapped).changed;
    if let (Some(Value::Object(user)), Some(state)) = (wrapped.get_mut("user"), answer.pointer_mut(SNAPSHOT))
    {
        user.remove("id");
        *state = Value::Object(std::mem::take(user));
    }
    changed | of_user
}

const SNAPSHOT: &str = "/done/state";

/// A user as a command left it, and the id, which stands outside.
fn take_snapshot(answer: &mut Value) -> Option<(Value, Map<String, Value>)> {
    let id = answer.pointer("/done/id")?.clone();
    let user = answer.pointer_mut(SNAPSHOT)?.as_object_mut()?;
    user.contains_key("email").then(|| (id, std::mem::take(user)))
}

/// Takes them out of the events that operators gave up.
pub(crate) async fn erase_skipped(db: &Db, people: &People, dry: bool) -> Result<u64, sqlx::Error> {
    let (mut after, mut erased) = (0, 0);
    loop {
        let page: Vec<(i64, String, String)> = {
            let mut reader = db.read().await?;
            on!(&mut reader.conn(), c => {
                sqlx::query_as("select outbox_id, payload, reason from outbox_skipped where outbox_id > ? order by outbox_id limit ?")
                    .bind(after)
                    .bind(PAGE)
                    .fetch_all(&mut *c)
                    .await
            })?
        };
        let Some((last, ..)) = page.last() else { return Ok(erased) };
        after = *last;
        for (id, payload, reason) in page {
            let Some((payload, reason)) = without(people, &payload, &reason) else { continue };
            erased += 1;
            if !dry {
                write_skipped(db, id, payload, reason).await?;
            }
        }
    }
}

/// What is left of an event that was given up and of why; `None` where nothing of theirs is in it.
fn without(people: &People, payload: &str, reason: &str) -> Option<(String, String)> {
    let mut json: Option<Value> = serde_json::from_str(payload).ok();
    let found = json.as_mut().map(|json| people.erase(json)).unwrap_or_default();
    let erased = match json.filter(|_| found.changed) {
        Some(json) => Some(json.to_string()),
        None => people.without_emails(payload),
    };
    let why = if found.concerned { people.without_names(reason) } else { people.without_emails(reason) };
    if erased.is_none() && why.is_none() {
        return None;
    }
    Some((erased.unwrap_or_else(|| payload.to_owned()), why.unwrap_or_else(|| reason.to_owned())))
}

async fn write_skipped(db: &Db, id: i64, payload: String, reason: String) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("update outbox_skipped set payload = ?, reason = ? where outbox_id = ?")
            .bind(payload)
            .bind(reason)
            .bind(id)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    tx.commit().await
}

/// Takes them out of the reasons of decisions about dead letters; `letters` are about them.
pub(crate) async fn erase_decisions(
    db: &Db,
    people: &People,
    letters: &BTreeSet<LetterId>,
    dry: bool,
) -> Result<u64, sqlx::Error> {
    let about: BTreeSet<String> = letters.iter().map(LetterId::to_string).collect();
    let (mut after, mut erased) = (String::new(), 0);
    loop {
        let page: Vec<(String, String)> = {
            let mut reader = db.read().await?;
            on!(&mut reader.conn(), c => {
                sqlx::query_as("select letter, reason from dead_letter_decisions where letter > ? order by letter limit ?")
                    .bind(after.clone())
                    .bind(PAGE)
                    .fetch_all(&mut *c)
                    .await
            })?
        };
        let Some((last, _)) = page.last() else { return Ok(erased) };
        after.clone_from(last);
        for (letter, reason) in page {
            let theirs = about.contains(&letter);
            let without = if theirs { people.without_names(&reason) } else { people.without_emails(&reason) };
            let Some(without) = without else { continue };
            erased += 1;
            if !dry {
                let sql = "update dead_letter_decisions set reason = ? where letter = ?";
                update(db, sql, without, letter).await?;
            }
        }
    }
}

async fn update(db: &Db, sql: &'static str, text: String, key: String) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => sqlx::query(sql).bind(text).bind(key).execute(&mut *c).await.map(drop))?;
    tx.commit().await
}
