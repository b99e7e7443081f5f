//! The `reservations` table.

use std::collections::BTreeMap;

use esteira_aggregate::WriteError;
use esteira_events::OrderId;
use esteira_sql::{Conn, bulk, on};
use sqlx::QueryBuilder;
use sqlx::types::Json;

use crate::domain::{Line, Reservation, ReservationState};
use crate::world::{Held, World};

esteira_sql::row! {
    struct Row {
        order_id: OrderId,
        state: String,
        order_lines: Json<Vec<Line>>,
    }
}

/// Loads and locks reservations, ids ascending.
pub(super) async fn load_for_update(
    conn: &mut Conn<'_>,
    order_ids: &[i64],
) -> Result<BTreeMap<OrderId, Held>, sqlx::Error> {
    let lock = conn.for_update();
    let mut held = BTreeMap::new();
    for list in bulk::key_lists(order_ids) {
        let rows: Vec<Row> = on!(conn, c => {
            let mut query = QueryBuilder::new("select order_id, state, order_lines from reservations where order_id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by order_id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        for row in rows {
            held.insert(row.order_id, row.into_held()?);
        }
    }
    Ok(held)
}

impl Row {
    fn into_held(self) -> Result<Held, sqlx::Error> {
        let state = ReservationState::parse(&self.state).ok_or_else(|| {
            sqlx::Error::Decode(format!("unknown reservation state {:?}", self.state).into())
        })?;
        let reservation = Reservation { state, lines: self.order_lines.0 };
        Ok(Held { reservation, stored: true, changed: false })
    }
}

/// Inserts new reservations and updates released ones. A reservation that another batch has inserted meanwhile
/// violates the primary key, and the redo finds it.
pub(super) async fn write(conn: &mut Conn<'_>, world: &World) -> Result<(), WriteError> {
    let (stored, new): (Vec<_>, Vec<_>) =
        world.reservations.iter().filter(|(_, held)| held.changed).partition(|(_, held)| held.stored);
    for chunk in bulk::chunks(&new) {
        on!(conn, c => {
            let mut query =
                QueryBuilder::new("insert into reservations (order_id, state, order_lines, created_at, updated_at) ");
            query.push_values(chunk, |mut row, (order_id, held)| {
                row.push_bind(**order_id)
                    .push_bind(held.reservation.state.as_str())
                    .push_bind(Json(held.reservation.lines.clone()))
                    .push_bind(world.at)
                    .push_bind(world.at);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    for list in bulk::key_lists(&stored.iter().map(|(order_id, _)| order_id.0).collect::<Vec<_>>()) {
        on!(conn, c => {
            let mut query = QueryBuilder::new("update reservations set state = ");
            // A stored reservation changes only by being released.
            query.push_bind(ReservationState::Released.as_str()).push(", updated_at = ").push_bind(world.at);
            query.push(" where order_id in ");
            bulk::push_list(&mut query, &list);
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
