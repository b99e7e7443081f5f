//! The decisions, a row a letter.

use std::collections::HashMap;

use esteira_bus::LetterId;
use esteira_sql::{Db, Timestamp, bulk, on};
use sqlx::QueryBuilder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Redrive,
    Discard,
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Redrive, Self::Discard].into_iter().find(|decision| decision.as_str() == text)
    }
}

esteira_sql::row! {
    /// A row of `dead_letter_decisions`.
    struct Row {
        letter: String,
        decision: String,
        reason: String,
    }
}

/// The decisions about `letters`, with their reasons.
pub(crate) async fn of(
    db: &Db,
    letters: &[String],
) -> Result<HashMap<String, (Decision, String)>, sqlx::Error> {
    let mut reader = db.read().await?;
    let texts: Vec<&str> = letters.iter().map(String::as_str).collect();
    let mut found = HashMap::new();
    for list in bulk::key_lists(&texts) {
        let rows: Vec<Row> = on!(&mut reader.conn(), c => {
            let mut query = QueryBuilder::new("select letter, decision, reason from dead_letter_decisions where letter in ");
            bulk::push_texts(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        let known = |row: Row| Some((row.letter, (Decision::parse(&row.decision)?, row.reason)));
        found.extend(rows.into_iter().filter_map(known));
    }
    Ok(found)
}

/// Records what was decided; the last decision counts.
pub(crate) async fn record(
    db: &Db,
    letter: &LetterId,
    decision: Decision,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let reason: String = reason.chars().take(1_000).collect();
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query(
            "replace into dead_letter_decisions (letter, decision, reason, decided_at) values (?, ?, ?, ?)",
        )
        .bind(letter.to_string())
        .bind(decision.as_str())
        .bind(reason)
        .bind(Timestamp::now())
        .execute(&mut *c)
        .await
        .map(drop)
    })?;
    tx.commit().await
}
