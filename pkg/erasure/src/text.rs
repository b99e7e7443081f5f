//! Finding and replacing words in text.

/// `text` with `replacement` in the place of every occurrence of `word`, in upper or lower case, that `stands_alone` by the
/// characters before and after it; `None` where there is none.
pub(crate) fn replaced(
    text: &str,
    word: &str,
    replacement: &str,
    stands_alone: fn(&str, &str) -> bool,
) -> Option<String> {
    let mut out = String::new();
    let mut rest = 0;
    for (at, found) in occurrences(text, word) {
        if at >= rest && stands_alone(&text[..at], &text[at + found..]) {
            out.push_str(&text[rest..at]);
            out.push_str(replacement);
            rest = at + found;
        }
    }
    (rest > 0).then(|| out + &text[rest..])
}

fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let length = word.len();
    let same = move |at: &usize| {
        text.as_bytes().get(*at..*at + length).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
            // Folding may not end within a character.
            && text.is_char_boundary(*at)
            && text.is_char_boundary(*at + length)
    };
    let places = if length == 0 { 0..0 } else { 0..text.len() };
    places.filter(same).map(move |at| (at, length))
}

/// A name is no part of a longer word.
pub(crate) fn is_word(before: &str, after: &str) -> bool {
    let of_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    !of_word(before.chars().next_back()) && !of_word(after.chars().next())
}

/// An address is no part of a longer one, though a full stop may follow it.
pub(crate) fn is_address(before: &str, after: &str) -> bool {
    let of_local = |character: char| character.is_alphanumeric() || "._%+-".contains(character);
    let mut after = after.chars();
    let longer = match after.next() {
        Some('.') => after.next().is_some_and(char::is_alphanumeric),
        Some(character) => character.is_alphanumeric() || character == '-',
        None => false,
    };
    !before.chars().next_back().is_some_and(of_local) && !longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_but_not_within_a_longer_one() {
        let found = |text| replaced(text, "ana@example.com", "-", is_address);
        assert_eq!(found("ask Ana@Example.com."), Some("ask -.".to_owned()));
        assert_eq!(found("<ana@example.com>,ana@example.com"), Some("<->,-".to_owned()));
        for other in
            ["mariana@example.com", "x.ana@example.com", "ana@example.com.br", "ana@example.community"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_is_found_as_a_word() {
        let found = |text| replaced(text, "Ana", "-", is_word);
        assert_eq!(found("Ana's, \"ana\"; Ána"), Some("-'s, \"-\"; Ána".to_owned()));
        assert_eq!(found("Anaconda, Joana, Anaé"), None);
    }
}
