//! What every route has in common and no route says by itself: headers of answers, examples.

use serde_json::{Value, json};

use super::examples::example;
use super::problems::problem_of;

/// Adds to a document what its answers carry and an example of each body.
pub(super) fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].take();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            for parameter in
                operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
            {
                drop_null(&mut parameter["schema"]);
            }
            if let Some(body) = operation.get_mut("requestBody") {
                illustrate(body, &schemas);
            }
            for (status, response) in
                operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten()
            {
                if response["description"].as_str().is_none_or(str::is_empty) {
                    response["description"] = json!(if status == "201" { "Created" } else { "Done" });
                }
                add_headers(response, method, path, status);
                give_examples(response, status, &schemas);
            }
        }
    }
    document["components"]["schemas"] = schemas;
}

/// A parameter may be absent; it cannot be null.
fn drop_null(schema: &mut Value) {
    if let Value::Array(kinds) = &schema["type"]
        && let [kind] = kinds.iter().filter(|kind| *kind != "null").collect::<Vec<_>>()[..]
    {
        schema["type"] = kind.clone();
    }
}

fn add_headers(response: &mut Value, method: &str, path: &str, status: &str) {
    let changes = matches!(method, "post" | "put");
    let single = method == "get" && path.ends_with("/{id}");
    let names: &[&str] = match status {
        "429" | "503" if path != "/readyz" => &["Retry-After"],
        "201" => &["Location", "ETag", "X-Consistency-Token"],
        "200" if changes => &["ETag", "X-Consistency-Token"],
        "200" if method == "delete" => &["X-Consistency-Token"],
        "200" if single => &["ETag"],
        _ => &[],
    };
    for name in names {
        response["headers"][name] = header(name);
    }
}

fn header(name: &str) -> Value {
    let (description, schema, example) = match name {
        "Retry-After" => {
            ("Seconds to wait before trying again", json!({"type": "integer", "minimum": 1}), json!(1))
        }
        "Location" => ("The path of what was created", json!({"type": "string"}), json!("/users/1")),
        "ETag" => (
            "The version in quotes, for `If-Match`",
            json!({"type": "string", "pattern": "^\"[0-9]+\"$"}),
            json!("\"1\""),
        ),
        _ => (
            "The change as `<aggregate>:<id>:<sequence>`; a query with it sees at least this change",
            json!({"type": "string", "pattern": "^[a-z]+:[0-9]+:[0-9]+$"}),
            json!("user:1:1"),
        ),
    };
    json!({"description": description, "required": true, "schema": schema, "example": example})
}

fn give_examples(response: &mut Value, status: &str, schemas: &Value) {
    if let Some(problem) = response.pointer_mut("/content/application~1problem+json") {
        problem["example"] = json!(problem_of(status));
    }
    illustrate(response, schemas);
}

/// An example of each kind of content that has none.
fn illustrate(of: &mut Value, schemas: &Value) {
    for (_, content) in of.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten() {
        if content.get("example").is_none()
            && content.get("examples").is_none()
            && let Some(example) = example(&content["schema"], schemas)
        {
            content["example"] = example;
        }
    }
}
