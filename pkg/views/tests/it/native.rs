//! What only a look at the stored BSON shows, and what only a server can do wrong.

use std::time::{Duration, Instant};

use bson::spec::ElementType;
use bson::{Bson, DateTime, Decimal128, Document as BsonDocument, doc, oid::ObjectId};
use esteira_views::{
    ALL_COLLECTIONS, DocId, MongoViews, ORDERS, OrderView, PRODUCTS, ProductView, Sort, USERS, UserView,
    Views, ViewsError, Write, from_document,
};
use esteira_views::{Filter, Query};
use serde_json::{Value, json};

use crate::engines::{THINGS, fields, with_mongo_views};

async fn raw(views: &MongoViews, collection: &str, id: i64) -> BsonDocument {
    views.database().collection(collection).find_one(doc! { "_id": id }).await.unwrap().unwrap()
}

#[tokio::test]
async fn money_is_double_dates_are_dates_and_integers_are_ints() {
    with_mongo_views(|views| async move {
        let at = "2026-11-22T12:43:00.990Z";
        let set = fields(json!({
            "price": 3500, "made_at": at, "stock": 6, "version": 1, "text": at,
            "lines": [{ "price": 1, "made_at": at, "quantity": 2, "deep": { "price": 2 } }],
        }));
        views.write(vec![Write::Upsert { collection: &THINGS, id: DocId::Int(1), set }]).await.unwrap();
        views
            .update_where(&THINGS, vec![(vec![], fields(json!({ "facet.price": 7, "facet.made_at": at })))])
            .await
            .unwrap();
        let found = raw(&views, THINGS.name, 1).await;
        let line = found.get_array("lines").unwrap()[0].as_document().unwrap();
        let facet = found.get_document("facet").unwrap();
        for (document, doubles) in [(&found, 3500.0), (line, 1.0), (facet, 7.0)] {
            assert_eq!(document.get("price"), Some(&Bson::Double(doubles)));
            assert_eq!(document.get("made_at").unwrap().element_type(), ElementType::DateTime);
        }
        assert_eq!(line.get_document("deep").unwrap().get("price"), Some(&Bson::Double(2.0)));
        assert_eq!(line.get("quantity"), Some(&Bson::Int32(2)));
        assert_eq!(found.get("_id"), Some(&Bson::Int32(1)));
        assert_eq!(found.get("stock"), Some(&Bson::Int32(6)));
        assert_eq!(found.get("text"), Some(&Bson::String(at.into())));
    })
    .await;
}

/// The documents of `views.json`, with the types that the Go driver gave them.
async fn written_by_go(views: &MongoViews) {
    let at = DateTime::parse_rfc3339_str("2026-11-22T12:43:00.99Z").unwrap();
    let product = doc! { "id": 1_i64, "name": "Notebook", "price": 3500.0, "stock": 10_i64 };
    let order = doc! {
        "_id": 1_i64, "user_id": 1_i64, "status": "PAID", "total_amount": 3679.8, "created_at": at, "updated_at": at,
        "user": { "id": 1_i64, "name": "Ana Souza", "email": "ana@example.com" },
        "items": [{ "product_id": 1_i64, "quantity": 1_i64, "unit_price": 3500.0, "product": product }],
    };
    let user = doc! { "_id": 1_i32, "name": "Ana Souza", "email": "ana@example.com", "created_at": at, "updated_at": at };
    // As an administrator's shell may have left it: every number a double.
    let product =
        doc! { "_id": 1.0, "name": "Mouse", "price": 79, "stock": 6.0, "created_at": at, "updated_at": at };
    for (name, document) in [("views.orders", order), ("views.users", user), ("views.products", product)] {
        views.database().collection(name).insert_one(document).await.unwrap();
    }
}

