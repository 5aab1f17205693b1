//! Sort codes: rows as bytes whose order is that of an ORDER BY.

use crate::plan::SortKey;
use crate::value::{encoding, key};

/// How one column is encoded.
#[derive(Clone, Copy, Debug)]
pub struct Direction {
    descending: bool,
    nulls_first: bool,
    /// Whether the row encoding is in order already.
    canonical: bool,
}

const NULLS_FIRST: u8 = 0;
const VALUE: u8 = 1;
const NULLS_LAST: u8 = 2;

impl Direction {
    /// That of a sort key.
    pub fn of(key: &SortKey) -> Direction {
        let canonical = key.expression.ty().is_canonical();
        Direction { descending: key.descending, nulls_first: key.nulls_first, canonical }
    }

    /// Appends a column's code. A code says where it ends, so that codes one after the other compare as tuples, also inverted ones.
    pub fn encode(self, column: &[u8], out: &mut Vec<u8>) {
        if column[0] == encoding::NULL {
            return out.push(if self.nulls_first { NULLS_FIRST } else { NULLS_LAST });
        }
        out.push(VALUE);
        let start = out.len();
        match self.canonical {
            true => out.extend_from_slice(column),
            false => key::encode(&encoding::decode(column).0, out),
        }
        if self.descending {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}
