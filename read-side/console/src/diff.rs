//! Two documents, line by line.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::show::{Beginning, LINE_BYTES};

/// What takes longer than this to compare is told less precisely.
const PATIENCE: Duration = Duration::from_millis(500);

/// What `after` has instead of `before`; `None` is a document that is not there.
pub(crate) fn lines(before: Option<&Value>, after: Option<&Value>) -> Markup {
    let (before, after) = (pretty(before), pretty(after));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&before, &after);
    html! {
        pre.diff tabindex="0" aria-label="What changes" {
            @for change in diff.iter_all_changes() {
                @let line = Beginning::of(change.value().trim_end_matches('\n').as_bytes(), LINE_BYTES);
                @match change.tag() {
                    ChangeTag::Delete => { del { "- " (line) "\n" } }
                    ChangeTag::Insert => { ins { "+ " (line) "\n" } }
                    ChangeTag::Equal => { span { "  " (line) "\n" } }
                }
            }
        }
    }
}

fn pretty(document: Option<&Value>) -> String {
    let text = document.and_then(|document| serde_json::to_string_pretty(document).ok());
    text.map(|text| text + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_comes_and_stays_is_told_apart() {
        let text = lines(Some(&json!({"a": 1, "b": 2})), Some(&json!({"a": 1, "b": 3}))).into_string();
        assert!(text.contains("<del>-   &quot;b&quot;: 2"), "{text}");
        assert!(text.contains("<ins>+   &quot;b&quot;: 3"), "{text}");
        assert!(text.contains("<span>    &quot;a&quot;: 1,"), "{text}");
    }

    #[test]
    fn a_document_that_is_not_there_has_no_lines() {
        assert!(!lines(None, Some(&json!({"a": 1}))).into_string().contains("<del>"));
        assert!(!lines(Some(&json!({"a": 1})), None).into_string().contains("<ins>"));
    }
}
