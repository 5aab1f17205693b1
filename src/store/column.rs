//! A column as the store knows it: one text, whose parts can be told again.

use crate::value::Column;

/// The text of a column.
pub fn column_text(Column { name, ty, modifier, nullable, .. }: &Column) -> String {
    // A name ends at the first space.
    let name = name.replace(' ', "\u{a0}");
    format!("{name} {ty} {modifier} {nullable}")
}

/// A column's text, in its parts: its name, type, what is more to that, and whether it may be null.
pub struct ColumnText<'c> {
    /// Its name.
    pub name: &'c str,
    /// Its type.
    pub ty: &'c str,
    modifier: &'c str,
    /// Whether it may be null.
    pub nullable: bool,
}

impl<'c> ColumnText<'c> {
    /// The parts of a text.
    pub fn of(text: &'c str) -> ColumnText<'c> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (rest, nullable) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let (ty, modifier) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        ColumnText { name, ty, modifier, nullable: nullable == "true" }
    }

    /// Whether both have one type.
    pub fn is_of_type(&self, other: &ColumnText<'_>) -> bool {
        (self.ty, self.modifier) == (other.ty, other.modifier)
    }
}
