//! Text that compares the same way on both engines.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds an email as MySQL's `utf8mb4_0900_ai_ci` compares it: without case and without accents.
///
/// ```
/// assert_eq!(esteira_sql::fold_email("José@Example.com"), "jose@example.com");
/// assert_eq!(esteira_sql::fold_email("STRAẞE@example.com"), "strasse@example.com");
/// ```
pub fn fold_email(email: &str) -> String {
    email
        .nfc()
        .flat_map(without_marks)
        .flat_map(char::to_lowercase)
        .flat_map(|c| base(c).into_iter().flatten())
        .collect()
}

/// Й is a letter of its own to MySQL, and the decomposition of ŀ would leave a dot that MySQL does not see.
fn without_marks(c: char) -> impl Iterator<Item = char> {
    let whole = matches!(c, 'й' | 'Й' | 'ŀ' | 'Ŀ').then_some(c);
    let parts = std::iter::once(c).filter(move |_| whole.is_none()).nfkd().filter(|c| !is_combining_mark(*c));
    whole.into_iter().chain(parts)
}

/// Letters that Unicode does not decompose, and MySQL compares as others.
fn base(c: char) -> [Option<char>; 2] {
    match c {
        'ß' => [Some('s'), Some('s')],
        'æ' => [Some('a'), Some('e')],
        'œ' => [Some('o'), Some('e')],
        'ð' | 'đ' => [Some('d'), None],
        'ħ' => [Some('h'), None],
        'ł' | 'ŀ' => [Some('l'), None],
        'ø' => [Some('o'), None],
        'ς' | 'ϲ' => [Some('σ'), None],
        'ґ' => [Some('г'), None],
        // Katakana and hiragana stand 0x60 apart.
        'ァ'..='ヶ' => [char::from_u32(u32::from(c) - 0x60), None],
        other => [Some(other), None],
    }
}

/// The SQLite collation `email`.
pub(crate) fn compare_emails(left: &str, right: &str) -> Ordering {
    fold_email(left).cmp(&fold_email(right))
}