#[tokio::test]
async fn documents_of_the_go_projector_are_readable() {
    with_mongo_views(|views| async move {
        written_by_go(&views).await;
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let one = [DocId::Int(1)];
        let order = views.get(&ORDERS, &one).await.unwrap().pop().unwrap();
        assert_eq!(order.body["created_at"], json!("2026-11-22T12:43:00.990Z"));
        let order: OrderView = from_document(order).unwrap();
        assert_eq!(order.total_amount.cents(), 367_980);
        assert_eq!(
            (order.version, order.reservation.as_str(), order.items[0].product.stock),
            (0, "PENDING", 10)
        );
        let user: UserView = from_document(views.get(&USERS, &one).await.unwrap().pop().unwrap()).unwrap();
        assert_eq!((user.id, user.name.as_str()), (1, "Ana Souza"));
        let product: ProductView =
            from_document(views.get(&PRODUCTS, &one).await.unwrap().pop().unwrap()).unwrap();
        assert_eq!((product.id, product.stock, product.price.cents()), (1, 6, 7_900));
    })
    .await;
}

#[tokio::test]
async fn types_that_we_never_write_are_read_as_some_json() {
    with_mongo_views(|views| async move {
        let id = ObjectId::new();
        let strange = doc! {
            "_id": id, "price": "3.5".parse::<Decimal128>().unwrap(), "nan": f64::NAN, "null": Bson::Null, "ref": id,
            "stamp": Bson::Timestamp(bson::Timestamp { time: 1, increment: 2 }), "whole": 5.0, "half": 5.5,
            "binary": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1] }, "max": Bson::MaxKey,
        };
        views.database().collection(THINGS.name).insert_one(strange).await.unwrap();
        let query = Query { filters: vec![Filter::eq("whole", 5)], sort: Sort::ascending("_id"), after: None, limit: 10 };
        let found = views.find(&THINGS, &query).await.unwrap().pop().unwrap();
        assert_eq!(found.id, DocId::Text(id.to_hex()));
        assert_eq!(found.body["price"], json!(3.5));
        assert_eq!((&found.body["whole"], &found.body["half"]), (&json!(5), &json!(5.5)));
        assert_eq!(found.body["ref"], Value::String(id.to_hex()));
        assert!(!found.body.contains_key("null") && !found.body.contains_key("nan"));
        assert!(found.body["stamp"].is_string() && found.body["binary"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_within_seconds() {
    let views = MongoViews::connect("mongodb://user:secret@127.0.0.1:1/shop?serverSelectionTimeoutMS=300")
        .await
        .unwrap();
    let started = Instant::now();
    let set = fields(json!({ "version": 1 }));
    let write = views.write(vec![Write::Upsert { collection: &THINGS, id: DocId::Int(1), set }]).await;
    assert!(matches!(&write, Err(ViewsError::Unavailable(_))), "{write:?}");
    for unavailable in
        [views.get(&THINGS, &[DocId::Int(1)]).await.err(), views.prepare(&[&THINGS]).await.err()]
    {
        assert!(
            unavailable.is_some_and(|error| error.is_unavailable() && !error.to_string().contains("secret"))
        );
    }
    assert!(started.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn a_server_that_never_answers_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let uri = format!("mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=500&connectTimeoutMS=500");
    let views = MongoViews::connect(&uri).await.unwrap();
    let error = views.count(&THINGS, &[], 1).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    accepting.abort();
}

#[tokio::test]
async fn a_call_after_the_end_is_refused_and_does_not_panic() {
    let Some(uri) = esteira_testkit::engine("the MongoDB wire protocol", "MONGO_URI") else { return };
    let views = MongoViews::connect(&uri).await.unwrap();
    views.describe().await.unwrap();
    let began = Instant::now();
    views.close().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let error = views.describe().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_wrong_address_is_refused() {
    let uris = [
        "",
        "http://127.0.0.1",
        "mongodb://",
        "mongodb://u:s3cret@a@b/x",
        "mongodb://u:s3cret@h:port",
        "mongodb://u:s3cret@h/?w=x&y",
    ];
    for uri in uris {
        let refused = MongoViews::connect(uri).await;
        assert!(matches!(&refused, Err(ViewsError::Rejected(_))), "{uri}: {refused:?}");
        assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
    }
}
