//! The name that was probably meant.

/// The candidate with the fewest edits to `name`, without regard to case.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    let name = name.to_ascii_lowercase();
    candidates.min_by_key(|candidate| distance(&name, &candidate.to_ascii_lowercase())).unwrap_or_default()
}

/// Levenshtein's distance in bytes, one row at a time.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances_count_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn the_nearest_name_ignores_case() {
        let names = ["ESTEIRA_USERS_PORT", "ESTEIRA_ORDERS_PORT", "ESTEIRA_DATA_DIR"];
        assert_eq!(nearest("esteira_user_port", names.into_iter()), "ESTEIRA_USERS_PORT");
    }
}
