//! Filters and page starts as SQL conditions with bound values.

use sqlx::{QueryBuilder, Sqlite};

use super::sql::{field, json_path, push_id};
use crate::port::cases::other_case;
use crate::port::error::ViewsError;
use crate::port::query::{Filter, Scalar, Sort, rfc3339};
use crate::port::seek::Seek;

/// Adds a condition that is true when all filters match.
pub(super) fn push_filters(
    statement: &mut QueryBuilder<Sqlite>,
    filters: &[Filter],
) -> Result<(), ViewsError> {
    statement.push("true");
    for filter in filters {
        statement.push(" and ");
        push_filter(statement, filter)?;
    }
    Ok(())
}

fn push_filter(statement: &mut QueryBuilder<Sqlite>, filter: &Filter) -> Result<(), ViewsError> {
    match filter {
        Filter::Missing(path) | Filter::Eq(path, Scalar::Null) => {
            statement.push(format!("{} is null", field(path)?));
        }
        Filter::Eq(path, value) => push_compare(statement, &field(path)?, "=", value),
        Filter::In(path, values) => {
            let values: Vec<_> = values.iter().map(Scalar::to_json).collect();
            statement.push(format!("{} in (select value from json_each(", field(path)?));
            statement.push_bind(serde_json::Value::from(values).to_string()).push("))");
        }
        Filter::Range { path, from, to } => {
            let expression = field(path)?;
            statement.push(format!("{expression} is not null"));
            for (operator, bound) in [(">=", from), ("<=", to)] {
                if let Some(bound) = bound {
                    statement.push(" and ");
                    push_ordered(statement, &expression, operator, bound);
                }
            }
        }
        Filter::LessThan(path, value) => push_ordered(statement, &field(path)?, "<", value),
        Filter::Contains(path, text) => {
            push_glob(statement, &field(path)?, &format!("*{}*", glob_ignoring_case(text)));
        }
        Filter::EqIgnoreCase(path, text) => push_glob(statement, &field(path)?, &glob_ignoring_case(text)),
        Filter::AnyElement { array, field: name, equals } => {
            statement
                .push(format!("exists (select 1 from json_each(body, {}) as e where ", json_path(array)?));
            let element =
                format!("case e.type when 'object' then json_extract(e.value, {}) end", json_path(name)?);
            push_compare(statement, &element, "=", equals);
            statement.push(")");
        }
    }
    Ok(())
}

/// Adds ` and …` for where a page begins.
pub(super) fn push_seek(
    statement: &mut QueryBuilder<Sqlite>,
    sort: &Sort,
    seek: &Seek<'_>,
) -> Result<(), ViewsError> {
    let beyond = if sort.descending { "<" } else { ">" };
    let sorted = field(&sort.path)?;
    match seek {
        Seek::Start => {}
        Seek::BeyondId(id) => push_beyond_id(statement, beyond, id),
        Seek::Beyond(value, id) => {
            // The first comparison is what the index seeks by; the second drops what the last page had.
            statement.push(" and ");
            push_compare(statement, &sorted, &format!("{beyond}="), value);
            statement.push(" and (");
            push_compare(statement, &sorted, beyond, value);
            statement.push(format!(" or id {beyond} "));
            push_id(statement, id);
            statement.push(")");
        }
        Seek::MissingBeyond(id) => {
            statement.push(format!(" and {sorted} is null"));
            push_beyond_id(statement, beyond, id);
        }
        Seek::Missing => {
            statement.push(format!(" and {sorted} is null"));
        }
        Seek::Present => {
            statement.push(format!(" and {sorted} is not null"));
        }
    }
    Ok(())
}

fn push_beyond_id(statement: &mut QueryBuilder<Sqlite>, beyond: &str, id: &crate::DocId) {
    statement.push(format!(" and id {beyond} "));
    push_id(statement, id);
}

fn push_compare(statement: &mut QueryBuilder<Sqlite>, expression: &str, operator: &str, value: &Scalar) {
    statement.push(format!("{expression} {operator} "));
    push_scalar(statement, value);
}

/// SQLite orders text above every number, so that a comparison by size must also ask for the type.
fn push_ordered(statement: &mut QueryBuilder<Sqlite>, expression: &str, operator: &str, value: &Scalar) {
    let types = match value {
        Scalar::Null => "'null'",
        Scalar::Bool(_) | Scalar::Int(_) | Scalar::Double(_) => "'integer', 'real'",
        Scalar::Text(_) | Scalar::Date(_) => "'text'",
    };
    push_compare(statement, expression, operator, value);
    statement.push(format!(" and typeof({expression}) in ({types})"));
}

pub(super) fn push_scalar(statement: &mut QueryBuilder<Sqlite>, value: &Scalar) {
    match value {
        Scalar::Null => statement.push("null"),
        Scalar::Bool(value) => statement.push_bind(*value),
        Scalar::Int(value) => statement.push_bind(*value),
        Scalar::Double(value) => statement.push_bind(*value),
        Scalar::Text(value) => statement.push_bind(value.clone()),
        Scalar::Date(value) => statement.push_bind(rfc3339(value)),
    };
}

fn push_glob(statement: &mut QueryBuilder<Sqlite>, expression: &str, pattern: &str) {
    statement.push(format!("(typeof({expression}) = 'text' and {expression} glob "));
    statement.push_bind(pattern.to_owned()).push(")");
}

/// A GLOB pattern of one class a character, because LIKE ignores the case of ASCII letters only.
fn glob_ignoring_case(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        // Alone in a class, `^` would negate it; outside of one it stands for itself.
        if character == '^' {
            pattern.push('^');
            continue;
        }
        pattern.push('[');
        pattern.push(character);
        pattern.extend(other_case(character));
        pattern.push(']');
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_pattern_stands_for_itself() {
        assert_eq!(glob_ignoring_case("É*?"), "[Éé][*][?]");
        assert_eq!(glob_ignoring_case("[]^-ß"), "[[][]]^[-][ß]");
    }
}
