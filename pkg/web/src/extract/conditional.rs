//! Request headers: `If-Match`, `Idempotency-Key`.

use axum::extract::FromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::schema::{AnyOf, Object, Schema, Type};

use crate::problem::Problem;

/// `If-Match` (RFC 9110, 13.1.1): the versions one of which the resource must have, or `None` without a condition.
///
/// `*` is `None` too: a command on a resource that is not there is a 404 anyway. A weak or foreign tag is well-formed
/// and never matches (strong comparison), so that `If-Match: W/"3"` gives an empty list. Malformed → 400.
#[derive(Clone, Debug, Default, Eq, IntoParams, PartialEq)]
#[into_params(names("If-Match"), parameter_in = Header)]
pub struct IfMatch(
    #[param(schema_with = if_match_schema, required = false, example = "\"3\"")] pub Option<Vec<i64>>,
);

fn if_match_schema() -> Schema {
    let any = Object::builder().schema_type(Type::String).enum_values(Some(["*"]));
    let tags = r#"^(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*$"#;
    AnyOf::builder().item(any).item(Object::builder().schema_type(Type::String).pattern(Some(tags))).into()
}

impl IfMatch {
    /// Whether a resource of this version may be changed.
    pub fn allows(&self, version: i64) -> bool {
        self.0.as_ref().is_none_or(|versions| versions.contains(&version))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut lines = Vec::new();
        for value in parts.headers.get_all(IF_MATCH) {
            lines.push(
                value.to_str().map_err(|_| malformed_if_match(&String::from_utf8_lossy(value.as_bytes())))?,
            );
        }
        if lines.is_empty() {
            return Ok(Self(None));
        }
        // Several lines are one list (RFC 9110, 5.3).
        let list = lines.join(",");
        parse_if_match(&list).map(Self).ok_or_else(|| malformed_if_match(&list))
    }
}

fn malformed_if_match(value: &str) -> Problem {
    Problem::invalid_field("If-Match", value, "must be * or a list of quoted entity tags such as \"3\"")
}

/// The outer `None` is malformed, the inner one `*`.
#[expect(clippy::option_option, reason = "malformed and unconditional are both absences")]
fn parse_if_match(list: &str) -> Option<Option<Vec<i64>>> {
    let mut rest = list.trim();
    if rest == "*" {
        return Some(None);
    }
    let mut versions = Vec::new();
    let mut tags = 0;
    // An entity tag may contain commas, so the list is read tag by tag.
    while !rest.is_empty() {
        let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
        tags += 1;
        if !weak {
            versions.extend(opaque.parse::<i64>().ok());
        }
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([',', ' ', '\t']);
    }
    (tags > 0).then_some(Some(versions))
}

/// `Idempotency-Key`, if given: 1 to 255 visible ASCII characters. Twice, or malformed → 400.
#[derive(Clone, Debug, Default, Eq, IntoParams, PartialEq)]
#[into_params(names("Idempotency-Key"), parameter_in = Header)]
pub struct IdempotencyKey(
    #[param(min_length = 1, max_length = 255, pattern = "^[!-~]+$")] pub Option<String>,
);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let field = "Idempotency-Key";
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Problem::invalid_field(field, (), "must be given once"));
        }
        let bytes = value.as_bytes();
        let text = String::from_utf8_lossy(bytes).into_owned();
        if (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
            return Ok(Self(Some(text)));
        }
        Err(Problem::invalid_field(field, text, "must be 1 to 255 visible ASCII characters"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};

    use super::*;

    async fn extract<T: FromRequestParts<()>>(name: &str, values: &[&[u8]]) -> Result<T, T::Rejection> {
        let mut request = Request::get("/");
        for value in values {
            request = request.header(name, HeaderValue::from_bytes(value).unwrap());
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        T::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn if_match_is_a_list_of_versions() {
        let cases = [
            (&[][..] as &[&[u8]], None),
            (&[b"*"], None),
            (&[b"\"3\""], Some(vec![3])),
            (&[b"\"3\", \"4\""], Some(vec![3, 4])),
            (&[b"\"3\"", b"\"4\""], Some(vec![3, 4])),
            (&[b"W/\"3\""], Some(vec![])),
            (&[b"\"a,b\",\"5\""], Some(vec![5])),
        ];
        for (values, expected) in cases {
            assert_eq!(extract::<IfMatch>("if-match", values).await, Ok(IfMatch(expected)), "{values:?}");
        }
    }

    #[tokio::test]
    async fn a_malformed_if_match_is_refused() {
        for value in [&b"3"[..], b"\"3", b"", b",", b"\"3\" \"4\"", b"*, \"3\"", b"w/\"3\"", b"\"\xff\""] {
            let problem = extract::<IfMatch>("if-match", &[value]).await.unwrap_err();
            assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, "If-Match"), "{value:?}");
        }
    }

    #[test]
    fn a_condition_allows_its_versions_only() {
        assert!(IfMatch(None).allows(9));
        assert!(IfMatch(Some(vec![3, 4])).allows(4));
        assert!(!IfMatch(Some(vec![])).allows(3));
    }

    #[tokio::test]
    async fn an_idempotency_key_is_visible_ascii() {
        let key = |values: &'static [&'static [u8]]| extract::<IdempotencyKey>("idempotency-key", values);
        assert_eq!(key(&[]).await, Ok(IdempotencyKey(None)));
        assert_eq!(key(&[b"\"8e03-978e\""]).await, Ok(IdempotencyKey(Some("\"8e03-978e\"".into()))));
        for values in [&[&b"a b"[..]][..], &[b""], &[b"\xe9"], &[b"a", b"a"]] {
            let problem = extract::<IdempotencyKey>("idempotency-key", values).await.unwrap_err();
            assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, "Idempotency-Key"));
        }
    }

    #[tokio::test]
    async fn an_idempotency_key_has_at_most_255_characters() {
        let key = "k".repeat(256);
        assert!(extract::<IdempotencyKey>("idempotency-key", &[&key.as_bytes()[1..]]).await.is_ok());
        assert!(extract::<IdempotencyKey>("idempotency-key", &[key.as_bytes()]).await.is_err());
    }
}
