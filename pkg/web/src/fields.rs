//! Validation that names every refused field at once.

use serde::Serialize;

use crate::problem::{FieldError, Problem};

/// The longest name, in characters: the Go tables' `VARCHAR(255)`.
const NAME_MAX: usize = 255;
/// The longest email, in characters: GORM makes an indexed email `VARCHAR(191)`.
const EMAIL_MAX: usize = 191;

/// Collects field errors, so that a client learns all of them from one answer.
///
/// ```
/// use esteira_web::Fields;
///
/// let mut fields = Fields::new();
/// fields.check(0 > 0, "price", 0, "must be greater than 0");
/// let problem = fields.finish().unwrap_err();
/// assert_eq!(problem.errors[0].field, "price");
/// ```
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// No errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses `field` unless `valid`; `message` says what is allowed. Returns `valid`.
    pub fn check(
        &mut self,
        valid: bool,
        field: impl Into<String>,
        value: impl Serialize,
        message: impl Into<String>,
    ) -> bool {
        if !valid {
            self.refuse(field, value, message);
        }
        valid
    }

    /// Refuses `field`.
    pub fn refuse(&mut self, field: impl Into<String>, value: impl Serialize, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, message).with_value(value));
    }

    /// Checks a name and returns it trimmed: 1 to 255 characters, no control characters.
    pub fn name<'a>(&mut self, field: &str, value: &'a str) -> &'a str {
        self.text(field, value, NAME_MAX)
    }

    /// Checks a text and returns it trimmed: 1 to `max` characters, no control characters.
    pub fn text<'a>(&mut self, field: &str, value: &'a str, max: usize) -> &'a str {
        let trimmed = value.trim();
        let length = trimmed.chars().count();
        if self.check((1..=max).contains(&length), field, value, format!("must be 1 to {max} characters")) {
            let clean = !trimmed.chars().any(char::is_control);
            self.check(clean, field, value, "must not contain control characters");
        }
        trimmed
    }

    /// Checks an email address roughly as Go's validator does, of at most 191 characters, and returns it.
    pub fn email<'a>(&mut self, field: &str, value: &'a str) -> &'a str {
        if self.check(is_email(value), field, value, "must be an email address") {
            let short = value.chars().count() <= EMAIL_MAX;
            self.check(short, field, value, format!("must be at most {EMAIL_MAX} characters"));
        }
        value
    }

    /// # Errors
    /// 400 `invalid_data` with every refused field.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// The `email` rule of go-playground/validator without quoted local parts: atoms parted by single dots, and a
/// domain of at least two labels, the last of which begins and ends with a letter.
fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    local.split('.').all(is_atom) && is_domain(domain)
}

fn is_atom(atom: &str) -> bool {
    !atom.is_empty()
        && atom.chars().all(|c| c.is_ascii_alphanumeric() || is_word(c) || "!#$%&'*+-/=?^_`{|}~".contains(c))
}

fn is_domain(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else { return false };
    let lettered = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic() || is_word(c));
    domain.split('.').all(is_label) && lettered(last.chars().next()) && lettered(last.chars().last())
}

fn is_label(label: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric() || is_word(c);
    label.starts_with(edge) && label.ends_with(edge) && label.chars().all(|c| edge(c) || "-_~".contains(c))
}

/// Beyond ASCII everything that is neither space nor control, as the Go rule's ranges have it, and that can be seen:
/// MySQL ignores the rest in comparisons, so that two addresses which look alike would also be one.
fn is_word(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !is_invisible(c)
}

/// The default ignorable code points of Unicode.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email_error(value: &str) -> Option<String> {
        let mut fields = Fields::new();
        fields.email("email", value);
        fields.finish().err().map(|problem| problem.errors[0].message.clone())
    }

    #[test]
    fn usual_addresses_are_accepted() {
        for value in
            ["ana@example.com", "a.b+c@sub.example.co", "joão@exemplo.com.br", "x_y@my-host.io", "A@B.CD"]
        {
            assert_eq!(email_error(value), None, "{value}");
        }
    }

    #[test]
    fn broken_addresses_are_refused() {
        let broken = [
            "",
            "nope",
            "@",
            "a@",
            "@b.com",
            "a@b",
            "a@b.",
            "a@@b.com",
            "a@b@c.com",
            ".a@b.com",
            "a.@b.com",
            "a..b@c.com",
            "a@.com",
            "a@b..com",
            "a@-b.com",
            "a@b-.com",
            "a b@c.com",
            "a@b.c1",
            "a@b.com\n",
            "a\0@b.com",
            " a@b.com",
            "Ana <a@b.com>",
            "a\u{200b}b@c.com",
            "a\u{ad}b@c.com",
        ];
        for value in broken {
            assert!(email_error(value).is_some(), "{value:?}");
        }
    }

    #[test]
    fn an_email_has_at_most_191_characters() {
        let long = |n: usize| format!("{}@example.com", "a".repeat(n - "@example.com".len()));
        assert_eq!(email_error(&long(191)), None);
        assert_eq!(email_error(&long(192)).as_deref(), Some("must be at most 191 characters"));
    }

    #[test]
    fn a_name_is_trimmed_and_counted_in_characters() {
        let mut fields = Fields::new();
        assert_eq!(fields.name("name", "  Ana "), "Ana");
        fields.name("name", &"ã".repeat(255));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn an_empty_long_or_controlled_name_is_refused() {
        for value in ["", "   ", &"a".repeat(256), "a\0b", "a\nb", "a\u{7f}b"] {
            let mut fields = Fields::new();
            fields.name("name", value);
            assert_eq!(fields.finish().unwrap_err().errors[0].field, "name", "{value:?}");
        }
    }

    #[test]
    fn every_refused_field_is_named_and_only_short_values_are_shown() {
        let mut fields = Fields::new();
        fields.check(false, "price", -1, "must be greater than 0");
        fields.check(true, "stock", 1, "must be at least 0");
        fields.name("name", &"a".repeat(300));
        let problem = fields.finish().unwrap_err();
        assert_eq!(
            (problem.status, problem.code.as_str(), problem.error.as_str()),
            (400, "invalid_data", "invalid data")
        );
        assert_eq!(problem.errors.len(), 2);
        assert_eq!(problem.errors[0].value, Some(serde_json::json!(-1)));
        assert_eq!(problem.errors[1].value, None);
        assert_eq!(
            problem.details.as_deref(),
            Some("price: must be greater than 0; name: must be 1 to 255 characters")
        );
    }
}
