//! Keys enforced: of all rows with one key the least is shown, the others are errors for as long as that is so.

use super::min_max::reduce_to_many;
use crate::dataflow::arrange::arrange;
use crate::dataflow::fault::split;
use crate::dataflow::key::{Key, KeyPlan, with_key};
use crate::dataflow::program::Unique;
use crate::dataflow::slab::Bytes;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::timeline::DataError;
use crate::value::{Column, Datum, Diff, Row, RowBuilder, encoding, json, text};
use std::rc::Rc;

/// Postgres's code for a key that two rows have.
const UNIQUE_VIOLATION: &str = "23505";
/// And for a key column that is null.
const NOT_NULL_VIOLATION: &str = "23502";

/// The rows with unique keys that are not null, and the errors of the rest.
pub fn unique<'s>(rows: Rows<'s>, columns: &[Column], unique: &Unique) -> (Rows<'s>, Errors<'s>) {
    let report =
        Report { columns: columns.into(), key: unique.key.clone().into(), holder: unique.holder.as_str().into() };
    let nullable = unique.key.iter().any(|column| columns[*column].nullable);
    let (rows, nulls) = match nullable {
        true => {
            let report = report.clone();
            let checked = rows.map(move |row| match report.has_null_key(&row) {
                true => Err(Box::new(report.null(&row))),
                false => Ok(row),
            });
            let (rows, errors) = split(checked);
            (rows, Some(errors))
        }
        false => (rows, None),
    };
    if unique.proven {
        let none = crate::dataflow::types::empty(rows.inner.scope());
        return (rows, nulls.unwrap_or(none));
    }
    let key: Vec<Column> = unique.key.iter().map(|at| Column { nullable: false, ..columns[*at].clone() }).collect();
    let plan = KeyPlan::new(&key);
    let kind = plan.kind();
    let (rows, errors) = split(with_key!(kind, K => least::<K>(rows, plan, report)));
    (rows, nulls.into_iter().fold(errors, Collection::concat))
}

/// What begins the output of a key: the row that is shown, or the length of that row and then one that is not.
const SHOWN: u8 = 0;
const HELD: u8 = 1;

fn least<'s, K: Key>(rows: Rows<'s>, plan: KeyPlan, report: Report) -> Collection<'s, Outcome> {
    let (columns, mut builder) = (report.key.clone(), RowBuilder::default());
    let keyed = rows.map(move |row| {
        row.with_bytes(|bytes| columns.iter().for_each(|at| builder.push_encoded(encoding::column(bytes, *at))));
        (builder.finish().with_bytes(|key| K::read(&plan, key)), row)
    });
    let decided = reduce_to_many::<K>(arrange(keyed, "Unique"), "Unique", |_, rows: &[(Bytes<'_>, Diff)], out| {
        let mut present = rows.iter().filter(|(_, count)| *count > 0);
        let Some((least, count)) = present.next() else { return };
        out.push((Row::from_bytes(&[&[SHOWN], least.0].concat()), 1));
        let length = (least.0.len() as u32).to_be_bytes();
        let others = std::iter::once((least, count - 1)).chain(present.map(|(row, count)| (row, *count)));
        for (row, count) in others.filter(|(_, count)| *count > 0) {
            out.push((Row::from_bytes(&[&[HELD], length.as_slice(), least.0, row.0].concat()), count));
        }
    });
    decided.as_collection(move |_, row| match row.0.split_first() {
        Some((&HELD, rest)) => {
            let (length, rows) = rest.split_at(4);
            let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let (shown, held) = rows.split_at(length);
            Err(Box::new(report.held(&Row::from_bytes(shown), &Row::from_bytes(held))))
        }
        Some((_, row)) => Ok(Row::from_bytes(row)),
        None => Ok(Row::default()),
    })
}

/// Words the errors.
#[derive(Clone)]
struct Report {
    columns: Rc<[Column]>,
    key: Rc<[usize]>,
    holder: Rc<str>,
}

impl Report {
    fn has_null_key(&self, row: &Row) -> bool {
        row.with_bytes(|bytes| self.key.iter().any(|at| encoding::column(bytes, *at)[0] == encoding::NULL))
    }

    fn null(&self, row: &Row) -> DataError {
        let message = format!("the key ({}) of {} is null in this row, which is not shown", self.names(), self.holder);
        DataError { code: NOT_NULL_VIOLATION.to_string(), message, input: self.json(row) }
    }

    fn held(&self, shown: &Row, held: &Row) -> DataError {
        let (names, values) = (self.names(), self.values(held));
        let message = format!(
            "{} has one row for the key ({names}) = ({values}) and shows {}, not this one",
            self.holder,
            self.json(shown)
        );
        DataError { code: UNIQUE_VIOLATION.to_string(), message, input: self.json(held) }
    }

    fn names(&self) -> String {
        self.key.iter().map(|at| self.columns[*at].name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn values(&self, row: &Row) -> String {
        let values = row.unpack();
        let shown = |value: &Datum| {
            let mut out = String::new();
            text::write(value, &mut out);
            out
        };
        self.key.iter().map(|at| shown(&values[*at])).collect::<Vec<_>>().join(", ")
    }

    fn json(&self, row: &Row) -> String {
        let mut out = String::new();
        json::write_row(&self.columns, row, &mut out);
        out
    }
}
