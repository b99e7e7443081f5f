//! The view: a projection folds the events into what is shown.

use esteira_sql::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::EventRow;

/// A user's points, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Statement {
    #[schema(example = 70)]
    pub points: i64,
    #[schema(example = 30)]
    pub redeemed: i64,
    pub closed: bool,
    pub changed_at: Option<Timestamp>,
}

/// The view after `event`.
#[must_use]
pub fn project(view: Statement, event: &EventRow) -> Statement {
    let view = Statement { changed_at: Some(event.occurred_at), ..view };
    match event.kind.as_str() {
        "opened" => Statement { points: event.points, ..view },
        "redeemed" => {
            Statement { points: view.points - event.points, redeemed: view.redeemed + event.points, ..view }
        }
        "closed" => Statement { points: 0, closed: true, ..view },
        // A later version of this service knows it.
        _ => view,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_the_fold_of_its_events() {
        let at = Timestamp::now();
        let event = |kind: &str, points| EventRow { kind: kind.to_owned(), points, occurred_at: at };
        let events = [event("opened", 100), event("redeemed", 30), event("gilded", 1)];
        let statement = events.iter().fold(Statement::default(), project);
        assert_eq!((statement.points, statement.redeemed, statement.closed), (70, 30, false));
        assert!(project(statement, &event("closed", 0)).closed);
    }
}
