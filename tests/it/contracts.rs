//! The committed documents are what the code makes.

use std::process::Command;

const DOCUMENTS: [(&[&str], &str); 5] = [
    (&["openapi", "users"], "users.openapi.json"),
    (&["openapi", "products"], "products.openapi.json"),
    (&["openapi", "orders"], "orders.openapi.json"),
    (&["openapi", "query"], "query.openapi.json"),
    (&["asyncapi"], "events.asyncapi.json"),
];

#[test]
fn the_committed_documents_are_those_of_the_code() {
    for (arguments, name) in DOCUMENTS {
        let made = Command::new(env!("CARGO_BIN_EXE_esteira")).args(arguments).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let path = format!("{}/docs/api/{name}", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read(&path).unwrap_or_default();
        // The documents are long: their difference is git's to show.
        assert!(
            made.stdout == committed,
            "docs/api/{name} is not what the code makes: run scripts/check-contracts --write and look at git diff"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_serves_the_document_that_is_committed() {
    let platform = super::harness::platform::Platform::embedded().await;
    let ports = platform.ports;
    for (port, name) in [
        (ports.users, "users"),
        (ports.products, "products"),
        (ports.orders, "orders"),
        (ports.query, "query"),
    ] {
        let url = format!("http://127.0.0.1:{port}/openapi.json");
        let served: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let path = format!("{}/docs/api/{name}.openapi.json", env!("CARGO_MANIFEST_DIR"));
        let committed: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(served == committed, "{name}");
    }
}
