use esteira_sql::{Money, Timestamp};
use esteira_views::{
    ALL_COLLECTIONS, DocId, Document, Guard, ORDERS, OrderItemView, OrderView, Outcome, PRODUCTS,
    ProductFacet, ProductView, TOMBSTONES, Tombstone, USERS, UserFacet, UserView, Write, from_document,
    to_document, tombstone_id,
};
use serde_json::json;

use crate::engines::{Store, fields};

fn cents(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

fn order() -> OrderView {
    let at = Timestamp::from_millis(1_795_351_389_055).unwrap();
    let product = ProductFacet { id: 1, name: "Notebook".into(), price: cents(350_000), stock: 10 };
    OrderView {
        id: 12,
        user_id: 1,
        status: "PAID".into(),
        total_amount: cents(367_980),
        user: UserFacet {
            id: 1,
            name: "Ana".into(),
            email: "ana@example.com".into(),
            version: 3,
            revision: 0,
        },
        items: vec![OrderItemView { product_id: 1, quantity: 1, unit_price: cents(350_000), product }],
        created_at: at,
        updated_at: at,
        paid_at: Some(at),
        canceled_at: None,
        cancel_reason: None,
        payment_method: Some("PIX".into()),
        refund_due: None,
        refund_reference: None,
        reservation: "RESERVED".into(),
        version: 4,
        revision: 1,
        applied: Some(vec!["a".into()]),
        incomplete: Some(1),
    }
}

async fn models_come_back_as_they_were(store: Store) {
    store.prepare(ALL_COLLECTIONS).await.unwrap();
    let Document { id, body } = to_document(&order()).unwrap();
    assert!(!body.contains_key("id") && !body.contains_key("canceled_at"));
    let write = Write::Put { collection: &ORDERS, id, guard: Guard::Absent, set: body };
    assert_eq!(store.write(vec![write]).await.unwrap(), [Outcome::Applied]);
    let found = store.get(&ORDERS, &[DocId::Int(12)]).await.unwrap().pop().unwrap();
    assert_eq!(from_document::<OrderView>(found).unwrap(), order());

    let tombstone = Tombstone {
        id: "order:12".into(),
        aggregate: "order".into(),
        aggregate_id: 12,
        version: 5,
        deleted_at: Timestamp::from_millis(1_795_351_389_055).unwrap(),
    };
    let Document { id, body } = to_document(&tombstone).unwrap();
    assert_eq!(id, tombstone_id("order", 12));
    store.write(vec![Write::Upsert { collection: &TOMBSTONES, id: id.clone(), set: body }]).await.unwrap();
    let found = store.get(&TOMBSTONES, &[id]).await.unwrap().pop().unwrap();
    assert_eq!(from_document::<Tombstone>(found).unwrap(), tombstone);
}

async fn documents_with_almost_nothing_are_readable(store: Store) {
    store.prepare(ALL_COLLECTIONS).await.unwrap();
    for collection in [&USERS, &PRODUCTS, &ORDERS] {
        let set = fields(
            json!({ "name": null, "items": [{}], "user": { "name": null }, "total_amount": 269.700_000_000_000_05 }),
        );
        store.write(vec![Write::Upsert { collection, id: DocId::Int(1), set }]).await.unwrap();
    }
    let mut read = Vec::new();
    for collection in [&USERS, &PRODUCTS, &ORDERS] {
        read.push(store.get(collection, &[DocId::Int(1)]).await.unwrap().pop().unwrap());
    }
    let order: OrderView = from_document(read.pop().unwrap()).unwrap();
    assert_eq!((order.total_amount, order.items.len(), order.version), (cents(26_970), 1, 0));
    assert_eq!(from_document::<ProductView>(read.pop().unwrap()).unwrap().price, Money::ZERO);
    assert_eq!(from_document::<UserView>(read.pop().unwrap()).unwrap().name, "");
}

crate::on_every_engine!(models_come_back_as_they_were, documents_with_almost_nothing_are_readable);
