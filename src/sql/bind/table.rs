//! Calls of functions that return rows, in the select list.
//!
//! The rows of such calls are put beside each other behind the rows that the list is computed over. Which column a call's value is
//! is known only when the list is complete: until then it goes by a number beyond all columns.

use super::clause::Clause;
use super::expression::Binder;
use super::operand::{Operand, arguments};
use super::subquery::applied;
use super::window::windowed;
use crate::expr::{ResolvedTable, Scalar, resolve_table_function};
use crate::plan::TableCall;
use crate::sql::error::{Bound, Fault};
use std::collections::BTreeSet;

/// The first number of a call's value; those of windows and subqueries follow.
const FIRST: usize = usize::MAX / 8;

/// Which call's value a column is, if it is one.
pub(in crate::sql) fn returned(column: usize) -> Option<usize> {
    column.checked_sub(FIRST).filter(|_| windowed(column).or(applied(column)).is_none())
}

/// Whether the expression reads a call's value.
pub(in crate::sql) fn reads_returned(scalar: &Scalar) -> bool {
    let mut any = false;
    scalar.columns(&mut |column| any |= returned(column).is_some());
    any
}

/// The calls whose values the expressions read, directly or as arguments of others; not where an expression `stops`.
pub(in crate::sql) fn calls_read<'s>(
    scalars: impl IntoIterator<Item = &'s Scalar>,
    calls: &'s [TableCall],
    stops: &dyn Fn(&Scalar) -> bool,
) -> BTreeSet<usize> {
    let (mut read, mut pending) = (BTreeSet::new(), scalars.into_iter().collect::<Vec<_>>());
    while let Some(scalar) = pending.pop() {
        if stops(scalar) {
            continue;
        }
        if let Scalar::Column(column, _) = scalar
            && let Some(call) = returned(*column)
            && read.insert(call)
        {
            pending.extend(&calls[call].arguments);
        }
        scalar.for_each_operand(&mut |operand| pending.push(operand));
    }
    read
}

/// The columns that the values have become.
pub(in crate::sql) fn place_returned(scalar: &mut Scalar, place: &dyn Fn(usize) -> Option<usize>) {
    scalar.map_columns(&mut |column| returned(column).and_then(place).unwrap_or(column));
}

impl Clause {
    /// What is said of a function that returns rows there.
    fn no_rows(self) -> Option<Fault> {
        let nested = "You might be able to move the set-returning function into a LATERAL FROM item.";
        let message = match self {
            Clause::Select | Clause::GroupBy => return None,
            Clause::From => "set-returning functions must appear at top level of FROM",
            Clause::Aggregate => {
                let message = "aggregate function calls cannot contain set-returning function calls";
                return Some(Fault::new("0A000", message).hint(nested));
            }
            Clause::Window => {
                let message = "window function calls cannot contain set-returning function calls";
                return Some(Fault::new("0A000", message).hint(nested));
            }
            Clause::Where => "set-returning functions are not allowed in WHERE",
            Clause::On => "set-returning functions are not allowed in JOIN conditions",
            Clause::Having => "set-returning functions are not allowed in HAVING",
            Clause::Values => "set-returning functions are not allowed in VALUES",
            Clause::Filter => "set-returning functions are not allowed in FILTER",
            Clause::Limit => "set-returning functions are not allowed in LIMIT",
            Clause::Offset => "set-returning functions are not allowed in OFFSET",
            Clause::WindowDefinition | Clause::Rows | Clause::Range | Clause::Groups => {
                "set-returning functions are not allowed in window definitions"
            }
        };
        Some(Fault::new("0A000", message))
    }
}

impl Binder<'_> {
    /// A call of a function that returns rows: its value, row by row.
    pub(super) fn returning(&mut self, name: &str, operands: Vec<Operand>) -> Bound<Operand> {
        if let Some(fault) = self.clause.no_rows() {
            return Err(fault);
        }
        if let Some(construct) = self.conditional {
            let message = format!("set-returning functions are not allowed in {construct}");
            let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
            return Err(Fault::new("0A000", message).hint(hint));
        }
        let call = table_call(name, operands)?;
        let [column] = call.columns.as_slice() else {
            return Err(Fault::unsupported("a whole row as a value is").hint(format!("Call {name} in FROM.")));
        };
        let ty = column.ty.clone();
        // Equal calls give equal rows.
        let place = self.calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        Ok(Operand::new(Scalar::Column(FIRST + place, ty)))
    }
}

/// The call of a function that returns rows; a column without a name of its own is called as the function is.
pub(in crate::sql) fn table_call(name: &str, operands: Vec<Operand>) -> Bound<TableCall> {
    let ResolvedTable { function, arguments: types, mut columns } =
        resolve_table_function(name, &arguments(&operands))?;
    columns.iter_mut().filter(|column| column.name.is_empty()).for_each(|column| column.name = name.to_owned());
    let arguments = operands.into_iter().zip(&types).map(|(operand, ty)| operand.implicit(ty));
    Ok(TableCall { function, arguments: arguments.collect::<Bound<_>>()?, columns })
}
