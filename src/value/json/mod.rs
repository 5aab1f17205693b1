//! JSON values as `jsonb` has them, and values and rows as `to_jsonb` gives them.
//!
//! Numbers are `numeric` and keep their digits; an object's names are unique and ordered by length, then bytes.

mod parse;
mod plain;
mod write;

use super::numeric::Numeric;
use std::sync::Arc;

pub use plain::write_plain;
pub use write::{write_row, write_string, write_value};

/// A `jsonb` value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, with the digits it was written with.
    Number(Numeric),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Vec<Json>),
    /// An object: names ordered by length, then bytes, and unique. `Json::object` makes it so.
    Object(Vec<(Arc<str>, Json)>),
}

impl Json {
    /// An object of these members; of duplicates the last wins.
    pub fn object(mut members: Vec<(Arc<str>, Json)>) -> Json {
        members.reverse();
        members.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        members.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Json::Object(members)
    }

    /// An object's member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        let found = members.binary_search_by(|(n, _)| (n.len(), n.as_ref()).cmp(&(name.len(), name)));
        found.ok().map(|position| &members[position].1)
    }

    /// Appends the value as `jsonb` shows it.
    pub fn write(&self, out: &mut String) {
        write::write_json(self, out);
    }
}
