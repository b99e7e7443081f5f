//! From JSON text to a value, or to a problem that names the field.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::objects::Objects;
use crate::problem::{FieldError, Problem};

/// The longest message that is passed on, in characters: serde's own texts quote the value.
const MESSAGE_MAX: usize = 200;

/// What serde found and where; the path is absent for a tail after the value.
struct Failure {
    path: Option<Path>,
    error: serde_json::Error,
}

impl From<serde_path_to_error::Error<serde_json::Error>> for Failure {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        Self { path: Some(error.path().clone()), error: error.into_inner() }
    }
}

/// # Errors
/// 400: `invalid_json` if it is no UTF-8 or no JSON, `invalid_data` naming the field if it does not fit `T`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Problem::unreadable("invalid_json", format!("the body is not UTF-8 (at byte {at})"))
    })?;
    match parse_text(text) {
        // serde's derive refuses a repeated key; Go and most readers take the last one, as `Value` does.
        Err(failure) if failure.error.to_string().starts_with("duplicate field") => parse_last_keys(text),
        outcome => outcome.map_err(|failure| explain(&failure, text)),
    }
}

fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer))?;
    deserializer.end().map_err(|error| Failure { path: None, error })?;
    Ok(value)
}

fn parse_last_keys<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let value: Value = parse_text(text).map_err(|failure| explain(&failure, text))?;
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| explain(&error.into(), text))
}

fn explain(failure: &Failure, text: &str) -> Problem {
    match failure.error.classify() {
        Category::Data => Problem::invalid(vec![field_error(failure, text)]),
        Category::Eof => {
            Problem::unreadable("invalid_json", format!("the body ends too early: {}", failure.error))
        }
        Category::Syntax | Category::Io => {
            let mut problem = Problem::unreadable("invalid_json", failure.error.to_string());
            problem.errors.extend(failure.path.as_ref().and_then(located));
            problem
        }
    }
}

/// Where a syntax error lies, if inside a field (such as the number 1e999).
fn located(path: &Path) -> Option<FieldError> {
    path.iter().next()?;
    Some(FieldError::new(path.to_string(), "cannot be read"))
}

fn field_error(failure: &Failure, text: &str) -> FieldError {
    let segments: Vec<&Segment> = failure.path.iter().flat_map(Path::iter).collect();
    let parent = failure.path.as_ref().map(Path::to_string).filter(|_| !segments.is_empty());
    let message = without_position(&failure.error);
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let field = parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}.{name}"));
        return FieldError::new(field, "is required");
    }
    let given = value_at(text, &segments);
    FieldError::new(parent.unwrap_or_else(|| "body".into()), describe(&message)).with_value(given)
}

/// `serde_json` ends its texts with ` at line 1 column 9`, which says less than the field's path.
fn without_position(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if error.line() > 0
        && let Some(at) = text.rfind(" at line ")
    {
        text.truncate(at);
    }
    text
}

