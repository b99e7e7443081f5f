//! Text that compares the same way on both engines.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds an email as MySQL's `utf8mb4_0900_ai_ci` compares it: without case and without accents.
///
/// ```
/// assert_eq!(esteira_sql::fold_email("José@Example.com"), "jose@example.com");
/// ```
pub fn fold_email(email: &str) -> String {
    email.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// The SQLite collation `email`.
pub(crate) fn compare_emails(left: &str, right: &str) -> Ordering {
    fold_email(left).cmp(&fold_email(right))
}
