/// A named set of documents and the rules by which an engine stores their fields.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// The collection's name in MongoDB, the table's name in SQLite.
    pub name: &'static str,
    /// Fields, by name at any depth, that MongoDB stores as dates. In JSON they are RFC 3339 text.
    pub dates: &'static [&'static str],
    /// Fields, by name at any depth, that MongoDB stores as doubles even when the value is whole: money.
    pub doubles: &'static [&'static str],
    /// Indexes that [`crate::Views::prepare`] makes.
    pub indexes: &'static [Index],
}

/// An ascending index; engines read it backwards for descending sorts, so a sort index ends in `_id`.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// Unique within its collection.
    pub name: &'static str,
    /// Dotted paths.
    pub fields: &'static [&'static str],
    /// Whether a path goes through an array. Only MongoDB can index that; SQLite scans instead.
    pub through_array: bool,
}

impl Index {
    /// An index on plain fields.
    pub const fn on(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self { name, fields, through_array: false }
    }

    /// An index on the elements of an array.
    pub const fn on_array(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self { name, fields, through_array: true }
    }
}

impl Collection {
    pub(crate) fn is_date(&self, field: &str) -> bool {
        self.dates.contains(&field)
    }

    pub(crate) fn is_double(&self, field: &str) -> bool {
        self.doubles.contains(&field)
    }
}