fn value_at(text: &str, segments: &[&Segment]) -> Option<Value> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    for segment in segments {
        value = match segment {
            Segment::Seq { index } => value.get_mut(*index)?.take(),
            Segment::Map { key } => value.get_mut(key)?.take(),
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    (!segments.is_empty()).then_some(value)
}

/// What is allowed, in a client's words: serde names Rust types.
fn describe(message: &str) -> String {
    let expected = message.starts_with("invalid ").then(|| message.rsplit_once(", expected ")).flatten();
    let Some((_, expected)) = expected else { return message.chars().take(MESSAGE_MAX).collect() };
    format!("must be {}", in_words(expected)).chars().take(MESSAGE_MAX).collect()
}

/// The name that serde has for a type.
pub(super) fn in_words(expected: &str) -> &str {
    match expected {
        "i64" => "an integer of 64 bits",
        "i32" => "an integer of 32 bits",
        "u64" => "a non-negative integer of 64 bits",
        "u32" => "a non-negative integer of 32 bits",
        "f64" => "a number",
        "a sequence" => "an array",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        user_id: i64,
        #[serde(default)]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Item {
        quantity: i32,
    }

    fn refused(text: &str) -> Problem {
        let problem = parse::<Order>(text.as_bytes()).unwrap_err();
        assert_eq!(problem.status, 400, "{text}");
        problem
    }

    fn field(text: &str) -> (String, String, Option<Value>) {
        let problem = refused(text);
        assert_eq!(problem.code, "invalid_data", "{text}");
        let error = problem.errors[0].clone();
        (error.field, error.message, error.value)
    }

    #[test]
    fn a_wrong_type_names_its_path_and_value() {
        let (path, message, value) = field(r#"{"user_id":1,"items":[{"quantity":1},{"quantity":"2"}]}"#);
        assert_eq!((path.as_str(), message.as_str()), ("items[1].quantity", "must be an integer of 32 bits"));
        assert_eq!(value, Some(json!("2")));
    }

    #[test]
    fn an_overflowing_integer_names_its_path() {
        assert_eq!(field(r#"{"user_id":99999999999999999999}"#).0, "user_id");
        assert_eq!(field(r#"{"user_id":1,"items":[{"quantity":2147483648}]}"#).0, "items[0].quantity");
        let syntax = refused(r#"{"user_id":1e999}"#);
        assert_eq!((syntax.code.as_str(), syntax.errors[0].field.as_str()), ("invalid_json", "user_id"));
    }

    #[test]
    fn a_missing_field_is_named_inside_its_parent() {
        assert_eq!(field("{}"), ("user_id".into(), "is required".into(), None));
        assert_eq!(field(r#"{"user_id":1,"items":[{}]}"#).0, "items[0].quantity");
    }

    #[test]
    fn a_body_of_another_kind_names_the_body() {
        assert_eq!(field("7"), ("body".into(), "must be an object".into(), None));
        assert_eq!(field(r#"{"user_id":1,"items":7}"#).1, "must be an array");
    }

    #[test]
    fn a_long_value_is_not_shown() {
        let (_, message, value) = field(&format!(r#"{{"user_id":"{}"}}"#, "x".repeat(5000)));
        assert_eq!((message.as_str(), value), ("must be an integer of 64 bits", None));
    }

    #[test]
    fn what_is_no_json_is_refused_as_such() {
        for text in [r#"{"user_id":"#, "{", "nope", r#"{"user_id":1} x"#, r#"{"user_id":1,}"#, "\u{feff}{}"] {
            let problem = refused(text);
            assert_eq!(problem.code, "invalid_json", "{text}");
            assert!(problem.details.is_some());
        }
    }

    #[test]
    fn a_body_that_nests_too_deep_is_refused() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let problem = parse::<Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(problem.code, "invalid_json");
        assert!(problem.detail.contains("recursion limit"), "{}", problem.detail);
    }

    #[test]
    fn an_object_cannot_be_given_as_an_array() {
        assert_eq!(field("[1, []]"), ("body".into(), "must be an object".into(), None));
        let (path, message, value) = field(r#"{"user_id":1,"items":[[7]]}"#);
        assert_eq!(
            (path.as_str(), message.as_str(), value),
            ("items[0]", "must be an object", Some(json!([7])))
        );
    }

    #[test]
    fn what_is_no_utf8_is_refused() {
        let problem = parse::<Order>(b"{\"user_id\":1,\"x\":\"\xff\"}").unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.detail.as_str()),
            ("invalid_json", "the body is not UTF-8 (at byte 18)")
        );
    }

    #[test]
    fn unknown_and_repeated_keys_are_accepted() {
        let order: Order = parse(br#"{"user_id":1,"user_id":2,"extra":{"a":[1]}}"#).unwrap();
        assert_eq!(order.user_id, 2);
        assert_eq!(field(r#"{"user_id":1,"user_id":"2"}"#).2, Some(json!("2")));
    }
}
