//! VALUES: rows of constants.

use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::Scalar;
use crate::plan::Rel;
use crate::sql::bind::expression::{Binder, Clause};
use crate::sql::bind::operand::{Operand, unified};
use crate::sql::bind::scope::Scope;
use crate::sql::error::{Bound, Fault};
use crate::value::Row;
use sqlparser::ast::{Spanned, Values};

impl Lowerer<'_> {
    pub(super) fn values(&mut self, values: &Values) -> Bound<Lowered> {
        let scope = Scope::default();
        let mut binder = Binder::new(self.catalog, &scope, Clause::Values, 0);
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut columns: Vec<Vec<Operand>> = vec![Vec::with_capacity(values.rows.len()); width];
        for row in &values.rows {
            if row.content.len() != width {
                let place = row.content.first().map_or(values.span(), Spanned::span);
                return Err(Fault::syntax("VALUES lists must all be the same length").at(place));
            }
            for (column, expr) in columns.iter_mut().zip(&row.content) {
                column.push(binder.bind(expr)?);
            }
        }
        let mut output = Vec::with_capacity(width);
        let mut cells: Vec<std::vec::IntoIter<Scalar>> = Vec::with_capacity(width);
        for (position, operands) in columns.into_iter().enumerate() {
            let (scalars, ty) = unified("VALUES", operands).map_err(|fault| fault.within(values))?;
            output.push(OutputColumn { name: format!("column{}", position + 1), ty, modifier: -1, open: None });
            cells.push(scalars.into_iter());
        }
        let one_row = || Rel::Constant { rows: vec![Row::default()], columns: Vec::new() };
        let rows = (0..values.rows.len())
            .map(|_| one_row().map(cells.iter_mut().filter_map(Iterator::next).collect()))
            .collect();
        Ok(Lowered { rel: Rel::Union { inputs: rows }, columns: output })
    }
}
