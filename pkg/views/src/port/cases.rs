/// The same letter in the other case, where it is one letter there.
pub(crate) fn other_case(character: char) -> Option<char> {
    let mut changed: Vec<char> = character.to_lowercase().collect();
    if changed == [character] {
        changed = character.to_uppercase().collect();
    }
    match changed.as_slice() {
        [other] if *other != character => Some(*other),
        _ => None,
    }
}
