//! Opaque cursors: where a page ended, and which list it was a page of.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use esteira_views::{DocId, Document, Scalar};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{SortKind, Sortable};

/// Changes when the meaning of the fields does.
const FORMAT: u8 = 1;

#[derive(Debug, Deserialize, Serialize)]
struct Cursor {
    format: u8,
    /// The fingerprint of the sort and the filters; a cursor of another list must not be taken for one of this list.
    list: u32,
    /// The sort value of the last document, as it is stored.
    value: Value,
    id: i64,
}

/// The cursor behind `end`.
pub(super) fn encode(list: u32, sort: &Sortable, end: &Document) -> String {
    let value = end.body.get(sort.path).cloned().unwrap_or_default();
    let id = match &end.id {
        DocId::Int(id) => *id,
        DocId::Text(_) => 0,
    };
    let cursor = Cursor { format: FORMAT, list, value, id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

/// The position in the list, or why the text is not a cursor of it.
pub(super) fn decode(text: &str, list: u32, sort: &Sortable) -> Result<(Scalar, DocId), &'static str> {
    let unknown = "must be a next_cursor of an earlier answer";
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown)?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| unknown)?;
    if cursor.format != FORMAT {
        return Err(unknown);
    }
    if cursor.list != list {
        return Err("must be used with the sort and the filters that it was answered for");
    }
    let value = scalar(sort.kind, &cursor.value).ok_or(unknown)?;
    Ok((value, DocId::Int(cursor.id)))
}

fn scalar(kind: SortKind, value: &Value) -> Option<Scalar> {
    if value.is_null() {
        return Some(Scalar::Null);
    }
    match kind {
        SortKind::Id => None,
        SortKind::Date => value.as_str()?.parse::<DateTime<Utc>>().ok().map(Scalar::Date),
        SortKind::Amount => value.as_f64().map(Scalar::Double),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BY_TOTAL: Sortable = Sortable { name: "total", path: "total_amount", kind: SortKind::Amount };

    fn last(body: Value) -> Document {
        Document { id: DocId::Int(7), body: serde_json::from_value(body).unwrap() }
    }

    #[test]
    fn a_cursor_comes_back_exactly() {
        let amount = 269.700_000_000_000_05;
        let text = encode(5, &BY_TOTAL, &last(json!({ "total_amount": amount })));
        assert_eq!(decode(&text, 5, &BY_TOTAL), Ok((Scalar::Double(amount), DocId::Int(7))));
        let text = encode(5, &BY_TOTAL, &last(json!({})));
        assert_eq!(decode(&text, 5, &BY_TOTAL), Ok((Scalar::Null, DocId::Int(7))));
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let text = encode(5, &BY_TOTAL, &last(json!({ "total_amount": 1 })));
        assert!(decode(&text, 6, &BY_TOTAL).is_err());
        for broken in ["", "x", "e30", &text[1..], &format!("{text}=")] {
            assert!(decode(broken, 5, &BY_TOTAL).is_err(), "{broken}");
        }
    }
}
