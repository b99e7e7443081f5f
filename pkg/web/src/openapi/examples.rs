//! An example of every body, made of what the schemas say of their fields.

use serde_json::{Map, Value, json};

/// Deeper than any body of ours; a schema may refer to itself.
const DEPTH: usize = 12;

/// A value that `schema` allows, or nothing where it says too little.
pub(super) fn example(schema: &Value, schemas: &Value) -> Option<Value> {
    of(schema, schemas, DEPTH)
}

fn of(schema: &Value, schemas: &Value, depth: usize) -> Option<Value> {
    if depth == 0 {
        return None;
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return of(&schemas[name], schemas, depth - 1);
    }
    let given = schema.get("example").or_else(|| schema["examples"].get(0));
    let listed = || schema["enum"].get(0).or_else(|| schema.get("const")).or_else(|| schema.get("default"));
    if let Some(given) = given.or_else(listed) {
        return Some(given.clone());
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().filter_map(|part| of(part, schemas, depth - 1));
        return Some(Value::Object(parts.filter_map(object).flatten().collect()));
    }
    if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        let mut choices = choices.iter().filter(|choice| choice["type"] != "null");
        return choices.find_map(|choice| of(choice, schemas, depth - 1));
    }
    match kind(schema)? {
        "object" => Some(Value::Object(fields(schema, schemas, depth))),
        "array" => of(&schema["items"], schemas, depth - 1).map(|item| json!([item])),
        "string" => Some(text(schema)),
        "integer" => Some(schema.get("minimum").cloned().unwrap_or_else(|| json!(1))),
        "number" => Some(json!(1)),
        "boolean" => Some(json!(false)),
        _ => None,
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// The type, of a nullable one the one that is not null.
fn kind(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn fields(schema: &Value, schemas: &Value, depth: usize) -> Map<String, Value> {
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields.filter_map(|(name, field)| Some((name.clone(), of(field, schemas, depth - 1)?))).collect()
}

fn text(schema: &Value) -> Value {
    match schema["format"].as_str() {
        Some("date-time") => json!("2026-11-22T12:43:00.990Z"),
        Some("uuid") => json!("01990000-0000-7000-8000-000000000001"),
        Some(_) | None => json!("text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_made_of_the_fields_examples() {
        let schemas = json!({
            "User": {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}, "name": {"type": "string", "example": "Ana"}}},
            "Money": {"type": "number", "examples": [89.9]},
        });
        let schema = json!({"type": "object", "properties": {
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/User"}},
            "total": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Money"}]},
            "status": {"type": ["string", "null"], "enum": ["CREATED"]},
            "at": {"type": "string", "format": "date-time"},
            "anything": {},
        }});
        let expected = json!({
            "data": [{"id": 1, "name": "Ana"}], "total": 89.9, "status": "CREATED", "at": "2026-11-22T12:43:00.990Z",
        });
        assert_eq!(example(&schema, &schemas), Some(expected));
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schemas = json!({"Tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}}}});
        assert!(example(&schemas["Tree"], &schemas).is_some());
    }
}
